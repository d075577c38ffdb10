//! Repeated image fetches by signed link. These cost the client nothing, so they must not let the log grow without
//! bound: the first fetch of an image is recorded at once, and further fetches within a minute share one entry at its
//! end.

use std::collections::HashMap;
use std::time::Duration;

use entity::ids::Tenant;
use tokio::time::{Instant, sleep_until};

use super::LINK;
use super::entry::{Entry, Ids};

/// Length of the counting window.
const WINDOW: Duration = Duration::from_mins(1);

/// Maximum number of images counted at the same time; fetches of further images get individual entries.
const MAX_PICTURES: usize = 10_000;

/// Recently fetched images.
#[derive(Default)]
pub(super) struct Repeats(HashMap<(Tenant, Ids), Fetched>);

struct Fetched {
    /// End of the counting window.
    end: Instant,
    /// The entry that counts the fetches after the first.
    again: Option<Entry>,
}

impl Repeats {
    /// Counts `entry` if it repeats another; returns it if it must be written now.
    pub(super) fn take(&mut self, entry: Entry, now: Instant) -> Option<Entry> {
        if entry.origin.actor != LINK {
            return Some(entry);
        }
        let picture = (entry.origin.tenant.clone(), entry.about.clone());
        let Some(fetched) = self.0.get_mut(&picture) else {
            if self.0.len() < MAX_PICTURES {
                self.0.insert(picture, Fetched { end: now + WINDOW, again: None });
            }
            return Some(entry);
        };
        if let Some(again) = &mut fetched.again {
            return again.absorb(entry).err();
        }
        // The entry waits here and no longer occupies the buffer.
        fetched.again = Some(entry.at(None));
        None
    }

    /// Removes and returns the entries whose window has ended.
    pub(super) fn ended(&mut self, now: Instant) -> Vec<Entry> {
        let ended = self.0.extract_if(|_, fetched| fetched.end <= now);
        ended.filter_map(|(_, fetched)| fetched.again).collect()
    }

    /// Removes and returns all counted entries.
    pub(super) fn all(&mut self) -> Vec<Entry> {
        self.0.drain().filter_map(|(_, fetched)| fetched.again).collect()
    }

    /// Waits until the next window ends; forever if nothing is counted.
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
        let (tenant, party) = (Tenant::parse(tenant).unwrap(), Party::unlimited());
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
