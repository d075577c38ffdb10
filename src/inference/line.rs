//! The engine's waiting line: two bounded queues, of which the urgent one goes first.

use async_channel::{Receiver, Sender, bounded};

use super::Urgency;
use super::thread::Request;

/// A new line that holds at most `capacity` of each urgency.
pub(super) fn line(capacity: usize) -> (Line, Waiting) {
    let (urgent, urgent_waiting) = bounded(capacity);
    let (background, background_waiting) = bounded(capacity);
    let (ticket, tickets) = bounded(2 * capacity);
    (
        Line { urgent, background, ticket },
        Waiting { urgent: urgent_waiting, background: background_waiting, tickets },
    )
}

/// Where requests are put.
#[derive(Clone)]
pub(super) struct Line {
    urgent: Sender<Request>,
    background: Sender<Request>,
    /// One for each request in either queue: what the threads sleep on.
    ticket: Sender<()>,
}

/// No thread is left to take a request.
pub(super) struct Stopped;

impl Line {
    /// Waits for room.
    pub(super) async fn send(&self, request: Request, urgency: Urgency) -> Result<(), Stopped> {
        self.queue(urgency).send(request).await.map_err(|_| Stopped)?;
        // There is room for as many tickets as for requests, and more tickets than requests do no harm.
        let _ = self.ticket.force_send(());
        Ok(())
    }

    /// Requests of that urgency that wait.
    pub(super) fn len(&self, urgency: Urgency) -> usize {
        self.queue(urgency).len()
    }

    fn queue(&self, urgency: Urgency) -> &Sender<Request> {
        match urgency {
            Urgency::Urgent => &self.urgent,
            Urgency::Background => &self.background,
        }
    }
}

/// Where the threads take requests from.
#[derive(Clone)]
pub(super) struct Waiting {
    urgent: Receiver<Request>,
    background: Receiver<Request>,
    tickets: Receiver<()>,
}

impl Waiting {
    /// The most urgent request, once there is one; `None` when nobody can send any more.
    pub(super) fn next(&self) -> Option<(Request, Urgency)> {
        while let Ok(()) = self.tickets.recv_blocking() {
            let taken = self.more(Urgency::Urgent).map(|request| (request, Urgency::Urgent));
            let taken = taken
                .or_else(|| self.more(Urgency::Background).map(|request| (request, Urgency::Background)));
            // Another thread's batch may have taken the request that this ticket was for.
            if taken.is_some() {
                return taken;
            }
        }
        None
    }

    /// Another request of that urgency, if one is there.
    pub(super) fn more(&self, urgency: Urgency) -> Option<Request> {
        self.queue(urgency).try_recv().ok()
    }

    /// Requests of that urgency that wait.
    pub(super) fn len(&self, urgency: Urgency) -> usize {
        self.queue(urgency).len()
    }

    fn queue(&self, urgency: Urgency) -> &Receiver<Request> {
        match urgency {
            Urgency::Urgent => &self.urgent,
            Urgency::Background => &self.background,
        }
    }
}
