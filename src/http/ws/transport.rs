//! The graphql-transport-ws protocol as defined by PROTOCOL.md of <https://github.com/enisdenjo/graphql-ws>.
//!
//! One task serves a socket: it reads, polls subscriptions, and writes. While the client does not read, all of them
//! pause, and later events contain the latest state; a client that does not read for too long is disconnected. Queries
//! and mutations run in tasks of their own, so that a slow reader does not delay the release of what they hold.

use std::mem;
use std::net::IpAddr;
use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use axum::extract::ws::{Message, WebSocket};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use futures_util::stream::{BoxStream, once};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use serde_json::value::RawValue;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_stream::StreamMap;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, info};

use super::MAX_STRANGER_BYTES;
use super::message::{ClientMessage, Waiting, complete, key_in, on_the_wire, pong, refused};
use super::socket_end::{Close, End};
use crate::access::caller::Caller;
use crate::graphql::{ApiError, ErrorCode};
use crate::http::auth;
use crate::http::body::json::Meter;
use crate::http::body::{upload_rate, written};
use crate::http::edge::Edge;
use crate::http::graphql::execute::Terms;
use crate::http::graphql::outcome::Operation;
use crate::http::graphql::refusal::Refusal;
use crate::http::listener::account::Account;
use crate::http::request_id::RequestId;
use crate::http::streams;
use crate::metrics::Transport;
use crate::shares::Held;

/// The name of the protocol in the WebSocket handshake.
pub(in crate::http) const SUBPROTOCOL: &str = "graphql-transport-ws";

/// Maximum size of `pong` and `complete` messages that do not count towards the upload rate.
const MAX_FREE_BYTES: usize = 1 << 10;

/// The socket is closed when the client has sent nothing for this many ping intervals.
const SILENT_PINGS: u32 = 3;

/// An item of an operation's stream.
enum Outcome {
    Message(Waiting),
    Complete,
}

/// The unparsed payload of `subscribe`.
struct Payload<'text> {
    json: &'text RawValue,
    /// Whether it contains a number that parsing may change.
    may_change: bool,
    /// The size of the whole message, which counts towards the upload rate.
    bytes: usize,
}

/// The request that opened a socket.
pub(in crate::http) struct Opening {
    /// May contain the key; kept until `connection_init`.
    headers: HeaderMap,
    address: IpAddr,
    account: Option<Account>,
    id: RequestId,
}

impl Opening {
    pub(in crate::http) fn of(request: &Parts) -> Self {
        let Parts { headers, extensions, .. } = request;
        Self {
            headers: headers.clone(),
            address: auth::address(extensions),
            account: extensions.get().cloned(),
            id: RequestId::given(extensions),
        }
    }
}

/// One client's socket and its operations.
pub(in crate::http) struct Socket {
    stream: WebSocket,
    /// The slot among unacknowledged sockets, later among all streams.
    place: Held,
    edge: Arc<Edge>,
    opening: Opening,
    /// Set when `connection_init` has been accepted.
    caller: Option<Caller>,
    operations: StreamMap<String, BoxStream<'static, Outcome>>,
    pings: Interval,
    opened: Instant,
    last_heard: Instant,
    /// Operations requested by the client.
    asked: u64,
    /// Messages sent to the client.
    said: u64,
}

/// Serves a socket until it ends, then writes one log line.
pub(in crate::http) async fn serve(mut socket: Socket) {
    let _open = socket.edge.metrics.socket();
    let end = socket.run().await;
    let close_code = match &end {
        End::Close(close) => Some(close.code),
        End::Gone => None,
    };
    let Socket { asked, said, opened, .. } = socket;
    // The reason is not logged, since it may contain text from the client.
    info!(
        close_code,
        operations = asked,
        messages = said,
        open_seconds = opened.elapsed().as_secs(),
        "socket closed"
    );
    if let End::Close(close) = end {
        close.tell(&mut socket.stream).await;
    }
}

impl Socket {
    pub(in crate::http) fn new(stream: WebSocket, place: Held, edge: Arc<Edge>, opening: Opening) -> Self {
        let mut pings = interval(edge.socket.ping);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pings.reset();
        let opened = Instant::now();
        Self {
            stream,
            place,
            edge,
            opening,
            caller: None,
            operations: StreamMap::new(),
            pings,
            opened,
            last_heard: opened,
            asked: 0,
            said: 0,
        }
    }

