//! An audit entry before it is appended to the chain.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use entity::ids::{AnyId, Tenant};

use crate::clock::Clock;
use crate::ids;
use crate::shares::{Held, Party};

/// Maximum number of ids per entry.
const MAX_IDS: usize = 1000;

/// The source of the acts of one request.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) tenant: Tenant,
    /// How the acting client was authenticated.
    pub(super) actor: String,
    /// The request id; empty if there is none.
    pub(super) request: String,
    /// The party whose share of the buffer the entries use.
    pub(super) party: Party,
    pub(super) clock: Clock,
}

/// A recorded act.
pub(super) struct Entry {
    pub(super) time: DateTime<Utc>,
    pub(super) origin: Arc<Origin>,
    pub(super) act: Cow<'static, str>,
    pub(super) about: Ids,
    pub(super) outcome: Cow<'static, str>,
    pub(super) times: i64,
    /// Slot in the buffer, held until the entry is written.
    _place: Option<Box<Held>>,
}

impl Entry {
    /// An entry for an act that has just ended.
    pub(super) fn new(
        origin: Arc<Origin>,
        act: impl Into<Cow<'static, str>>,
        about: Ids,
        outcome: impl Into<Cow<'static, str>>,
    ) -> Self {
        let (time, act, outcome) = (origin.clock.now(), act.into(), outcome.into());
        Self { time, origin, act, about, outcome, times: 1, _place: None }
    }

    /// The same entry, holding this slot in the buffer or none.
    pub(super) fn at(self, place: Option<Held>) -> Self {
        Self { _place: place.map(Box::new), ..self }
    }

    /// What entries must have in common to be counted together: tenant, actor, act and outcome.
    pub(super) fn kind(&self) -> (Tenant, String, Cow<'static, str>, Cow<'static, str>) {
        let Origin { tenant, actor, .. } = &*self.origin;
        (tenant.clone(), actor.clone(), self.act.clone(), self.outcome.clone())
    }

    /// Merges another entry of the same kind; an entry of several requests has no request id. Returns the other entry
    /// if the ids of both exceed the limit of an entry.
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

/// The ids that an act concerns, each once, up to the limit of an entry.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Ids {
    held: BTreeSet<AnyId>,
    /// Number of further ids that did not fit.
    pub(super) left_out: i64,
}

impl Ids {
    /// Adds an id; `false` if the entry is full.
    pub(super) fn take(&mut self, id: AnyId) -> bool {
        if self.held.len() < MAX_IDS {
            self.held.insert(id);
        }
        self.held.contains(&id)
    }

    /// Adds all ids, or none if they do not all fit.
    fn absorb(&mut self, others: &Self) -> bool {
        let new = others.held.difference(&self.held).count();
        let has_room = self.held.len() + new <= MAX_IDS;
        if has_room {
            self.held.extend(&others.held);
            self.left_out += others.left_out;
        }
        has_room
    }

    /// The ids as a JSON list of TypeIDs.
    pub(super) fn to_json(&self) -> String {
        let shown: Vec<String> = self.held.iter().copied().map(ids::show).collect();
        // Serializing a list of strings cannot fail.
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
