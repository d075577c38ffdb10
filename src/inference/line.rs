//! The engine's waiting line: urgent requests go before background work, and within each of them tenants take turns, and
//! the keys of each tenant. A request goes once there is memory for its picture.

use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::thread::Request;
use super::turns::Turns;
use super::{Client, Urgency};

/// What the line is bounded by.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// Requests of each urgency that wait.
    pub(super) places: usize,
    /// Engine threads.
    pub(super) threads: usize,
    /// Bytes for decoding, for all requests that are at work together.
    pub(super) memory: u64,
}

/// A new line.
pub(super) fn line(bounds: Bounds) -> (Line, Waiting) {
    let state = State {
        urgent: Turns::default(),
        background: Turns::default(),
        places: bounds.places,
        memory: Memory { total: bounds.memory, used: 0, awaited: None },
        // One thread is left to quick pictures where there is more than one.
        slow_free: bounds.threads.saturating_sub(1).max(1),
        numbers: 0,
        end: End::Open,
    };
    let shared = Arc::new(Shared { state: Mutex::new(state), work: Condvar::new(), room: Notify::new() });
    (Line(Arc::new(Entrance(shared.clone()))), Waiting(Arc::new(Exit(shared))))
}

/// Where requests are put.
#[derive(Clone)]
pub(super) struct Line(Arc<Entrance>);

/// No thread is left to take a request.
pub(super) struct Stopped;

impl Line {
    /// Waits for room. A client may hold a third of the line, and its tenant half of it, when nobody else waits; less when
    /// others do, so that there is a place for whoever comes next.
    pub(super) async fn send(&self, request: Request, urgency: Urgency) -> Result<(), Stopped> {
        let shared = &self.0.0;
        let mut request = Some(request);
        loop {
            let mut freed = pin!(shared.room.notified());
            // Before the look, or room that is made between the two is missed.
            freed.as_mut().enable();
            shared.lock().put(&mut request, urgency)?;
            if request.is_none() {
                shared.work.notify_one();
                return Ok(());
            }
            freed.await;
        }
    }

    /// Requests of that urgency that wait.
    pub(super) fn len(&self, urgency: Urgency) -> usize {
        self.0.0.lock().queue(urgency).len()
    }
}

/// Where the threads take requests from.
#[derive(Clone)]
pub(super) struct Waiting(Arc<Exit>);

/// A request in a thread's hands, and what it holds until it is answered.
pub(super) struct Taken {
    pub(super) request: Request,
    pub(super) reservation: Reservation,
}

impl Waiting {
    /// The request whose turn it is, once there is one; `None` when nobody can send any more.
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
            state = shared.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Another quick request of that urgency, if one is there and may go.
    pub(super) fn more(&self, urgency: Urgency) -> Option<Taken> {
        let shared = &self.0.0;
        let taken = shared.lock().take(urgency, With::Others)?;
        Some(shared.taken(taken))
    }

    /// Requests of that urgency that wait.
    pub(super) fn len(&self, urgency: Urgency) -> usize {
        self.0.0.lock().queue(urgency).len()
    }
}

/// Memory for one picture, and a slow picture's place at a thread. Given back when it is dropped.
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
    /// What idle threads sleep on.
    work: Condvar,
    /// Told when a request has been taken.
    room: Notify,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics in the middle of a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn taken(self: &Arc<Self>, Entry { request, bytes, .. }: Entry) -> Taken {
        self.room.notify_waiters();
        let is_slow = request.is_slow;
        Taken { request, reservation: Reservation { shared: self.clone(), bytes, is_slow } }
    }
}

/// Lives as long as somebody may send.
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

/// Lives as long as somebody may take.
struct Exit(Arc<Shared>);

impl Drop for Exit {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.end = End::NobodyTakes;
        // Who waits for an answer is told by losing the request.
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
    /// How many slow pictures more may be begun.
    slow_free: usize,
    /// Requests that have come so far.
    numbers: u64,
    end: End,
}

struct Entry {
    request: Request,
    /// Which request it is.
    number: u64,
    bytes: u64,
}

/// Beside what a request is taken.
#[derive(Clone, Copy, PartialEq)]
enum With {
    Nothing,
    /// Quick ones, which a slow one would hold up.
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
        // What is larger than all memory was refused before; it would wait for ever.
        let bytes = request.memory_bytes.min(self.memory.total);
        self.queue_mut(urgency).push(&client, Entry { request, number, bytes });
        Ok(())
    }

    /// Whether a client has fewer places than its tenant and all others leave free.
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
        // Nobody decodes what nobody waits for.
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

/// Bytes for decoding.
struct Memory {
    total: u64,
    used: u64,
    /// The first request that did not fit, and its bytes. Until it goes, others go only if they fit beside it: small
    /// pictures that keep coming would otherwise hold up a large one for ever.
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

#[cfg(test)]
mod tests;
