//! The engine's queue: urgent requests precede background work, and within each urgency tenants take turns, and so do
//! the keys of each tenant. A request starts once there is memory to decode its image.

pub(super) mod request;
#[cfg(test)]
mod tests;

use std::pin::pin;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::Notify;

use super::turns::Turns;
use super::{Client, Urgency};
use request::Request;

/// Limits of the queue.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// Maximum number of waiting requests per urgency.
    pub(super) places: usize,
    /// Number of engine threads.
    pub(super) threads: usize,
    /// Memory for decoding, in bytes, shared by all running requests.
    pub(super) memory: u64,
}

/// Creates an empty queue: its sending and its receiving end.
pub(super) fn line(bounds: Bounds) -> (Line, Waiting) {
    let state = State {
        urgent: Turns::default(),
        background: Turns::default(),
        places: bounds.places,
        memory: Memory { total: bounds.memory, used: 0, awaited: None },
        // With more than one thread, one is reserved for quick images.
        slow_free: bounds.threads.saturating_sub(1).max(1),
        numbers: 0,
        end: End::Open,
    };
    let shared = Arc::new(Shared { state: Mutex::new(state), work: Condvar::new(), room: Notify::new() });
    (Line(Arc::new(Entrance(shared.clone()))), Waiting(Arc::new(Exit(shared))))
}

/// The sending end of the queue.
#[derive(Clone)]
pub(super) struct Line(Arc<Entrance>);

/// All threads have ended, so no request can be processed.
pub(super) struct Stopped;

impl Line {
    /// Enqueues a request, waiting for a free slot. When no other client waits, a client may hold a third of the slots
    /// and its tenant half of them. The shares shrink when others wait, so that slots remain for further clients.
    pub(super) async fn send(&self, request: Request, urgency: Urgency) -> Result<(), Stopped> {
        let shared = &self.0.0;
        let mut request = Some(request);
        loop {
            let mut freed = pin!(shared.room.notified());
            // Registered before checking for a free slot; otherwise a slot freed in between would be missed.
            freed.as_mut().enable();
            shared.lock().put(&mut request, urgency)?;
            if request.is_none() {
                shared.work.notify_one();
                return Ok(());
            }
            freed.await;
        }
    }

    /// Number of waiting requests of that urgency.
    pub(super) fn len(&self, urgency: Urgency) -> usize {
        self.0.0.lock().queue(urgency).len()
    }
}

/// The receiving end of the queue, for the engine threads.
#[derive(Clone)]
pub(super) struct Waiting(Arc<Exit>);

/// A request being processed, and what it holds until its response is sent.
pub(super) struct Taken {
    pub(super) request: Request,
    pub(super) reservation: Reservation,
}

impl Waiting {
    /// Waits for the next request; `None` when all senders are gone.
    pub(super) fn next(&self) -> Option<(Taken, Urgency)> {
        let shared = &self.0.0;
        let mut state = shared.lock();
        loop {
            for urgency in [Urgency::Urgent, Urgency::Background] {
                if let Some(taken) = state.take(urgency, With::Nothing) {
                    drop(state);
                    return Some((shared.taken(taken), urgency));
                }
            }
            if state.end != End::Open && state.is_empty() {
                return None;
            }
            shared.work.wait(&mut state);
        }
    }

    /// The next quick request of that urgency, if one is waiting and may start.
    pub(super) fn more(&self, urgency: Urgency) -> Option<Taken> {
        let shared = &self.0.0;
        let taken = shared.lock().take(urgency, With::Others)?;
        Some(shared.taken(taken))
    }

    /// Number of waiting requests of that urgency.
    pub(super) fn len(&self, urgency: Urgency) -> usize {
        self.0.0.lock().queue(urgency).len()
    }
}

/// Memory for one image, and for a slow image its slot among the threads. Released on drop.
pub struct Reservation {
    shared: Arc<Shared>,
    bytes: u64,
    is_slow: bool,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.memory.used -= self.bytes;
        state.slow_free += usize::from(self.is_slow);
        if !state.is_empty() {
            self.shared.work.notify_all();
        }
    }
}

struct Shared {
    state: Mutex<State>,
    /// Wakes idle threads.
    work: Condvar,
    /// Notified when a request was taken.
    room: Notify,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No panic can occur in the middle of a change.
        self.state.lock()
    }

    fn taken(self: &Arc<Self>, Entry { request, bytes, .. }: Entry) -> Taken {
        self.room.notify_waiters();
        let is_slow = request.is_slow;
        Taken { request, reservation: Reservation { shared: self.clone(), bytes, is_slow } }
    }
}

