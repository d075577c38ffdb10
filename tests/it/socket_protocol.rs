//! graphql-transport-ws to the letter: each message and each close code.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::support::client::read;
use crate::support::server::{eventually, soon};
use crate::support::{TestServer, code};
use crate::tenants::ACME;

/// A socket on which nothing has been said yet.
pub(crate) struct Raw(WebSocketStream<TcpStream>);

impl Raw {
    async fn open(server: &TestServer, protocol: Option<&'static str>) -> Self {
        let mut request = format!("ws://{}/graphql", server.address).into_client_request().unwrap();
        if let Some(protocol) = protocol {
            request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static(protocol));
        }
        let stream = TcpStream::connect(server.address).await.unwrap();
        // One who offers a protocol that the server does not speak is let in without one.
        let (socket, _) = client_async(request, stream).await.unwrap();
        Self(socket)
    }

    pub(crate) async fn speaking(server: &TestServer) -> Self {
        Self::open(server, Some("graphql-transport-ws")).await
    }

    pub(crate) async fn acknowledged(server: &TestServer) -> Self {
        let mut socket = Self::speaking(server).await;
        socket.say(json!({ "type": "connection_init" })).await;
        assert_eq!(socket.hear().await, json!({ "type": "connection_ack" }));
        socket
    }

    pub(crate) async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    pub(crate) async fn hear(&mut self) -> Value {
        match soon(self.0.next()).await {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The code with which the server closes, whatever it says before.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            match soon(self.0.next()).await {
                Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

pub(crate) fn subscribe(id: &str, query: &str) -> Value {
    json!({ "id": id, "type": "subscribe", "payload": { "query": query } })
}

pub(crate) const FEED: &str = "subscription { detectionFeed { cursor } }";

#[tokio::test]
async fn each_misuse_has_its_close_code() {
    let server = TestServer::with(&[("FACEQL_API_KEY", &format!("acme:{ACME}"))]).await;
    let key = json!({ "type": "connection_init", "payload": { "Authorization": format!("Bearer {ACME}") } });
    let cases: [(&str, Vec<Value>, u16); 7] = [
        ("subscribe before connection_init", vec![subscribe("1", "{ __typename }")], 4401),
        (
            "a wrong key",
            vec![json!({ "type": "connection_init", "payload": { "x-api-key": "wrong" } })],
            4403,
        ),
        ("no key", vec![json!({ "type": "connection_init" })], 4403),
        ("two connection_init", vec![key.clone(), key.clone()], 4429),
        ("an id twice", vec![key.clone(), subscribe("1", FEED), subscribe("1", FEED)], 4409),
        ("an unknown message", vec![key.clone(), json!({ "type": "start", "id": "1" })], 4400),
        (
            "no request",
            vec![key.clone(), json!({ "type": "subscribe", "id": "1", "payload": { "query": 7 } })],
            4400,
        ),
    ];
    for (misuse, messages, expected) in cases {
        let mut socket = Raw::speaking(&server).await;
        for message in messages {
            socket.say(message).await;
        }
        assert_eq!(socket.closed().await, expected, "{misuse}");
    }
    let mut socket = Raw::speaking(&server).await;
    socket.0.send(Message::text("no JSON")).await.unwrap();
    assert_eq!(socket.closed().await, 4400);
    let mut socket = Raw::speaking(&server).await;
    socket.0.send(Message::binary(b"{}".to_vec())).await.unwrap();
    assert_eq!(socket.closed().await, 4400);
    server.stop().await;
}

#[tokio::test]
async fn another_protocol_or_none_is_not_spoken() {
    let server = TestServer::start().await;
    assert_eq!(Raw::open(&server, None).await.closed().await, 4406);
    server.stop().await;
}

#[tokio::test]
async fn operations_are_answered_by_next_and_complete_or_by_error() {
    let server = TestServer::start().await;
    let mut socket = Raw::acknowledged(&server).await;
    socket.say(subscribe("q", "{ __typename }")).await;
    let next = json!({ "id": "q", "type": "next", "payload": { "data": { "__typename": "Query" } } });
    assert_eq!(socket.hear().await, next);
    assert_eq!(socket.hear().await, json!({ "id": "q", "type": "complete" }));
    // An id is free again once its operation has ended.
    socket.say(subscribe("q", "{ nothing }")).await;
    let error = socket.hear().await;
    assert_eq!((&error["type"], &error["id"]), (&json!("error"), &json!("q")));
    assert_eq!(error["payload"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
    // A subscription that its client ends says no more.
    socket.say(subscribe("s", FEED)).await;
    socket.say(json!({ "id": "s", "type": "complete" })).await;
    socket.say(subscribe("s", "{ __typename }")).await;
    assert_eq!(socket.hear().await["type"], "next");
    assert_eq!(socket.hear().await["type"], "complete");
    socket.say(json!({ "type": "ping", "payload": { "at": 7 } })).await;
    assert_eq!(socket.hear().await, json!({ "type": "pong", "payload": { "at": 7 } }));
    socket.say(json!({ "type": "pong" })).await;
    server.stop().await;
}

#[tokio::test]
async fn operations_of_a_socket_are_bounded() {
    let server = TestServer::with(&[("FACEQL_MAX_SOCKET_OPERATIONS", "2")]).await;
    let mut socket = Raw::acknowledged(&server).await;
    for id in ["1", "2", "3"] {
        socket.say(subscribe(id, FEED)).await;
    }
    let refused = socket.hear().await;
    assert_eq!((&refused["type"], &refused["id"]), (&json!("error"), &json!("3")));
    assert_eq!(refused["payload"][0]["extensions"]["code"], "OVERLOADED");
    server.stop().await;
}

#[tokio::test]
async fn silent_clients_are_pinged_and_then_given_up() {
    let server = TestServer::with(&[("FACEQL_SOCKET_PING_SECONDS", "1")]).await;
    let (mut silent, mut answering) = (Raw::acknowledged(&server).await, Raw::acknowledged(&server).await);
    let answered = tokio::spawn(async move {
        for _ in 0..5 {
            assert_eq!(answering.hear().await, json!({ "type": "ping" }));
            answering.say(json!({ "type": "pong" })).await;
        }
    });
    assert_eq!(silent.closed().await, 4408);
    answered.await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn sockets_of_foreign_pages_are_refused() {
    let settings =
        [("FACEQL_API_KEY", &*format!("acme:{ACME}")), ("FACEQL_ALLOWED_ORIGINS", "https://app.example")];
    let server = TestServer::with(&settings).await;
    let open = async |origin: String| {
        let mut request = format!("ws://{}/graphql", server.address).into_client_request().unwrap();
        let protocol = HeaderValue::from_static("graphql-transport-ws");
        request.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
        request.headers_mut().insert("Origin", HeaderValue::from_str(&origin).unwrap());
        let stream = TcpStream::connect(server.address).await.unwrap();
        client_async(request, stream).await.is_ok()
    };
    assert!(open(format!("http://{}", server.address)).await);
    assert!(open("https://app.example".into()).await);
    assert!(!open("https://evil.example".into()).await);
    server.stop().await;
}

#[tokio::test]
async fn shutting_down_says_so() {
    let server = TestServer::start().await;
    let mut socket = Raw::acknowledged(&server).await;
    server.stop().await;
    assert_eq!(socket.closed().await, 1001);
}

#[tokio::test]
async fn sockets_and_streams_that_are_open_at_once_are_counted() {
    let server = TestServer::with(&[("FACEQL_MAX_STREAMS", "1")]).await;
    let stream = async || {
        let request = server.client().post().header("accept", "text/event-stream");
        request.json(&json!({ "query": FEED })).send().await.unwrap()
    };
    let socket = Raw::acknowledged(&server).await;
    let refused = stream().await;
    assert_eq!(refused.status(), 503);
    assert_eq!(code(&read(refused).await), "OVERLOADED");
    let mut request = format!("ws://{}/graphql", server.address).into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("graphql-transport-ws"));
    let connection = TcpStream::connect(server.address).await.unwrap();
    let Err(Error::Http(refused)) = client_async(request, connection).await else { panic!("it was let in") };
    assert_eq!(refused.status(), 503);
    // One that ends makes room for another.
    drop(socket);
    eventually(async || stream().await.status() == 200).await;
    eventually(async || stream().await.status() == 200).await;
    server.stop().await;
}
