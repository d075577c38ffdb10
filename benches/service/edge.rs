//! The HTTP layer: requests compared with a bare handler, idle WebSockets, and a thousand subscribers of one container.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::routing::post;
use axum::{Json, Router};
use faceql::config::Config;
use faceql::http::{Authenticator, with_middleware};
use faceql::metrics::{EngineMetrics, Metrics};
use faceql::settings::Settings;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::client::Client;
use crate::process::{Server, serve_bare};
use crate::{median, photo, row};

const VERSION: &str = "{ service { version } }";
const KEY: &str = "bench-key-0123456789";
const CLIENTS: usize = 8;
/// Requests per round: the system counts processor time in hundredths of a second; these take about forty of them.
const REQUESTS: usize = 16_000;
const REQUEST_ROUNDS: usize = 5;
const IDLE_SOCKETS: u16 = 10_000;
const SUBSCRIBERS: usize = 1000;
const ROUNDS: usize = 21;

pub(crate) async fn measure() {
    requests().await;
    idle_sockets().await;
    subscribers().await;
}

async fn requests() {
    let folder = || tempfile::tempdir().expect("a temporary folder");
    let bare = Server::start_bare(["--bare-handler"]).await;
    let service = Server::start().await;
    let keyed = Server::start_with(folder(), &[("FACEQL_API_KEY", &format!("bench:{KEY}"))]).await;
    let no_limit = [("FACEQL_RATE_COST_PER_SECOND", "0"), ("FACEQL_RATE_UPLOAD_MIB_PER_MINUTE", "0")];
    let unlimited = Server::start_with(folder(), &no_limit).await;
    let servers = [(&bare, None), (&service, None), (&keyed, Some(KEY)), (&unlimited, None)];
    let [bare, service, keyed, unlimited] = microseconds(servers).await;
    let against = |what: &str, measured: f64, reference: f64, ratio: f64| {
        row(what, &format!("{measured:.1}"), &format!("{reference:.1}"), ratio);
    };
    let what = "{ service { version } }, CPU µs, bare handler behind the same middleware";
    against(what, service, bare, bare / service);
    against("the same with a key and its rates, CPU µs, without", keyed, unlimited, keyed / unlimited);
}

/// The median processor time per request of each of these servers. They are measured alternately, so that other work
/// affects them all.
async fn microseconds<const N: usize>(servers: [(&Server, Option<&'static str>); N]) -> [f64; N] {
    let mut rounds = servers.map(|_| Vec::new());
    for round in 0..=REQUEST_ROUNDS {
        for ((server, key), times) in servers.iter().zip(&mut rounds) {
            let before = server.cpu_seconds();
            ask(server, *key, REQUESTS).await;
            #[expect(clippy::cast_precision_loss, reason = "a few ten thousand")]
            let each = (server.cpu_seconds() - before) * 1_000_000.0 / REQUESTS as f64;
            // The first one warms up.
            if round > 0 {
                times.push(each);
            }
        }
    }
    rounds.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    })
}

/// The child process: responds to every JSON request with JSON, behind the service's middleware.
pub(crate) async fn serve_bare_handler() {
    let answer = |Json(request): Json<Value>| async move {
        let known = request["query"] == VERSION;
        Json(json!({ "data": { "service": { "version": known.then_some(env!("CARGO_PKG_VERSION")) } } }))
    };
    let config = Config::read(Settings::from_values::<&str, &str>([])).expect("the defaults are fine").http;
    let authenticator = Authenticator::new(Vec::new(), None, config.failed_auth_per_minute);
    let metrics = Metrics::new(&EngineMetrics::default(), None).edge;
    let routes = Router::new().route("/graphql", post(answer));
    serve_bare(with_middleware(routes, &authenticator, metrics, &config)).await;
}