/// Exists while requests can be sent.
struct Entrance(Arc<Shared>);

impl Drop for Entrance {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        if state.end == End::Open {
            state.end = End::NobodySends;
        }
        self.0.work.notify_all();
    }
}

/// Exists while requests can be taken.
struct Exit(Arc<Shared>);

impl Drop for Exit {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.end = End::NobodyTakes;
        // Dropping the requests notifies the callers that wait for responses.
        let left = (std::mem::take(&mut state.urgent), std::mem::take(&mut state.background));
        drop(state);
        drop(left);
        self.0.room.notify_waiters();
    }
}

#[derive(PartialEq)]
enum End {
    Open,
    NobodySends,
    NobodyTakes,
}

struct State {
    urgent: Turns<Entry>,
    background: Turns<Entry>,
    places: usize,
    memory: Memory,
    /// Number of further slow images that may start.
    slow_free: usize,
    /// Number of requests so far.
    numbers: u64,
    end: End,
}

struct Entry {
    request: Request,
    /// Sequence number of the request.
    number: u64,
    bytes: u64,
}

/// Which images a request may share a batch with.
#[derive(Clone, Copy, PartialEq)]
enum With {
    Nothing,
    /// Other quick images, which a slow one would delay.
    Others,
}

impl State {
    fn put(&mut self, request: &mut Option<Request>, urgency: Urgency) -> Result<(), Stopped> {
        if self.end == End::NobodyTakes {
            return Err(Stopped);
        }
        let Some(request) = request.take_if(|request| self.has_room(&request.client, urgency)) else {
            return Ok(());
        };
        self.numbers += 1;
        let (client, number) = (request.client.clone(), self.numbers);
        // Larger requests were rejected before; capping prevents an endless wait.
        let bytes = request.memory_bytes.min(self.memory.total);
        self.queue_mut(urgency).push(&client, Entry { request, number, bytes });
        Ok(())
    }

    /// Whether a client holds fewer slots than its tenant and all others leave free.
    fn has_room(&self, client: &Client, urgency: Urgency) -> bool {
        let queue = self.queue(urgency);
        let (of_tenant, of_key) = queue.held_by(client);
        of_key < self.places.saturating_sub(queue.len()).saturating_sub(of_tenant)
    }

    fn take(&mut self, urgency: Urgency, with: With) -> Option<Entry> {
        let Self { urgent, background, memory, slow_free, .. } = self;
        let queue = match urgency {
            Urgency::Urgent => urgent,
            Urgency::Background => background,
        };
        let mut taken = queue.take(|Entry { request, number, bytes }| {
            let may_be_slow = *slow_free > 0 && with == With::Nothing;
            request.is_unwanted() || (may_be_slow || !request.is_slow) && memory.admits(*number, *bytes)
        })?;
        memory.forget(taken.number);
        // Requests whose callers are gone are not decoded.
        if taken.request.is_unwanted() {
            (taken.bytes, taken.request.is_slow) = (0, false);
        }
        memory.used += taken.bytes;
        *slow_free -= usize::from(taken.request.is_slow);
        Some(taken)
    }

    fn is_empty(&self) -> bool {
        self.urgent.len() + self.background.len() == 0
    }

    fn queue(&self, urgency: Urgency) -> &Turns<Entry> {
        match urgency {
            Urgency::Urgent => &self.urgent,
            Urgency::Background => &self.background,
        }
    }

    fn queue_mut(&mut self, urgency: Urgency) -> &mut Turns<Entry> {
        match urgency {
            Urgency::Urgent => &mut self.urgent,
            Urgency::Background => &mut self.background,
        }
    }
}

/// Memory for decoding, in bytes.
struct Memory {
    total: u64,
    used: u64,
    /// The first request that did not fit, and its bytes. Until it starts, other requests start only if they fit beside
    /// it; otherwise a continuous stream of small images would starve a large one.
    awaited: Option<(u64, u64)>,
}

impl Memory {
    fn admits(&mut self, number: u64, bytes: u64) -> bool {
        let kept_free = self.awaited.map_or(0, |(awaited, bytes)| if awaited == number { 0 } else { bytes });
        let fits = self.used + kept_free + bytes <= self.total;
        if !fits && self.awaited.is_none() {
            self.awaited = Some((number, bytes));
        }
        fits
    }

    fn forget(&mut self, number: u64) {
        self.awaited.take_if(|(awaited, _)| *awaited == number);
    }
}
