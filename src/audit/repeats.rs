//! Pictures that are fetched again by their links. Nobody pays for that, so the log does not grow with it: the first fetch
//! of a picture has an entry at once, and those that follow within a minute have one together at its end.

use std::collections::HashMap;
use std::time::Duration;

use entity::ids::Tenant;
use tokio::time::{Instant, sleep_until};

use super::LINK;
use super::entry::{Entry, Ids};

/// How long is counted.
const WINDOW: Duration = Duration::from_mins(1);

/// Pictures whose fetches are counted at once; each fetch of another one has an entry of its own.
const MOST_PICTURES: usize = 10_000;

/// Pictures that were fetched a moment ago.
#[derive(Default)]
pub(super) struct Repeats(HashMap<(Tenant, Ids), Fetched>);

struct Fetched {
    /// Until when further fetches are counted.
    end: Instant,
    /// Those after the first.
    again: Option<Entry>,
}

impl Repeats {
    /// Counts `entry` if it repeats another one; gives it back if it is to be written now.
    pub(super) fn take(&mut self, entry: Entry, now: Instant) -> Option<Entry> {
        if entry.origin.actor != LINK {
            return Some(entry);
        }
        let picture = (entry.origin.tenant.clone(), entry.about.clone());
        let Some(fetched) = self.0.get_mut(&picture) else {
            if self.0.len() < MOST_PICTURES {
                self.0.insert(picture, Fetched { end: now + WINDOW, again: None });
            }
            return Some(entry);
        };
        if let Some(again) = &mut fetched.again {
            return again.absorb(entry).err();
        }
        // It waits here, and in the buffer no longer.
        fetched.again = Some(entry.at(None));
        None
    }

    /// What was counted for long enough.
    pub(super) fn ended(&mut self, now: Instant) -> Vec<Entry> {
        let ended = self.0.extract_if(|_, fetched| fetched.end <= now);
        ended.filter_map(|(_, fetched)| fetched.again).collect()
    }

    /// All that was counted.
    pub(super) fn all(&mut self) -> Vec<Entry> {
        self.0.drain().filter_map(|(_, fetched)| fetched.again).collect()
    }

    /// Waits until something was counted for long enough; for ever while there is nothing.
    pub(super) async fn next_end(&self) {
        match self.0.values().map(|fetched| fetched.end).min() {
            Some(end) => sleep_until(end).await,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use entity::ids::PersonId;
    use uuid::Uuid;

    use super::*;
    use crate::audit::entry::Origin;
    use crate::clock::Clock;
    use crate::shares::Party;

    fn fetched(actor: &str, tenant: &str, picture: Uuid) -> Entry {
        let (tenant, party) = (Tenant::parse(tenant).unwrap(), Party::nobody());
        let origin =
            Origin { tenant, actor: actor.into(), request: "1".into(), party, clock: Clock::system() };
        let mut about = Ids::default();
        about.extend([PersonId(picture).into()]);
        Entry::new(Arc::new(origin), "read", about, "OK")
    }

    #[test]
    fn a_picture_has_one_entry_at_once_and_one_when_a_minute_is_over() {
        let (mut repeats, start, picture) = (Repeats::default(), Instant::now(), Uuid::now_v7());
        let mut passes = |entry, now| repeats.take(entry, now).is_some();
        assert!(passes(fetched(LINK, "acme", picture), start));
        for _ in 0..10 {
            assert!(!passes(fetched(LINK, "acme", picture), start));
        }
        for other in [
            fetched(LINK, "acme", Uuid::now_v7()),
            fetched(LINK, "other", picture),
            fetched("key_1", "acme", picture),
        ] {
            assert!(passes(other, start));
        }
        assert!(repeats.ended(start + WINDOW / 2).is_empty());
        let [again] = &repeats.ended(start + WINDOW)[..] else { panic!("not one") };
        assert_eq!((again.times, &*again.origin.request), (10, ""));
        assert!(repeats.0.is_empty(), "nothing is remembered for longer");
        assert!(repeats.take(fetched(LINK, "acme", picture), start + WINDOW).is_some());
    }
}
