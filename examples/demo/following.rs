//! A subscription over a WebSocket, by the graphql-transport-ws protocol.

use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::Error;
use super::api::{Api, read};

/// Follows a container until all of its images are settled.
pub(crate) struct Following {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// An image's state after a change.
#[derive(Deserialize)]
pub(crate) struct Change {
    pub(crate) sha256: String,
    pub(crate) status: String,
    pub(crate) attempts: i32,
    pub(crate) revision: i32,
    /// The reason why the image is FAILED.
    pub(crate) error: Option<ImageError>,
}

#[derive(Deserialize)]
pub(crate) struct ImageError {
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Following {
    /// Subscribes to `container`. The subscription ends once `min_images` images exist and none is PROCESSING.
    pub(crate) async fn start(api: &Api, container: &str, min_images: usize) -> Result<Self, Error> {
        let mut following = Self { socket: connect(api).await? };
        following.send(&json!({ "type": "connection_init" })).await?;
        following.expect_acknowledgement().await?;
        let document = "subscription ($container: ID!, $minImages: Int!) {
            imageStatusChanged(containerId: $container, untilSettled: true, minImages: $minImages) {
                sha256 status attempts revision error { code message }
            }
        }";
        let variables = json!({ "container": container, "minImages": min_images });
        let payload = json!({ "query": document, "variables": variables });
        following.send(&json!({ "id": "1", "type": "subscribe", "payload": payload })).await?;
        Ok(following)
    }

    /// Waits for the next change; `None` at the end of the subscription.
    pub(crate) async fn next(&mut self) -> Result<Option<Change>, Error> {
        loop {
            let message = self.receive().await?;
            match message["type"].as_str() {
                Some("next") => return read(message["payload"].clone(), "/imageStatusChanged").map(Some),
                Some("complete") => return Ok(None),
                Some("error") => {
                    return Err(format!("the subscription failed: {}", message["payload"]).into());
                }
                Some("ping") => self.send(&json!({ "type": "pong" })).await?,
                _ => {}
            }
        }
    }

    async fn expect_acknowledgement(&mut self) -> Result<(), Error> {
        let message = self.receive().await?;
        match message["type"].as_str() {
            Some("connection_ack") => Ok(()),
            _ => Err(format!("the server did not acknowledge the connection: {message}").into()),
        }
    }

    async fn send(&mut self, message: &Value) -> Result<(), Error> {
        Ok(self.socket.send(Message::text(message.to_string())).await?)
    }

    async fn receive(&mut self) -> Result<Value, Error> {
        while let Some(message) = self.socket.next().await {
            match message? {
                Message::Text(text) => return Ok(serde_json::from_str(&text)?),
                Message::Close(reason) => {
                    return Err(format!("the server closed the socket: {reason:?}").into());
                }
                _ => {}
            }
        }
        Err("the server closed the socket".into())
    }
}

async fn connect(api: &Api) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, Error> {
    // http becomes ws, and https becomes wss.
    let url = format!("{}/graphql", api.url().replacen("http", "ws", 1));
    let mut request = url.into_client_request()?;
    let protocol = HeaderValue::from_static("graphql-transport-ws");
    request.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
    let (socket, _) = connect_async(request).await?;
    Ok(socket)
}