    async fn run(&mut self) -> End {
        let deadline = Instant::now() + self.edge.socket.init_time;
        loop {
            let over = self.caller.as_ref().map(|caller| caller.revoked.clone());
            let is_unknown = over.is_none();
            let gone_on = tokio::select! {
                // Checked first, so that these also apply while a message waits for the client to read it.
                biased;
                () = cancelled(over) => Err(Close::forbidden().into()),
                () = sleep_until(deadline), if is_unknown => {
                    Err(Close::new(4408, "Connection initialisation timeout").into())
                }
                gone_on = self.go_on() => gone_on,
            };
            if let Err(end) = gone_on {
                return end;
            }
        }
    }

    /// Handles the next event. When the server stops, subscriptions end, and the socket closes once all operations have
    /// ended.
    async fn go_on(&mut self) -> Result<(), End> {
        let stop = self.edge.stop.clone();
        let is_stopping = stop.is_cancelled();
        if is_stopping && self.operations.is_empty() {
            return Err(Close::new(1001, "the server is shutting down").into());
        }
        tokio::select! {
            message = self.stream.recv() => match message {
                Some(message) => self.read(message?).await,
                None => Err(End::Gone),
            },
            outcome = self.operations.next(), if !self.operations.is_empty() => match outcome {
                Some((id, outcome)) => self.tell(&id, outcome).await,
                None => Ok(()),
            },
            _ = self.pings.tick() => self.ping().await,
            () = stop.cancelled(), if !is_stopping => Ok(()),
        }
    }

    async fn read(&mut self, message: Message) -> Result<(), End> {
        self.last_heard = Instant::now();
        if let Some(account) = &self.opening.account {
            account.taken(on_the_wire(&message));
        }
        let text = match message {
            Message::Text(text) => text,
            Message::Close(_) => {
                // Sends the close frame that acknowledges the client's; failures are ignored.
                let _ = timeout(self.edge.socket.send_time, self.stream.flush()).await;
                return Err(End::Gone);
            }
            // The library responds to pings.
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Binary(_) => return Err(Close::new(4400, "messages must be text").into()),
        };
        if self.caller.is_none() && text.len() > MAX_STRANGER_BYTES {
            return Err(Close::stranger_says_too_much().into());
        }
        let invalid = |error: String| Close::new(4400, format!("Invalid message received: {error}"));
        let meter = Meter::whole(self.edge.requests.json, text.as_bytes())
            .map_err(|refusal| invalid(ApiError::from(refusal).message))?;
        let message = ClientMessage::read(&text).map_err(|error| invalid(error.to_string()))?;
        let is_free = match message {
            // Charged later, where a refusal can refer to the operation's id.
            ClientMessage::Subscribe { .. } => true,
            // A client without budget must still be able to respond to pings and end operations.
            ClientMessage::Pong | ClientMessage::Complete { .. } => text.len() <= MAX_FREE_BYTES,
            ClientMessage::ConnectionInit { .. } | ClientMessage::Ping { .. } => false,
        };
        if !is_free {
            self.pay(text.len()).map_err(Close::of_refusal)?;
        }
        match message {
            ClientMessage::ConnectionInit { payload } => self.init(payload).await,
            ClientMessage::Ping { payload } => self.say(pong(payload)).await,
            ClientMessage::Pong => Ok(()),
            ClientMessage::Subscribe { id, payload } => {
                let payload = Payload { json: payload, may_change: meter.may_change(), bytes: text.len() };
                self.subscribe(id, payload).await
            }
            ClientMessage::Complete { id } => {
                self.operations.remove(&id);
                Ok(())
            }
        }
    }

    /// Charges bytes to the upload rate of the key.
    fn pay(&self, bytes: usize) -> Result<(), Refusal> {
        let Some(caller) = &self.caller else { return Ok(()) };
        self.edge.rates.spend_bytes(caller.actor, bytes as u64).map_err(upload_rate::refusal)
    }

    /// Handles `connection_init`: authenticates by the key in `payload` or in the headers of the opening request.
    async fn init(&mut self, payload: Option<&RawValue>) -> Result<(), End> {
        if self.caller.is_some() {
            return Err(Close::new(4429, "Too many initialisation requests").into());
        }
        if let Err(refusal) = self.let_in(payload).await {
            self.edge.executor.refused(&Operation::default(), refusal.code());
            return Err(Close::of_refusal(refusal).into());
        }
        self.say(json!({ "type": "connection_ack" }).to_string()).await
    }

    async fn let_in(&mut self, payload: Option<&RawValue>) -> Result<(), Refusal> {
        let headers = mem::take(&mut self.opening.headers);
        let key = payload.and_then(key_in);
        let key = key.as_deref().or_else(|| auth::key_in(&headers));
        let caller = self.edge.authenticator.by_key(key, self.opening.address).await?;
        let party = caller.party();
        self.place = self.edge.streams.take(&party, 1).map_err(streams::refusal)?;
        if let Some(account) = &self.opening.account {
            account.pass_to(&party)?;
            account.count_as(self.edge.bodies.budget.nothing(&party));
        }
        self.caller = Some(caller);
        Ok(())
    }

