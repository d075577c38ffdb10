//! What an entry says, before it has its place in the chain.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use entity::ids::{AnyId, Tenant};

use crate::clock::Clock;
use crate::shares::{Held, Party};
use crate::type_id;

/// Ids that an entry holds, at most.
const MOST_IDS: usize = 1000;

/// Where acts come from.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) tenant: Tenant,
    /// By what the one who acts was let in.
    pub(super) actor: String,
    /// The request's id; empty where there is none.
    pub(super) request: String,
    /// On whose share of the buffer its entries count.
    pub(super) party: Party,
    pub(super) clock: Clock,
}

/// Something that was done.
pub(super) struct Entry {
    pub(super) time: DateTime<Utc>,
    pub(super) origin: Arc<Origin>,
    pub(super) act: Cow<'static, str>,
    pub(super) about: Ids,
    pub(super) outcome: Cow<'static, str>,
    pub(super) times: i64,
    /// In the buffer, until it is written.
    _place: Option<Box<Held>>,
}

impl Entry {
    /// Of something that has just been done.
    pub(super) fn new(
        origin: Arc<Origin>,
        act: impl Into<Cow<'static, str>>,
        about: Ids,
        outcome: impl Into<Cow<'static, str>>,
    ) -> Self {
        let (time, act, outcome) = (origin.clock.now(), act.into(), outcome.into());
        Self { time, origin, act, about, outcome, times: 1, _place: None }
    }

    /// With a place in the buffer, or with none any longer.
    pub(super) fn at(self, place: Option<Held>) -> Self {
        Self { _place: place.map(Box::new), ..self }
    }

    /// What it has in common with others that can be counted together: whose it is, who did what, and what came of it.
    pub(super) fn kind(&self) -> (Tenant, String, Cow<'static, str>, Cow<'static, str>) {
        let Origin { tenant, actor, .. } = &*self.origin;
        (tenant.clone(), actor.clone(), self.act.clone(), self.outcome.clone())
    }

    /// Takes in another one of its kind; of several requests it names none. Gives it back when the ids of both are more
    /// than an entry holds.
    pub(super) fn absorb(&mut self, other: Self) -> Result<(), Self> {
        if !self.about.absorb(&other.about) {
            return Err(other);
        }
        if !Arc::ptr_eq(&self.origin, &other.origin) {
            self.origin = Arc::new(Origin { request: String::new(), ..(*self.origin).clone() });
        }
        self.times += other.times;
        Ok(())
    }
}

/// What something is about: each id once, and not more than an entry holds.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Ids {
    held: BTreeSet<AnyId>,
    /// How many more there were.
    pub(super) left_out: i64,
}

impl Ids {
    /// Takes an id in, if there is room for it.
    pub(super) fn take(&mut self, id: AnyId) -> bool {
        if self.held.len() < MOST_IDS {
            self.held.insert(id);
        }
        self.held.contains(&id)
    }

    /// Takes all of them in, if there is room for all.
    fn absorb(&mut self, others: &Self) -> bool {
        let new = others.held.difference(&self.held).count();
        let has_room = self.held.len() + new <= MOST_IDS;
        if has_room {
            self.held.extend(&others.held);
            self.left_out += others.left_out;
        }
        has_room
    }

    /// As a JSON list of TypeIDs.
    pub(super) fn to_json(&self) -> String {
        let shown: Vec<String> = self.held.iter().copied().map(type_id::show).collect();
        // A list of strings can always be written as JSON.
        serde_json::to_string(&shown).unwrap_or_default()
    }
}

impl Extend<AnyId> for Ids {
    fn extend<I: IntoIterator<Item = AnyId>>(&mut self, ids: I) {
        for id in ids {
            if !self.take(id) {
                self.left_out += 1;
            }
        }
    }
}
