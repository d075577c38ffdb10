//! graphql-transport-ws by its specification: each message and each close code.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::access::tenants::ACME;
use crate::support::TestServer;
use crate::support::server::soon;

/// A WebSocket on which no message has been sent yet.
pub(crate) struct Raw(pub(crate) WebSocketStream<TcpStream>);

impl Raw {
    async fn open(address: SocketAddr, protocol: Option<&'static str>) -> Self {
        Self::through(TcpStream::connect(address).await.unwrap(), protocol).await
    }

    async fn through(stream: TcpStream, protocol: Option<&'static str>) -> Self {
        let address = stream.peer_addr().unwrap();
        let mut request = format!("ws://{address}/graphql").into_client_request().unwrap();
        if let Some(protocol) = protocol {
            request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static(protocol));
        }
        // A client that offers an unsupported subprotocol is accepted without one.
        let (socket, _) = client_async(request, stream).await.unwrap();
        Self(socket)
    }

    pub(crate) async fn speaking(server: &TestServer) -> Self {
        Self::at(server.address).await
    }

    pub(crate) async fn at(address: SocketAddr) -> Self {
        Self::open(address, Some("graphql-transport-ws")).await
    }

    /// On a connection that is already open.
    pub(crate) async fn on(stream: TcpStream) -> Self {
        Self::through(stream, Some("graphql-transport-ws")).await
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

    /// The code with which the server closes, after any other messages.
    pub(crate) async fn closed(&mut self) -> u16 {
        self.closed_with().await.0
    }

    /// The code and the reason with which the server closes.
    pub(crate) async fn closed_with(&mut self) -> (u16, String) {
        loop {
            match soon(self.0.next()).await {
                Some(Ok(Message::Close(Some(frame)))) => {
                    return (frame.code.into(), frame.reason.as_str().to_owned());
                }
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
async fn each_protocol_violation_has_its_close_code() {
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
async fn connection_without_a_supported_subprotocol_is_closed() {
    let server = TestServer::start().await;
    assert_eq!(Raw::open(server.address, None).await.closed().await, 4406);
    server.stop().await;
}

#[tokio::test]
async fn operations_get_next_and_complete_or_error() {
    let server = TestServer::start().await;
    let mut socket = Raw::acknowledged(&server).await;
    socket.say(subscribe("q", "{ __typename }")).await;
    let next = json!({ "id": "q", "type": "next", "payload": { "data": { "__typename": "Query" } } });
    assert_eq!(socket.hear().await, next);
    assert_eq!(socket.hear().await, json!({ "id": "q", "type": "complete" }));
    // An id can be reused once its operation has ended.
    socket.say(subscribe("q", "{ nothing }")).await;
    let error = socket.hear().await;
    assert_eq!((&error["type"], &error["id"]), (&json!("error"), &json!("q")));
    assert_eq!(error["payload"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
    // A subscription that its client completes sends nothing more.
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
async fn operations_of_a_socket_are_limited() {
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
async fn client_that_closes_gets_a_close_frame() {
    let server = TestServer::start().await;
    let mut socket = Raw::acknowledged(&server).await;
    socket.say(subscribe("1", FEED)).await;
    let done = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    socket.0.close(Some(done)).await.unwrap();
    assert_eq!(socket.closed().await, 1000);
    server.stop().await;
}

#[tokio::test]
async fn missing_connection_init_times_out() {
    let server = TestServer::with(&[("FACEQL_SOCKET_INIT_SECONDS", "1")]).await;
    let mut known = Raw::acknowledged(&server).await;
    assert_eq!(Raw::speaking(&server).await.closed().await, 4408);
    known.say(json!({ "type": "ping" })).await;
    assert_eq!(known.hear().await["type"], "pong");
    server.stop().await;
}

#[tokio::test]
async fn silent_clients_are_pinged_and_then_disconnected() {
    let server = TestServer::with(&[("FACEQL_SOCKET_PING_SECONDS", "1")]).await;
    let (mut silent, mut answering) = (Raw::acknowledged(&server).await, Raw::acknowledged(&server).await);
    let answered = tokio::spawn(async move {
        for _ in 0..5 {
            assert_eq!(answering.hear().await, json!({ "type": "ping" }));
            answering.say(json!({ "type": "pong" })).await;
        }
    });
    // The client may reconnect: the reserved codes would tell it otherwise.
    assert_eq!(silent.closed().await, 1001);
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
async fn shutdown_is_sent_as_a_close_code() {
    let server = TestServer::start().await;
    let mut socket = Raw::acknowledged(&server).await;
    server.stop().await;
    assert_eq!(socket.closed().await, 1001);
}
