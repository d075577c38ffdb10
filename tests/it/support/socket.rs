//! Subscriptions by graphql-transport-ws over a real WebSocket.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::server::{TestServer, soon};

const FOLLOW: &str = "subscription($id: ID!, $settled: Boolean, $min: Int) {
    imageStatusChanged(containerId: $id, untilSettled: $settled, minImages: $min) {
        id status revision attempts error { code } encodings { vector dimensions }
    }
}";

/// An event of a subscription.
#[derive(Debug)]
pub(crate) enum Event {
    /// The image.
    Next(Value),
    /// The code of its error.
    Error(String),
    /// Its end.
    Complete,
}

/// An acknowledged connection.
pub(crate) struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    pub(crate) async fn connect(server: &TestServer) -> Self {
        Self::open(server.address, json!({})).await.expect("the socket was refused")
    }

    /// `None` when the server closes instead of acknowledging.
    pub(crate) async fn open(address: SocketAddr, init: Value) -> Option<Self> {
        let mut request = format!("ws://{address}/graphql").into_client_request().unwrap();
        let protocol = HeaderValue::from_static("graphql-transport-ws");
        request.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
        let stream = TcpStream::connect(address).await.unwrap();
        let (stream, _) = client_async(request, stream).await.unwrap();
        let mut socket = Self(stream);
        socket.send(json!({ "type": "connection_init", "payload": init })).await;
        let answer = socket.message().await?;
        (answer["type"] == "connection_ack").then_some(socket)
    }

    /// Follows a container without an end.
    pub(crate) async fn follow(&mut self, container: &str) {
        self.subscribe("1", FOLLOW, json!({ "id": container })).await;
    }

    /// Follows a container until it has `min` images and all are settled.
    pub(crate) async fn follow_until_settled(&mut self, operation: &str, container: &str, min: i32) {
        let variables = json!({ "id": container, "settled": true, "min": min });
        self.subscribe(operation, FOLLOW, variables).await;
    }

    pub(crate) async fn subscribe(&mut self, operation: &str, query: &str, variables: Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.send(json!({ "id": operation, "type": "subscribe", "payload": payload })).await;
    }

    /// Ends an operation.
    pub(crate) async fn complete(&mut self, operation: &str) {
        self.send(json!({ "id": operation, "type": "complete" })).await;
    }

    /// The next event of any operation.
    pub(crate) async fn next(&mut self) -> Event {
        let mut message = self.message().await.expect("the socket was closed");
        let payload = &mut message["payload"];
        let (errors, nested) = (payload.clone(), payload["errors"].clone());
        match (message["type"].as_str(), nested.is_array()) {
            (Some("complete"), _) => Event::Complete,
            (Some("next"), false) => Event::Next(message["payload"]["data"]["imageStatusChanged"].take()),
            (Some("next"), true) => Event::Error(code(&nested)),
            (Some("error"), _) => Event::Error(code(&errors)),
            _ => panic!("not expected: {message}"),
        }
    }

    /// The data of the next event, whatever is followed; `None` at the end of the subscription.
    pub(crate) async fn said(&mut self) -> Option<Value> {
        let mut message = self.message().await.expect("the socket was closed");
        if message["type"] == "complete" {
            return None;
        }
        let said = message["payload"]["data"].as_object_mut().and_then(|data| data.values_mut().next());
        match said.map(Value::take) {
            Some(said) if !said.is_null() => Some(said),
            _ => panic!("not expected: {message}"),
        }
    }

    /// The next image.
    pub(crate) async fn image(&mut self) -> Value {
        match self.next().await {
            Event::Next(image) => image,
            other => panic!("not an image: {other:?}"),
        }
    }

    /// All images until the end of the subscription.
    pub(crate) async fn images(&mut self) -> Vec<Value> {
        let mut images = Vec::new();
        loop {
            match self.next().await {
                Event::Next(image) => images.push(image),
                Event::Complete => return images,
                Event::Error(code) => panic!("{code}"),
            }
        }
    }

    async fn send(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    /// `None` once the server has closed the connection.
    pub(crate) async fn message(&mut self) -> Option<Value> {
        loop {
            match soon(self.0.next()).await? {
                Ok(Message::Text(text)) => return serde_json::from_str(&text).ok(),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}

/// All changes of a container's images until it has `min` of them and all are settled.
pub(crate) async fn settle(server: &TestServer, container: &str, min: i32) -> Vec<Value> {
    let mut socket = Socket::connect(server).await;
    socket.follow_until_settled("1", container, min).await;
    socket.images().await
}

fn code(errors: &Value) -> String {
    errors[0]["extensions"]["code"].as_str().unwrap_or_else(|| panic!("no code in {errors}")).to_owned()
}