    async fn subscribe(&mut self, id: String, payload: Payload<'_>) -> Result<(), End> {
        self.asked += 1;
        let Some(caller) = self.caller.clone() else {
            return Err(Close::new(4401, "Unauthorized").into());
        };
        if self.operations.contains_key(&id) {
            return Err(Close::new(4409, format!("Subscriber for {id} already exists")).into());
        }
        match self.begin(id.clone(), payload, caller) {
            Ok(outcomes) => {
                self.operations.insert(id, outcomes);
                Ok(())
            }
            Err(refusal) if refusal.code() == ErrorCode::BadUserInput => {
                let reason = "Invalid message received: the payload is not a request";
                Err(Close::new(4400, reason).into())
            }
            Err(refusal) => self.refuse(&id, refusal).await,
        }
    }

    /// Starts an operation, which holds its part of the budget until it ends.
    fn begin(
        &self,
        id: String,
        Payload { json, may_change, bytes }: Payload<'_>,
        caller: Caller,
    ) -> Result<BoxStream<'static, Outcome>, Refusal> {
        let (edge, most) = (self.edge.clone(), self.edge.socket.max_operations);
        if edge.stop.is_cancelled() {
            let message = "the server is shutting down; reconnect";
            return Err(Refusal::new(ErrorCode::Overloaded, message));
        }
        if self.operations.len() >= most {
            let message = format!("a socket can have at most {most} operations in progress");
            return Err(Refusal::new(ErrorCode::Overloaded, message));
        }
        self.pay(bytes)?;
        let party = caller.party();
        let room = edge.bodies.budget.take(&party, bytes)?;
        let mut request = written::of_json(json.get().as_bytes(), may_change, &edge.requests.documents)?;
        let operation = edge.executor.operation(&mut request, caller.actor)?;
        let complete = once(async { Outcome::Complete });
        if operation.is(OperationType::Subscription) {
            let context = edge.request_context(caller, &self.opening.id);
            let answers = edge.executor.follow(request, context, Transport::WebSocket, false);
            let stop = edge.stop.clone().cancelled_owned();
            let messages =
                answers.map(move |answer| Outcome::Message(Waiting::of(&id, &answer, room.another())));
            return Ok(messages.chain(complete).take_until(stop).boxed());
        }
        let turn = edge.turns.take(&party, 1)?;
        let context = edge.request_context(caller, &self.opening.id);
        let (failed, nothing) = (id.clone(), room.another());
        let execution = async move {
            let terms = Terms { tells_cost: false, shared_by: 1 };
            let executed = edge.executor.execute(&operation, request, context, terms).await;
            drop(turn);
            Waiting::of(&id, &executed.answer, room)
        };
        let execution = AbortOnDropHandle::new(tokio::spawn(execution.in_current_span()));
        let message = async move {
            let broken = |error| Waiting::refusal(&failed, ApiError::internal(error).into(), nothing);
            Outcome::Message(execution.await.unwrap_or_else(broken))
        };
        Ok(once(message).chain(complete).boxed())
    }

    async fn tell(&mut self, id: &str, outcome: Outcome) -> Result<(), End> {
        match outcome {
            Outcome::Message(mut message) => {
                if message.is_last {
                    self.operations.remove(id);
                }
                self.say(mem::take(&mut message.text)).await
            }
            Outcome::Complete => {
                // The client may reuse the id as soon as it receives this.
                self.operations.remove(id);
                self.say(complete(id)).await
            }
        }
    }

    async fn refuse(&mut self, id: &str, refusal: Refusal) -> Result<(), End> {
        self.edge.executor.refused(&Operation::default(), refusal.code());
        self.say(refused(id, refusal)).await
    }

    async fn ping(&mut self) -> Result<(), End> {
        if self.last_heard.elapsed() > self.edge.socket.ping * SILENT_PINGS {
            return Err(Close::new(1001, "no response to pings").into());
        }
        if self.caller.is_none() {
            return Ok(());
        }
        self.say(json!({ "type": "ping" }).to_string()).await
    }

    async fn say(&mut self, text: String) -> Result<(), End> {
        self.said += 1;
        match timeout(self.edge.socket.send_time, self.stream.send(Message::text(text))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(Close::new(1013, "events were not read in time").into()),
        }
    }
}

/// Completes when the caller's key is no longer valid; never while there is no caller.
async fn cancelled(over: Option<CancellationToken>) {
    match over {
        Some(over) => over.cancelled().await,
        None => std::future::pending().await,
    }
}
