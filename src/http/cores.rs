//! Who computes next. Requests that wait for a database or an engine cost others nothing, however many there are; parsing,
//! validating and resolving take a core, and nobody can be interrupted at that. So one key computes on as many threads as
//! there are cores and no more, and there are more threads: whoever comes next finds one, and the operating system divides
//! the cores between them. Where many keys compute at once, those that wait take turns.
//!
//! What takes a thread is a single poll. A future that waits holds none, whatever it waits for.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::thread::available_parallelism;

use futures_util::Stream;
use futures_util::future::poll_fn;
use tokio::sync::oneshot;

use crate::caller::Actor;
use crate::inference::{Client, Turns};

/// Threads that the runtime must have, so that one is left when as many requests compute as may: to read and write, and to
/// see who waits.
#[must_use]
pub fn runtime_threads() -> usize {
    Cores::of_this_machine().0.all + 1
}

/// The right to compute, which is handed from one request to the next. Cloning shares it.
#[derive(Clone)]
pub struct Cores(Arc<Shared>);

struct Shared {
    /// Polls at once.
    all: usize,
    /// Polls at once for one key.
    of_one: usize,
    line: Mutex<Line>,
}

#[derive(Default)]
struct Line {
    computing: Computing,
    /// None of them may compute now.
    waiting: Turns<Waiting>,
}

/// How many compute, and how many of them for each key; without keys that do not.
#[derive(Default)]
struct Computing {
    all: usize,
    by_key: HashMap<Option<Actor>, usize>,
}

struct Waiting {
    key: Option<Actor>,
    granted: oneshot::Sender<Core>,
}

/// The right to poll, until it is dropped.
struct Core {
    shared: Arc<Shared>,
    key: Option<Actor>,
}

impl Cores {
    /// By the cores of this machine: twice as many compute as there are, half of them at most for one key.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let cores = available_parallelism().map_or(1, NonZeroUsize::get);
        Self::new(2 * cores, cores)
    }

    fn new(all: usize, of_one: usize) -> Self {
        Self(Arc::new(Shared { all, of_one, line: Mutex::default() }))
    }

    /// Does `work` for `client`, which computes when its turn comes. What is within `work` must not ask again.
    pub(super) async fn run<F: Future>(&self, client: &Client, work: F) -> F::Output {
        let (mut work, mut place) = (pin!(work), Place::default());
        poll_fn(|context| {
            let _core = ready!(place.poll_core(&self.0, client, context));
            work.as_mut().poll(context)
        })
        .await
    }

    /// What `stream` gives, which is computed for `client` when its turn comes.
    pub(super) fn follow<S: Stream>(
        &self,
        client: Client,
        stream: S,
    ) -> impl Stream<Item = S::Item> + use<S> {
        let (shared, mut stream, mut place) = (self.0.clone(), Box::pin(stream), Place::default());
        futures_util::stream::poll_fn(move |context| {
            let _core = ready!(place.poll_core(&shared, &client, context));
            stream.as_mut().poll_next(context)
        })
    }
}

/// Where somebody waits, if it does.
#[derive(Default)]
struct Place(Option<oneshot::Receiver<Core>>);

impl Place {
    fn poll_core(&mut self, shared: &Arc<Shared>, client: &Client, context: &mut Context<'_>) -> Poll<Core> {
        loop {
            if let Some(waiting) = &mut self.0 {
                let granted = ready!(Pin::new(waiting).poll(context));
                self.0 = None;
                if let Ok(core) = granted {
                    return Poll::Ready(core);
                }
            }
            match shared.ask(client) {
                Ok(core) => return Poll::Ready(core),
                Err(waiting) => self.0 = Some(waiting),
            }
        }
    }
}

impl Shared {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A core, or where one is granted later.
    fn ask(self: &Arc<Self>, client: &Client) -> Result<Core, oneshot::Receiver<Core>> {
        let (key, mut line) = (client.actor, self.line());
        if self.admits(&line.computing, key) {
            line.computing.begin(key);
            return Ok(Core { shared: self.clone(), key });
        }
        let (granted, waiting) = oneshot::channel();
        line.waiting.push(client, Waiting { key, granted });
        Err(waiting)
    }

