//! Connections: the limit on open ones, send timeouts, and their orderly close.

pub(super) mod account;
pub(super) mod server;
pub(super) mod tls;

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use axum::serve::Listener;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tls_listener::AsyncAccept;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, copy, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep, timeout};
use tokio_util::sync::PollSemaphore;
use tracing::{debug, error, warn};

use crate::settings::section;
use account::{Account, Accounts};

/// Maximum size of a request's header: a target of 64 KiB and as much for the fields.
const MAX_HEADER_BYTES: usize = 128 << 10;

/// How long a client may take to read the last response before the connection is closed.
const LEAVE_TIME: Duration = Duration::from_secs(1);

section! {
    /// Limits and timeouts of connections.
    #[derive(Clone, Debug)]
    pub struct ConnectionsConfig {
        /// Open connections, counting those of WebSockets and event streams. Further ones wait.
        pub max: u32 = number("FACEQL_MAX_CONNECTIONS", 30_000, 1..=10_000_000),
        /// How long the header of a request may take to arrive, and how long a connection may wait for its next request.
        pub header_timeout: Duration = seconds("FACEQL_HEADER_TIMEOUT_SECONDS", 30, 1..=3600),
        /// How long a client may leave data unread before it is disconnected.
        pub send_timeout: Duration = seconds("FACEQL_SEND_TIMEOUT_SECONDS", 60, 1..=3600),
    }
}

/// File descriptors reserved for the database, blobs, the engine and connections to the metrics listener.
const RESERVED_FILES: u64 = 256;
/// File descriptors of a connection: its socket, and a stored file that is being sent.
const FILES_EACH: u64 = 2;
/// Maximum connections to the metrics listener.
pub(super) const METRICS_CONNECTIONS: u32 = 64;

/// The maximum number of open connections: as configured, unless the process may open too few files for that.
pub(super) fn allowed_connections(configured: u32) -> u32 {
    let Some(files) = raise_open_files() else { return configured };
    let allowed = connections_for(files).min(configured);
    if allowed < configured {
        warn!(
            files,
            "only {allowed} concurrent connections are accepted instead of the {configured} of FACEQL_MAX_CONNECTIONS: \
             raise the limit on open files (ulimit -n)"
        );
    }
    allowed
}

/// The maximum number of connections for a limit on open files.
fn connections_for(files: u64) -> u32 {
    let left = files - RESERVED_FILES.min(files / 2);
    u32::try_from(left / FILES_EACH).unwrap_or(u32::MAX).max(1)
}

/// Raises the soft limit on open files, which is low by default, to the hard limit. Returns the limit; `None` when
/// there is none.
fn raise_open_files() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    match setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        Ok(()) => limit.maximum,
        Err(error) => {
            warn!(%error, "could not raise the limit on open files");
            limit.current
        }
    }
}

/// A TCP listener that accepts at most as many concurrent connections as there are slots.
pub(super) struct Doorway {
    listener: TcpListener,
    places: PollSemaphore,
    /// The slot acquired for the next connection.
    free: Option<OwnedSemaphorePermit>,
    accounts: Accounts,
    send_timeout: Duration,
}

impl Doorway {
    pub(super) fn new(
        listener: TcpListener,
        places: Arc<Semaphore>,
        accounts: Accounts,
        config: &ConnectionsConfig,
    ) -> Self {
        let send_timeout = config.send_timeout;
        Self { listener, places: PollSemaphore::new(places), free: None, accounts, send_timeout }
    }

    /// Accepts the next connection whose address has a free share; closes others.
    fn poll_admit(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<(TcpStream, SocketAddr, Account)>> {
        loop {
            let place = match self.free.take() {
                Some(place) => place,
                // The semaphore is never closed.
                None => ready!(self.places.poll_acquire(context)).ok_or(io::ErrorKind::NotConnected)?,
            };
            let Poll::Ready(accepted) = self.listener.poll_accept(context) else {
                self.free = Some(place);
                return Poll::Pending;
            };
            let (stream, address) = accepted?;
            match self.accounts.open(address.ip(), place) {
                Ok(account) => return Poll::Ready(Ok((stream, address, account))),
                Err(full) => debug!(%full, "a new connection was refused"),
            }
        }
    }
}

/// A connection with an account, plain or under TLS.
pub(super) trait Accounted {
    /// The account of the underlying connection.
    fn account(&self) -> &Account;
}

impl AsyncAccept for Doorway {
    type Connection = Connection;
    type Address = SocketAddr;
    type Error = io::Error;

