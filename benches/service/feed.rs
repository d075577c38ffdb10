//! The feed with a thousand subscribers: the delay from the first one that receives an event to the last.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::client::Client;
use crate::process::Server;
use crate::{median, photo, row};

const SUBMIT: &str =
    "mutation ($file: Upload!) { submitDetection(input: { image: { upload: $file } }) { detection { id } } }";
const SOCKETS: usize = 100;
const FOLLOWERS_OF_SOCKET: usize = 10;
const FOLLOWERS: usize = SOCKETS * FOLLOWERS_OF_SOCKET;
const ROUNDS: usize = 21;

pub(crate) async fn measure() {
    let server = Server::start().await;
    let client = Client::new(server.address);
    let (heard, mut hearing) = mpsc::unbounded_channel();
    for _ in 0..SOCKETS {
        tokio::spawn(follow(server.address, heard.clone()));
    }
    let (mut first, mut last) = (Vec::new(), Vec::new());
    // A subscription is not acknowledged; this time is ample.
    tokio::time::sleep(Duration::from_secs(2)).await;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        client.send_image(SUBMIT, json!({}), photo("obama.jpg")).await;
        let mut delays = Vec::new();
        while delays.len() < FOLLOWERS {
            let at: Instant = hearing.recv().await.expect("the sockets are open");
            delays.push(at - start);
        }
        first.push(delays.iter().copied().min().expect("a thousand"));
        last.push(delays.iter().copied().max().expect("a thousand"));
    }
    let (first, last) = (median(first), median(last));
    let ratio = last.as_secs_f64() / first.as_secs_f64();
    row(
        "the feed's last of 1,000 followers, against the first",
        &format!("{last:.1?}"),
        &format!("{first:.1?}"),
        ratio,
    );
}

/// Follows the feed several times on one WebSocket, and reports when each event arrives.
async fn follow(address: SocketAddr, heard: mpsc::UnboundedSender<Instant>) {
    let mut request = format!("ws://{address}/graphql").into_client_request().expect("an address");
    let protocol = HeaderValue::from_static("graphql-transport-ws");
    request.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
    let stream = TcpStream::connect(address).await.expect("a connection");
    let (mut socket, _) = client_async(request, stream).await.expect("a WebSocket");
    let mut send = vec![json!({ "type": "connection_init" })];
    let query = json!({ "query": "subscription { detectionFeed { cursor detection { id status } } }" });
    send.extend(
        (0..FOLLOWERS_OF_SOCKET)
            .map(|id| json!({ "id": id.to_string(), "type": "subscribe", "payload": query })),
    );
    for message in send {
        socket.send(Message::text(message.to_string())).await.expect("the socket is open");
    }
    while let Some(Ok(message)) = socket.next().await {
        let now = Instant::now();
        let Ok(text) = message.into_text() else { continue };
        let message: Value = serde_json::from_str(&text).unwrap_or_default();
        if message["type"] == "next" && heard.send(now).is_err() {
            return;
        }
    }
}
