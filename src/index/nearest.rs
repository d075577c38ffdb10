//! The nearest people found so far in a search.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use entity::ids::PersonId;

use super::Match;

/// Keeps the best face of each of the `limit` nearest people.
pub(super) struct Nearest {
    limit: usize,
    max_distance: f32,
    ranked: BTreeSet<Ranked>,
    by_person: HashMap<PersonId, Match>,
}

impl Nearest {
    pub(super) fn new(limit: usize, max_distance: f32) -> Self {
        Self { limit, max_distance, ranked: BTreeSet::new(), by_person: HashMap::new() }
    }

    /// Distance beyond which a face can no longer be among the nearest.
    pub(super) fn horizon(&self) -> f32 {
        match self.ranked.last() {
            Some(last) if self.ranked.len() >= self.limit => last.0.distance,
            _ => self.max_distance,
        }
    }

    /// Adds the face if it is among the nearest.
    pub(super) fn offer(&mut self, found: Match) {
        let within = found.distance <= self.max_distance;
        let known = self.by_person.get(&found.person).copied();
        if !within || known.is_some_and(|known| Ranked(known) <= Ranked(found)) {
            return;
        }
        if let Some(known) = known {
            self.ranked.remove(&Ranked(known));
        }
        self.ranked.insert(Ranked(found));
        self.by_person.insert(found.person, found);
        if self.ranked.len() > self.limit
            && let Some(Ranked(farthest)) = self.ranked.pop_last()
        {
            self.by_person.remove(&farthest.person);
        }
    }

    /// The matches, nearest first.
    pub(super) fn into_matches(self) -> Vec<Match> {
        self.ranked.into_iter().map(|Ranked(found)| found).collect()
    }
}

/// Ordered by distance, then by face.
struct Ranked(Match);

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.distance.total_cmp(&other.0.distance).then(self.0.face.cmp(&other.0.face))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}