    fn poll_accept(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<(Connection, SocketAddr)>> {
        let this = self.get_mut();
        let (stream, address, account) = ready!(this.poll_admit(context))?;
        // Disables Nagle's algorithm: an event must not wait for the acknowledgement of the previous one.
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "could not set TCP_NODELAY on a connection");
        }
        let connection = Connection {
            stream: Some(stream),
            has_ended: false,
            send_timeout: this.send_timeout,
            unread: None,
            reader: None,
            account,
        };
        Poll::Ready(Ok((connection, address)))
    }
}

impl Listener for Doorway {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            match std::future::poll_fn(|context| Pin::new(&mut *self).poll_accept(context)).await {
                Ok(connection) => return connection,
                Err(error) => pause_after(&error).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Handles an error of accept.
pub(super) async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    // The client disconnected before it was accepted.
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    // For example, the limit on open files is reached. Pauses so that the loop does not spin until some are closed.
    error!(%error, "a connection could not be accepted");
    sleep(Duration::from_secs(1)).await;
}

/// A client's connection, which holds its account and its slot until it is closed.
///
/// When dropped, it shuts down its write side and drains its read side for a moment: closing a socket with unread bytes
/// resets the connection, and the client could lose the last response.
pub(super) struct Connection {
    /// `Some` until it is dropped.
    stream: Option<TcpStream>,
    /// Whether the client has closed its write side or reading failed.
    has_ended: bool,
    send_timeout: Duration,
    /// The send timeout, while the client does not read.
    unread: Option<Pin<Box<Sleep>>>,
    /// The reading task, waiting until the client reads again.
    reader: Option<Waker>,
    account: Account,
}

impl Accounted for Connection {
    fn account(&self) -> &Account {
        &self.account
    }
}

impl Connection {
    fn open(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Passes on the result of a write, but fails when it has been pending for longer than the send timeout.
    fn in_time(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.unread = None;
            if let Some(reader) = self.reader.take() {
                reader.wake();
            }
            return written;
        }
        let unread = self.unread.get_or_insert_with(|| Box::pin(sleep(self.send_timeout)));
        unread.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Backpressure: nothing is read from a client that does not read, since responses would pile up.
        if self.unread.is_some() {
            self.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let read = ready!(self.open()?.poll_read(context, buffer));
        let is_end = buffer.filled().len() == before && buffer.remaining() > 0;
        self.has_ended |= read.is_err() || is_end;
        Poll::Ready(read.and_then(|()| self.account.read(buffer.filled().len() - before)))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.open()?.poll_write(context, bytes);
        self.in_time(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.open()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.open()?.poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.open()?.poll_write_vectored(context, slices);
        self.in_time(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(TcpStream::is_write_vectored)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let (Some(stream), account) = (self.stream.take(), self.account.clone()) else { return };
        if let Ok(runtime) = Handle::try_current()
            && !self.has_ended
        {
            runtime.spawn(async move {
                take_leave(stream).await;
                drop(account);
            });
        }
    }
}

async fn take_leave(mut stream: TcpStream) {
    let leave = async {
        stream.shutdown().await?;
        copy(&mut stream, &mut sink()).await
    };
    if let Ok(Err(error)) = timeout(LEAVE_TIME, leave).await {
        debug!(%error, "a client disconnected before the orderly close");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_open_files_for_the_rest_of_the_server() {
        assert_eq!([0, 2, 256, 1024].map(connections_for), [1, 1, 64, 384]);
        assert_eq!(connections_for(1 << 20), 524_160);
        assert_eq!(connections_for(u64::MAX), u32::MAX);
    }
}
