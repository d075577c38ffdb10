//! What one request leaves in the log.

use std::borrow::Cow;
use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use entity::ids::AnyId;
use sea_orm::DbErr;

use super::entry::{Entry, Ids, Origin};
use super::{AuditLog, Overrun, Seat};
use crate::database::Write;

/// What is noted of something that was done.
pub(super) const DONE: &str = "OK";

/// What is noted of something that came to no end: its client went away, or it took too long.
const BROKEN_OFF: &str = "BROKEN_OFF";

/// What is noted of vectors and pictures that were shown.
const READ: &str = "read";

/// What a request leaves in the log. Cloning shares it; the default one leaves nothing.
#[derive(Clone, Default)]
pub struct Trail(Option<Arc<Steps>>);

struct Steps {
    log: AuditLog,
    origin: Arc<Origin>,
    /// What is being done: a request does one thing after the other.
    act: Mutex<Option<Arc<Act>>>,
    ended: Arc<Ended>,
    /// What was shown so far.
    shown: Mutex<Option<Shown>>,
}

impl Trail {
    pub(super) fn new(log: AuditLog, origin: Arc<Origin>) -> Self {
        let (act, ended, shown) = (Mutex::default(), Arc::default(), Mutex::default());
        Self(Some(Arc::new(Steps { log, origin, act, ended, shown })))
    }

    /// Of a command, which is one act with any number of writes.
    pub(super) fn of_command(log: AuditLog, origin: Arc<Origin>, command: &str) -> Self {
        let ended = Arc::<Ended>::default();
        let act = Act::new(origin.clone(), command.to_owned(), None, ended.clone());
        let act = Mutex::new(Some(Arc::new(act)));
        Self(Some(Arc::new(Steps { log, origin, act, ended, shown: Mutex::default() })))
    }

    /// Begins to do something. However it ends, there will be an entry: in the write that [`Self::record`]s it, or else
    /// from the buffer, with what else the request did by that name and with that outcome.
    ///
    /// # Errors
    /// [`Overrun`] when there is no room for the entry; it must not be done then.
    pub async fn begin(&self, act: &str) -> Result<Doing, Overrun> {
        if let Some(steps) = &self.0 {
            let seat = steps.log.seat(&steps.origin.party).await?;
            let act = Act::new(steps.origin.clone(), act.to_owned(), Some(seat), steps.ended.clone());
            *lock(&steps.act) = Some(Arc::new(act));
        }
        Ok(Doing(self.clone()))
    }

    /// Notes what it is about that is being done.
    pub fn about(&self, ids: impl IntoIterator<Item = AnyId>) {
        if let Some(act) = self.act() {
            lock(&act.about).extend(ids);
        }
    }

    /// Writes the entry of what is being done as part of `write`, so that there is neither without the other.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record(&self, write: &mut Write, ids: impl IntoIterator<Item = AnyId>) -> Result<(), DbErr> {
        let (Some(steps), Some(act)) = (&self.0, self.act()) else { return Ok(()) };
        let mut about = lock(&act.about).clone();
        about.extend(ids);
        let entry = Entry::new(steps.origin.clone(), act.name.clone(), about, DONE);
        steps.log.append(write, &[entry]).await?;
        // Held until then, so that an act broken off during its commit has one entry as well.
        write.after_commit(move || act.is_recorded.store(true, Ordering::Relaxed));
        Ok(())
    }

    /// Notes that a vector or a picture of `id` is shown. What is shown together has one entry.
    ///
    /// # Errors
    /// [`Overrun`] when there is no room for the entry; it must not be shown then.
    pub async fn show(&self, id: AnyId) -> Result<(), Overrun> {
        let Some(steps) = &self.0 else { return Ok(()) };
        if !steps.show_with_others(id) {
            let seat = steps.log.seat(&steps.origin.party).await?;
            steps.show_first(id, seat);
        }
        Ok(())
    }

    /// Whether what is shown next begins an entry.
    #[must_use]
    pub fn begins_showing(&self) -> bool {
        self.0.as_ref().is_some_and(|steps| lock(&steps.shown).is_none())
    }

    /// What was shown so far has an entry of its own.
    pub fn flush(&self) {
        if let Some(steps) = &self.0 {
            steps.flush();
        }
    }

    fn act(&self) -> Option<Arc<Act>> {
        lock(&self.0.as_ref()?.act).clone()
    }
}

