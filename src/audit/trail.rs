//! The entries that one request produces.

use std::borrow::Cow;
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use entity::ids::AnyId;
use parking_lot::{Mutex, MutexGuard};
use sea_orm::DbErr;

use super::entry::{Entry, Ids, Origin};
use super::{AuditLog, BufferFull, Permit};
use crate::store::database::Write;

/// Outcome of an act that succeeded.
pub(super) const DONE: &str = "OK";

/// Outcome of an act that did not finish: the client disconnected, or the act timed out.
const BROKEN_OFF: &str = "BROKEN_OFF";

/// Act recorded when vectors or images are returned.
const READ: &str = "read";

/// Collects the entries of one request. Clones share the same state; the default records nothing.
#[derive(Clone, Default)]
pub struct Trail(Option<Arc<Steps>>);

struct Steps {
    log: AuditLog,
    origin: Arc<Origin>,
    /// The act in progress: a request performs one act at a time.
    act: Mutex<Option<Arc<Action>>>,
    ended: Arc<Ended>,
    /// Reads recorded so far.
    shown: Mutex<Option<Shown>>,
}

impl Trail {
    pub(super) fn new(log: AuditLog, origin: Arc<Origin>) -> Self {
        let (act, ended, shown) = (Mutex::default(), Arc::default(), Mutex::default());
        Self(Some(Arc::new(Steps { log, origin, act, ended, shown })))
    }

    /// The trail of a command: one act with any number of writes.
    pub(super) fn of_command(log: AuditLog, origin: Arc<Origin>, command: &str) -> Self {
        let ended = Arc::<Ended>::default();
        let act = Action::new(origin.clone(), command.to_owned(), None, ended.clone());
        let act = Mutex::new(Some(Arc::new(act)));
        Self(Some(Arc::new(Steps { log, origin, act, ended, shown: Mutex::default() })))
    }

    /// Begins an act. However it ends, it gets an entry: in the write that [`Self::record`]s it, or else through the
    /// buffer, merged with the request's other acts of the same name and outcome.
    ///
    /// # Errors
    /// [`BufferFull`] when there is no slot for the entry; the act must not be performed then.
    pub async fn begin(&self, act: &str) -> Result<ActionGuard, BufferFull> {
        if let Some(steps) = &self.0 {
            let seat = steps.log.seat(&steps.origin.party).await?;
            let act = Action::new(steps.origin.clone(), act.to_owned(), Some(seat), steps.ended.clone());
            *lock(&steps.act) = Some(Arc::new(act));
        }
        Ok(ActionGuard(self.clone()))
    }

    /// Adds ids that the current act concerns.
    pub fn about(&self, ids: impl IntoIterator<Item = AnyId>) {
        if let Some(act) = self.act() {
            lock(&act.about).extend(ids);
        }
    }

    /// Writes the entry of the current act as part of `write`, so that both are committed or neither.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record(&self, write: &mut Write, ids: impl IntoIterator<Item = AnyId>) -> Result<(), DbErr> {
        let (Some(steps), Some(act)) = (&self.0, self.act()) else { return Ok(()) };
        let mut about = lock(&act.about).clone();
        about.extend(ids);
        let entry = Entry::new(steps.origin.clone(), act.name.clone(), about, DONE);
        steps.log.append(write, &[entry]).await?;
        // The slot is held until then, so that an act interrupted during its commit has an entry as well.
        write.after_commit(move || act.is_recorded.store(true, Ordering::Relaxed));
        Ok(())
    }

    /// Records that a vector or an image of `id` is returned. Reads that happen together share one entry.
    ///
    /// # Errors
    /// [`BufferFull`] when there is no slot for the entry; the data must not be returned then.
    pub async fn show(&self, id: AnyId) -> Result<(), BufferFull> {
        let Some(steps) = &self.0 else { return Ok(()) };
        if !steps.show_with_others(id) {
            let seat = steps.log.seat(&steps.origin.party).await?;
            steps.show_first(id, seat);
        }
        Ok(())
    }

    /// Whether the next read starts a new entry.
    #[must_use]
    pub fn begins_showing(&self) -> bool {
        self.0.as_ref().is_some_and(|steps| lock(&steps.shown).is_none())
    }

    /// Ends the current entry of reads; later reads get another one.
    pub fn flush(&self) {
        if let Some(steps) = &self.0 {
            steps.flush();
        }
    }

    fn act(&self) -> Option<Arc<Action>> {
        lock(&self.0.as_ref()?.act).clone()
    }
}

impl fmt::Debug for Trail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Trail")
    }
}

/// An act in progress; if it is dropped before [`ActionGuard::end`], the act is recorded as interrupted.
#[must_use]
pub struct ActionGuard(Trail);

impl ActionGuard {
    /// Ends the act, with the error code if it failed.
    pub fn end(self, failure: Option<String>) {
        if let Some(act) = self.0.act() {
            *lock(&act.outcome) = failure.map_or(DONE.into(), Cow::from);
        }
    }
}

impl Drop for ActionGuard {
    fn drop(&mut self) {
        if let Some(steps) = &self.0.0 {
            // Dropped outside of the lock, because dropping the last reference records the act.
            let _ended = mem::take(&mut *lock(&steps.act));
        }
    }
}

/// An act in progress. Unless a write has recorded it, dropping the last reference records it.
struct Action {
    origin: Arc<Origin>,
    name: String,
    /// Ids that the act concerns.
    about: Mutex<Ids>,
    outcome: Mutex<Cow<'static, str>>,
    is_recorded: AtomicBool,
    /// `None` for commands, whose acts are recorded only by writes.
    seat: Option<Permit>,
    /// Collects the act's entry.
    ended: Arc<Ended>,
}

impl Action {
    fn new(origin: Arc<Origin>, name: String, seat: Option<Permit>, ended: Arc<Ended>) -> Self {
        let (about, outcome) = (Mutex::default(), Mutex::new(BROKEN_OFF.into()));
        Self { origin, name, about, outcome, is_recorded: AtomicBool::new(false), seat, ended }
    }
}

impl Drop for Action {
    fn drop(&mut self) {
        let Some(seat) = self.seat.take() else { return };
        if !self.is_recorded.load(Ordering::Relaxed) {
            let (about, outcome) = (mem::take(&mut *lock(&self.about)), lock(&self.outcome).clone());
            let entry = Entry::new(self.origin.clone(), mem::take(&mut self.name), about, outcome);
            self.ended.take(entry, seat);
        }
    }
}

/// Acts of a request that no write has recorded, each with its slot. They are sent to the buffer when the request and
/// everything it started have ended: no response was sent before.
#[derive(Default)]
struct Ended(Mutex<Vec<(Entry, Permit)>>);

impl Ended {
    /// Adds an entry. If it can be merged into a similar entry, its slot is released.
    fn take(&self, entry: Entry, seat: Permit) {
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

/// Whether two entries of one request can be merged.
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

/// Reads that share one entry.
struct Shown {
    ids: Ids,
    seat: Permit,
}

impl Steps {
    /// Adds the id to the current entry; `false` if there is none with room for it.
    fn show_with_others(&self, id: AnyId) -> bool {
        let mut shown = lock(&self.shown);
        let has_room = shown.as_mut().is_some_and(|shown| shown.ids.take(id));
        if !has_room && let Some(full) = shown.take() {
            self.note(full);
        }
        has_room
    }

    /// Another part of the request may have started an entry while this one waited for its slot.
    fn show_first(&self, id: AnyId, seat: Permit) {
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
    mutex.lock()
}
