//! Connections: how many are open at once, and how one is taken leave of.

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

use super::account::{Account, Accounts};
use crate::config::{Setting, Settings};

/// How long a client that is taken leave of may take to read our last words.
const LEAVE_TIME: Duration = Duration::from_secs(1);

/// What is granted to connections, whoever they are from.
#[derive(Clone, Debug)]
pub struct ConnectionsConfig {
    /// Connections that are open at once, with their sockets and streams.
    pub max: u32,
    /// How long the header of a request may take to arrive, and how long a connection may wait for its next request.
    pub header_timeout: Duration,
    /// How long a client may read nothing of what waits for it.
    pub send_timeout: Duration,
}

impl ConnectionsConfig {
    pub(super) fn read(settings: &mut Settings) -> Self {
        let max = Setting {
            name: "FACEQL_MAX_CONNECTIONS",
            about: "Connections that are open at once, those of WebSockets and streams included; further ones wait.",
        };
        let header = Setting {
            name: "FACEQL_HEADER_TIMEOUT_SECONDS",
            about: "How long the header of a request may take to arrive; a connection without a request is closed \
                    after as long.",
        };
        let send = Setting {
            name: "FACEQL_SEND_TIMEOUT_SECONDS",
            about: "How long a client may read nothing of what waits for it before its connection is closed.",
        };
        Self {
            max: settings.number(max, 30_000, 1..=10_000_000),
            header_timeout: settings.seconds(header, 30, 1..=3600),
            send_timeout: settings.seconds(send, 60, 1..=3600),
        }
    }
}

/// Open files that are kept back for the database, blobs, the engine and those who ask for metrics.
const RESERVED_FILES: u64 = 256;
/// Open files of a connection: its socket, and a stored file that is being sent.
const FILES_EACH: u64 = 2;
/// Connections of those who ask for metrics alone.
pub(super) const METRICS_CONNECTIONS: u32 = 64;

/// How many connections may be open at once: as many as configured, unless the system lets this process have too few files
/// open for that.
pub(super) fn allowed_connections(configured: u32) -> u32 {
    let Some(files) = raise_open_files() else { return configured };
    let allowed = connections_for(files).min(configured);
    if allowed < configured {
        warn!(
            files,
            "only {allowed} connections are taken at once and not {configured}, as FACEQL_MAX_CONNECTIONS says: this \
             process may have no more files open (ulimit -n)"
        );
    }
    allowed
}

/// How many connections there may be with so many open files.
fn connections_for(files: u64) -> u32 {
    let left = files - RESERVED_FILES.min(files / 2);
    u32::try_from(left / FILES_EACH).unwrap_or(u32::MAX).max(1)
}

/// Lets this process have as many files open as the system lets it ask for, as the usual limit is low. Returns the limit;
/// `None` when there is none.
fn raise_open_files() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    match setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        Ok(()) => limit.maximum,
        Err(error) => {
            warn!(%error, "not more files may be open than usual");
            limit.current
        }
    }
}

/// Where connections come in: as many at once as there are places.
pub(super) struct Doorway {
    listener: TcpListener,
    places: PollSemaphore,
    /// For the one who comes next.
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

    /// The next one who comes and may stay.
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
                Err(full) => debug!(%full, "a connection was closed at once"),
            }
        }
    }
}

/// What has an account.
pub(super) trait Accounted {
    /// Its account.
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
        // An event must not wait for the acknowledgement of the one before.
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "a connection stays slow");
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

/// What is done when nobody could be accepted.
pub(super) async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    // It went away while it waited.
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    // No more files may be open, for example: it must not turn in circles until some are closed.
    error!(%error, "a connection could not be accepted");
    sleep(Duration::from_secs(1)).await;
}

/// A client's connection, which has its account and its place until it is closed.
///
/// Let go of, it says that there is no more to come, and reads on for a moment: with unread bytes the system would reset
/// the connection, and the client could lose what it was told last.
pub(super) struct Connection {
    /// There until it is let go of.
    stream: Option<TcpStream>,
    /// Whether the client has said its last.
    has_ended: bool,
    send_timeout: Duration,
    /// While the client reads nothing: when it is given up.
    unread: Option<Pin<Box<Sleep>>>,
    /// Who waits to read until the client reads again.
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

    /// What became of writing, which waits only so long for the client to read.
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
        // A client that reads nothing is not listened to either: answers to further requests would pile up.
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
        debug!(%error, "a client was gone before it was taken leave of");
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