impl fmt::Debug for Trail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Trail")
    }
}

/// Something being done; when this is dropped before [`Doing::end`], it was broken off.
#[must_use]
pub struct Doing(Trail);

impl Doing {
    /// It has ended, with this code when it failed.
    pub fn end(self, failure: Option<String>) {
        if let Some(act) = self.0.act() {
            *lock(&act.outcome) = failure.map_or(DONE.into(), Cow::from);
        }
    }
}

impl Drop for Doing {
    fn drop(&mut self) {
        if let Some(steps) = &self.0.0 {
            // Outside of the lock: the last one to let go of an act notes it.
            let _ended = mem::take(&mut *lock(&steps.act));
        }
    }
}

/// Something that is being done. Unless a write has recorded it, the last one to let go of it notes it.
struct Act {
    origin: Arc<Origin>,
    name: String,
    /// What it is about.
    about: Mutex<Ids>,
    outcome: Mutex<Cow<'static, str>>,
    is_recorded: AtomicBool,
    /// None for commands: what they do not write leaves nothing.
    seat: Option<Seat>,
    /// Where it is noted.
    ended: Arc<Ended>,
}

impl Act {
    fn new(origin: Arc<Origin>, name: String, seat: Option<Seat>, ended: Arc<Ended>) -> Self {
        let (about, outcome) = (Mutex::default(), Mutex::new(BROKEN_OFF.into()));
        Self { origin, name, about, outcome, is_recorded: AtomicBool::new(false), seat, ended }
    }
}

impl Drop for Act {
    fn drop(&mut self) {
        let Some(seat) = self.seat.take() else { return };
        if !self.is_recorded.load(Ordering::Relaxed) {
            let (about, outcome) = (mem::take(&mut *lock(&self.about)), lock(&self.outcome).clone());
            let entry = Entry::new(self.origin.clone(), mem::take(&mut self.name), about, outcome);
            self.ended.take(entry, seat);
        }
    }
}

/// What a request has done and no write has recorded, each with its place in the buffer. It goes there when the request
/// and all that it began are over: nothing has been answered before.
#[derive(Default)]
struct Ended(Mutex<Vec<(Entry, Seat)>>);

impl Ended {
    /// Takes an entry in. Its place is free again when there is one like it that has room for it.
    fn take(&self, entry: Entry, seat: Seat) {
        let mut ended = lock(&self.0);
        let rest = match ended.iter_mut().rev().find(|(other, _)| is_like(other, &entry)) {
            Some((other, _)) => other.absorb(entry).err(),
            None => Some(entry),
        };
        if let Some(entry) = rest {
            ended.push((entry, seat));
        }
    }
}

/// Of one request.
fn is_like(one: &Entry, other: &Entry) -> bool {
    one.act == other.act && one.outcome == other.outcome
}

impl Drop for Ended {
    fn drop(&mut self) {
        for (entry, seat) in mem::take(&mut *lock(&self.0)) {
            seat.send(entry);
        }
    }
}

/// What was shown together.
struct Shown {
    ids: Ids,
    seat: Seat,
}

impl Steps {
    /// Whether there was something that this can be noted with.
    fn show_with_others(&self, id: AnyId) -> bool {
        let mut shown = lock(&self.shown);
        let has_room = shown.as_mut().is_some_and(|shown| shown.ids.take(id));
        if !has_room && let Some(full) = shown.take() {
            self.note(full);
        }
        has_room
    }

    /// Another part of the request may have come first while this one waited for its seat.
    fn show_first(&self, id: AnyId, seat: Seat) {
        let mut shown = lock(&self.shown);
        if !shown.as_mut().is_some_and(|shown| shown.ids.take(id)) {
            let mut ids = Ids::default();
            ids.extend([id]);
            if let Some(full) = shown.replace(Shown { ids, seat }) {
                self.note(full);
            }
        }
    }

    fn flush(&self) {
        if let Some(shown) = lock(&self.shown).take() {
            self.note(shown);
        }
    }

    fn note(&self, Shown { ids, seat }: Shown) {
        seat.send(Entry::new(self.origin.clone(), READ, ids, DONE));
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        self.flush();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