async fn ask(server: &Server, key: Option<&'static str>, requests: usize) {
    let each = (0..CLIENTS).map(|_| {
        let client = Client::new(server.address).with_key(key);
        tokio::spawn(async move {
            for _ in 0..requests / CLIENTS {
                client.query(VERSION, json!({})).await;
            }
        })
    });
    for asking in each.collect::<Vec<_>>() {
        asking.await.expect("the requests are answered");
    }
}

async fn idle_sockets() {
    let server = Server::start().await;
    let mut sockets = vec![socket(server.address).await];
    let before = server.resident_megabytes();
    for _ in 0..IDLE_SOCKETS {
        sockets.push(socket(server.address).await);
    }
    let each = (server.resident_megabytes() - before) * 1024.0 / f64::from(IDLE_SOCKETS);
    row("10,000 idle sockets, kB of each, against 20", &format!("{each:.1}"), "20", each / 20.0);
}

/// An acknowledged WebSocket.
async fn socket(address: SocketAddr) -> WebSocketStream<TcpStream> {
    let mut request = format!("ws://{address}/graphql").into_client_request().expect("an address");
    let protocol = HeaderValue::from_static("graphql-transport-ws");
    request.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
    let stream = TcpStream::connect(address).await.expect("a connection; see `ulimit -n`");
    let (mut socket, _) = client_async(request, stream).await.expect("a WebSocket");
    let init = json!({ "type": "connection_init" });
    socket.send(Message::text(init.to_string())).await.expect("the socket is open");
    socket.next().await.expect("an acknowledgement").expect("a message");
    socket
}

async fn subscribers() {
    let one = last_delay(1).await;
    let thousand = last_delay(SUBSCRIBERS).await;
    row(
        "a container's last of 1,000 subscribers, against one alone",
        &format!("{thousand:.1?}"),
        &format!("{one:.1?}"),
        thousand.as_secs_f64() / one.as_secs_f64(),
    );
}

/// The time from the start of an upload until the last subscriber, each on its own WebSocket, receives COMPLETED.
async fn last_delay(subscribers: usize) -> Duration {
    let server = Server::start().await;
    let client = Client::new(server.address);
    let (heard, mut hearing) = mpsc::unbounded_channel();
    let mut delays = Vec::new();
    for _ in 0..ROUNDS {
        let container = client.create_container().await;
        // Its state is the first event of each subscription, which shows that the subscription is there.
        client.upload(&container, photo("obama.jpg")).await;
        client.wait_until_settled(std::slice::from_ref(&container)).await;
        let following: Vec<_> = (0..subscribers)
            .map(|_| tokio::spawn(follow(server.address, container.clone(), heard.clone())))
            .collect();
        for _ in 0..subscribers {
            hearing.recv().await.expect("the sockets are open");
        }
        let start = Instant::now();
        client.upload(&container, photo("obama.jpg")).await;
        let mut last = start;
        for _ in 0..subscribers {
            last = last.max(hearing.recv().await.expect("the sockets are open"));
        }
        delays.push(last - start);
        following.iter().for_each(tokio::task::JoinHandle::abort);
    }
    median(delays)
}

/// Follows a container, and reports when the state of its first image arrived, and when its second image was COMPLETED.
async fn follow(address: SocketAddr, container: String, heard: mpsc::UnboundedSender<Instant>) {
    let mut socket = socket(address).await;
    let query = "subscription ($id: ID!) { imageStatusChanged(containerId: $id) { id status } }";
    let payload = json!({ "query": query, "variables": { "id": container } });
    let message = json!({ "id": "1", "type": "subscribe", "payload": payload });
    socket.send(Message::text(message.to_string())).await.expect("the socket is open");
    socket.next().await.expect("an event").expect("a message");
    let _ = heard.send(Instant::now());
    while let Some(Ok(message)) = socket.next().await {
        if message.into_text().is_ok_and(|text| text.contains("COMPLETED")) {
            // The receiver is gone when the round is over.
            let _ = heard.send(Instant::now());
            return;
        }
    }
}
