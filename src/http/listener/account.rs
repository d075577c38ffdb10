//! Accounting of connections: whose share a connection counts towards, and the bytes it has read that have not been
//! consumed yet, such as part of a TLS handshake, of a request's header or of a WebSocket message. A connection counts
//! towards its client's address until a key is authenticated on it, then towards that key.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::OwnedSemaphorePermit;

use super::MAX_HEADER_BYTES;
use crate::http::HttpConfig;
use crate::shares::{Full, Held, Party, SharedLimit};

/// Unread bytes of each connection that are not counted: the HTTP library keeps a buffer of this size for each anyway,
/// and few requests have a larger header.
const FREE_BYTES: u64 = 8 << 10;

/// Unauthenticated clients have a separate budget of this fraction of the callers' budget, so that they take nothing
/// from callers.
const STRANGERS_PART: u64 = 8;

/// The limits shared by the connections of one listener.
#[derive(Clone)]
pub(in crate::http) struct Accounts {
    connections: SharedLimit,
    bytes: SharedLimit,
}

impl Accounts {
    /// Limits for at most `max` connections.
    pub(in crate::http) fn new(max: u32, config: &HttpConfig) -> Self {
        let head = MAX_HEADER_BYTES as u64;
        let bytes = (config.max_bytes_in_flight as u64 / STRANGERS_PART).max(head);
        Self {
            connections: SharedLimit::new(max.into(), config.shares),
            bytes: SharedLimit::with_smallest_share(bytes, config.shares, head),
        }
    }

    /// Opens the account of a connection from `address`, which holds the slot `place` until it is dropped.
    ///
    /// # Errors
    /// When the address has reached its share of connections.
    pub(in crate::http) fn open(
        &self,
        address: IpAddr,
        place: OwnedSemaphorePermit,
    ) -> Result<Account, Full> {
        let stranger = Party::address(address);
        let state = State {
            share: self.connections.take(&stranger, 1)?,
            _place: place,
            is_counting: true,
            unread: 0,
            most: u64::MAX,
            beyond_free: self.bytes.nothing(&stranger),
            unauthenticated: self.bytes.nothing(&stranger),
        };
        Ok(Account { address, state: Arc::new(Mutex::new(state)) })
    }
}

/// An unauthenticated client has sent more than authentication needs.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("an unauthenticated client has sent too much")]
pub(in crate::http) struct TooMuch;

/// The account of one connection. Clones share it.
#[derive(Clone)]
pub(in crate::http) struct Account {
    address: IpAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    /// The share of all connections. Dropped before the slot, so that the next connection in it finds a free share.
    share: Held,
    _place: OwnedSemaphorePermit,
    /// False while a request is processed: its body is counted by its reader.
    is_counting: bool,
    /// Bytes that were read and not consumed.
    unread: u64,
    /// The maximum of `unread`.
    most: u64,
    /// The budget for unread bytes beyond [`FREE_BYTES`].
    beyond_free: Held,
    /// Nothing of the budget of unauthenticated clients.
    unauthenticated: Held,
}

impl Account {
    /// The client's address.
    pub(in crate::http) fn address(&self) -> IpAddr {
        self.address
    }

    /// Counts the connection towards `party` from now on.
    ///
    /// # Errors
    /// When `party` has reached its share of connections.
    pub(in crate::http) fn pass_to(&self, party: &Party) -> Result<(), Full> {
        self.lock().share.pass_to(party)
    }

    /// Limits the unread bytes from now on and counts them as an unauthenticated client's again.
    pub(in crate::http) fn limit(&self, most: u64) {
        let mut state = self.lock();
        (state.most, state.beyond_free) = (most, state.unauthenticated.another());
    }

    /// Counts unread bytes towards `held` from now on, without a maximum.
    pub(in crate::http) fn count_as(&self, held: Held) {
        let mut state = self.lock();
        (state.most, state.beyond_free) = (u64::MAX, held);
    }

    /// Counts bytes that were read.
    ///
    /// # Errors
    /// When the unread bytes exceed their maximum or the budget.
    pub(in crate::http) fn read(&self, bytes: usize) -> io::Result<()> {
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

    /// Subtracts bytes that were consumed; `u64::MAX` means all.
    pub(in crate::http) fn taken(&self, bytes: u64) {
        let mut state = self.lock();
        state.unread = state.unread.saturating_sub(bytes);
        // Shrinking cannot fail.
        let _ = state.hold();
    }

    /// Marks all bytes as consumed, and does not count those that are read while `answer` is awaited.
    pub(in crate::http) async fn while_answering<T>(&self, answer: impl Future<Output = T>) -> T {
        self.taken(u64::MAX);
        self.lock().is_counting = false;
        let answer = answer.await;
        self.lock().is_counting = true;
        answer
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    fn hold(&mut self) -> Result<(), Full> {
        self.beyond_free.resize(self.unread.saturating_sub(FREE_BYTES))
    }
}