    fn admits(&self, computing: &Computing, key: Option<Actor>) -> bool {
        computing.all < self.all && computing.of(key) < self.of_one
    }

    /// Takes back the core of `key`, and grants one to whoever's turn it is.
    fn end(self: &Arc<Self>, key: Option<Actor>) {
        let Some(Waiting { key, granted }) = self.next(key) else { return };
        // Who has just left drops it, and so hands it on.
        let _ = granted.send(Core { shared: self.clone(), key });
    }

    /// Who computes in place of `key`.
    fn next(&self, ended: Option<Actor>) -> Option<Waiting> {
        let Line { computing, waiting } = &mut *self.line();
        computing.end(ended);
        loop {
            let next = waiting.take(|waiting| self.admits(computing, waiting.key))?;
            if !next.granted.is_closed() {
                computing.begin(next.key);
                return Some(next);
            }
        }
    }
}

impl Computing {
    fn of(&self, key: Option<Actor>) -> usize {
        self.by_key.get(&key).copied().unwrap_or_default()
    }

    fn begin(&mut self, key: Option<Actor>) {
        self.all += 1;
        *self.by_key.entry(key).or_default() += 1;
    }

    fn end(&mut self, key: Option<Actor>) {
        self.all -= 1;
        if let Some(own) = self.by_key.get_mut(&key) {
            *own -= 1;
            if *own == 0 {
                self.by_key.remove(&key);
            }
        }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.shared.end(self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

    use entity::ids::Tenant;
    use futures_util::FutureExt;
    use futures_util::task::noop_waker;

    use super::*;

    fn client(tenant: &str, key: usize) -> Client {
        Client { tenant: Tenant::parse(tenant).unwrap(), actor: Some(Actor::Configured(key)) }
    }

    /// A core for `client`, or where it waits.
    fn ask(cores: &Cores, client: &Client) -> Result<Core, Place> {
        let mut place = Place::default();
        match place.poll_core(&cores.0, client, &mut Context::from_waker(&noop_waker())) {
            Poll::Ready(core) => Ok(core),
            Poll::Pending => Err(place),
        }
    }

    /// What somebody who waits was granted meanwhile.
    fn granted(place: &mut Place) -> Option<Core> {
        place.0.as_mut()?.now_or_never()?.ok()
    }

    #[test]
    fn one_key_leaves_cores_to_the_next_and_those_that_wait_take_turns() {
        let cores = Cores::new(3, 2);
        let (greedy, other, third) = (client("greedy", 1), client("other", 2), client("third", 3));
        let (first, second) = (ask(&cores, &greedy).ok().unwrap(), ask(&cores, &greedy).ok().unwrap());
        let mut greedy_waits: Vec<Place> = (0..3).map(|_| ask(&cores, &greedy).err().unwrap()).collect();
        let own = ask(&cores, &other).ok().unwrap();
        let mut third_waits = ask(&cores, &third).err().unwrap();

        drop(own);
        assert!(greedy_waits.iter_mut().all(|place| granted(place).is_none()), "it has its share");
        let of_third = granted(&mut third_waits).unwrap();
        drop(first);
        let again = granted(&mut greedy_waits[0]).unwrap();
        // Who has left is passed over.
        greedy_waits.remove(1);
        drop((second, again, of_third));
        assert!(granted(&mut greedy_waits[1]).is_some());
        drop(greedy_waits);
        let line = cores.0.line();
        assert!(line.computing.all == 0 && line.computing.by_key.is_empty());
    }

    #[tokio::test]
    async fn what_waits_holds_no_core() {
        let (cores, client) = (Cores::new(1, 1), client("only", 1));
        let (tell, told) = oneshot::channel();
        let mut waits = pin!(cores.run(&client, told));
        assert!((&mut waits).now_or_never().is_none());
        let computed = AtomicBool::new(false);
        cores.run(&client, async { computed.store(true, SeqCst) }).await;
        assert!(computed.into_inner());
        tell.send(7).unwrap();
        assert_eq!(waits.await, Ok(7));
    }
}
