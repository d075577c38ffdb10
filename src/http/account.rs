//! On whose account a connection is open, and what it has read that nobody has taken yet: a part of a TLS handshake, of
//! a request's head, or of a WebSocket's message. A connection counts on its client's address until a key is let in on
//! it, and on that key from then on.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedSemaphorePermit;

use super::HttpConfig;
use super::listen::MAX_HEADER_BYTES;
use crate::shares::{Full, Held, Party, SharedLimit};

/// What each connection may have read without its being counted: the HTTP library keeps a buffer of this size for each
/// anyway, and few requests have a larger head.
const FREE_BYTES: u64 = 8 << 10;

/// Strangers may hold this part of what callers may hold in flight. It is set apart: they take nothing from callers.
const STRANGERS_PART: u64 = 8;

/// The limits that the connections of one listener share.
#[derive(Clone)]
pub(super) struct Accounts {
    connections: SharedLimit,
    bytes: SharedLimit,
}

impl Accounts {
    /// For at most `max` connections.
    pub(super) fn new(max: u32, config: &HttpConfig) -> Self {
        let head = MAX_HEADER_BYTES as u64;
        let bytes = (config.max_bytes_in_flight as u64 / STRANGERS_PART).max(head);
        Self {
            connections: SharedLimit::new(max.into(), config.shares),
            bytes: SharedLimit::with_smallest_share(bytes, config.shares, head),
        }
    }

    /// The account of a connection from `address`, which has its `place` as long as the account is there.
    ///
    /// # Errors
    /// When the address has as many connections as it may have.
    pub(super) fn open(&self, address: IpAddr, place: OwnedSemaphorePermit) -> Result<Account, Full> {
        let stranger = Party::address(address);
        let state = State {
            share: self.connections.take(&stranger, 1)?,
            _place: place,
            is_counting: true,
            unread: 0,
            most: u64::MAX,
            beyond_free: self.bytes.nothing(&stranger),
        };
        Ok(Account { address, state: Arc::new(Mutex::new(state)) })
    }
}

/// A client sends more before it is known than it needs to make itself known.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("more was sent than is taken from a client that is not known yet")]
pub(super) struct TooMuch;

/// The account of one connection. Cloning shares it.
#[derive(Clone)]
pub(super) struct Account {
    address: IpAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    /// Of all connections. Given back before the place, so that whoever gets the place finds it.
    share: Held,
    _place: OwnedSemaphorePermit,
    /// Not while a request is answered: its body is counted by who reads it.
    is_counting: bool,
    /// Bytes that were read and not taken.
    unread: u64,
    /// How many there may be.
    most: u64,
    /// Those that are not free.
    beyond_free: Held,
}

impl Account {
    /// Where the client is.
    pub(super) fn address(&self) -> IpAddr {
        self.address
    }

    /// From now on the connection counts on `party`.
    ///
    /// # Errors
    /// When `party` has as many connections as it may have.
    pub(super) fn pass_to(&self, party: &Party) -> Result<(), Full> {
        self.lock().share.pass_to(party)
    }

    /// From now on at most so many bytes may be unread.
    pub(super) fn limit(&self, most: u64) {
        self.lock().most = most;
    }

    /// From now on what is unread counts as `held`, however much it is.
    pub(super) fn count_as(&self, held: Held) {
        let mut state = self.lock();
        (state.most, state.beyond_free) = (u64::MAX, held);
    }

    /// Counts bytes that were read.
    ///
    /// # Errors
    /// When they are too many, or there is no room for them.
    pub(super) fn read(&self, bytes: usize) -> io::Result<()> {
        let mut state = self.lock();
        if !state.is_counting {
            return Ok(());
        }
        state.unread += bytes as u64;
        if state.unread > state.most {
            return Err(io::Error::other(TooMuch));
        }
        state.hold().map_err(io::Error::other)
    }

    /// So many of the bytes were taken; more than there are means all.
    pub(super) fn taken(&self, bytes: u64) {
        let mut state = self.lock();
        state.unread = state.unread.saturating_sub(bytes);
        // There is always room for less.
        let _ = state.hold();
    }

    /// All that was read has been taken, and what is read before `answer` is there is not counted.
    pub(super) async fn while_answering<T>(&self, answer: impl Future<Output = T>) -> T {
        self.taken(u64::MAX);
        self.lock().is_counting = false;
        let answer = answer.await;
        self.lock().is_counting = true;
        answer
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn hold(&mut self) -> Result<(), Full> {
        self.beyond_free.resize(self.unread.saturating_sub(FREE_BYTES))
    }
}
