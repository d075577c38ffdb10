//! HTTPS, and WebSockets over TLS, without a proxy.

use std::sync::Arc;

use reqwest::{Certificate, StatusCode};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::support::TestServer;
use crate::support::binary::faceql;
use crate::support::client::http;
use crate::support::server::soon;

const VERSION: &str = "{ service { version } }";

struct SecureServer {
    server: TestServer,
    certificate: rcgen::CertifiedKey<rcgen::KeyPair>,
    _files: tempfile::TempDir,
}

impl SecureServer {
    async fn start() -> Self {
        // Installs the TLS provider that clients need.
        http();
        let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let files = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| {
            let file = files.path().join(name);
            std::fs::write(&file, text).unwrap();
            file.display().to_string()
        };
        let chain = write("certificate.pem", certificate.cert.pem());
        let key = write("key.pem", certificate.signing_key.serialize_pem());
        let settings = [("FACEQL_TLS_CERTIFICATE_FILE", &*chain), ("FACEQL_TLS_KEY_FILE", &*key)];
        Self { server: TestServer::with(&settings).await, certificate, _files: files }
    }

    async fn version(&self) -> (StatusCode, Value) {
        let root = Certificate::from_pem(self.certificate.cert.pem().as_bytes()).unwrap();
        let client = reqwest::Client::builder().tls_certs_only([root]).build().unwrap();
        let url = format!("https://localhost:{}/graphql", self.server.address.port());
        let response = client.post(url).json(&json!({ "query": VERSION })).send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }
}

#[tokio::test]
async fn requests_and_sockets_work_over_tls() {
    let secure = SecureServer::start().await;
    let (status, response) = secure.version().await;
    assert!(status == StatusCode::OK && response.get("errors").is_none(), "{response}");

    let mut roots = RootCertStore::empty();
    roots.add(secure.certificate.cert.der().clone()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(secure.server.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let mut request = "ws://localhost/graphql".into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("graphql-transport-ws"));
    let (_, opened) = client_async(request, stream).await.unwrap();
    assert_eq!(opened.status(), StatusCode::SWITCHING_PROTOCOLS.as_u16());
    secure.server.stop().await;
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_handshake_blocks_no_one() {
    let secure = SecureServer::start().await;
    let silent: Vec<TcpStream> = {
        let mut silent = Vec::new();
        for _ in 0..100 {
            silent.push(TcpStream::connect(secure.server.address).await.unwrap());
        }
        silent
    };
    assert_eq!(soon(secure.version()).await.0, StatusCode::OK);
    // A client that speaks plain HTTP gets a TLS alert and is disconnected.
    let mut plain = TcpStream::connect(secure.server.address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut plain, b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut told = Vec::new();
    let _ = soon(plain.read_to_end(&mut told)).await;
    assert!(!told.starts_with(b"HTTP"));
    assert_eq!(secure.version().await.0, StatusCode::OK);
    drop(silent);
    secure.server.stop().await;
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_reported_at_start() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("broken.pem"), "no certificate").unwrap();
    for (certificate, key, expected) in [
        ("missing.pem", "missing.pem", "missing.pem"),
        ("broken.pem", "broken.pem", "broken.pem"),
        ("broken.pem", "", "both FACEQL_TLS_CERTIFICATE_FILE and FACEQL_TLS_KEY_FILE"),
    ] {
        let settings = [("FACEQL_TLS_CERTIFICATE_FILE", certificate), ("FACEQL_TLS_KEY_FILE", key)];
        let refused = faceql(folder.path(), "serve", &settings).output().unwrap();
        let told = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && told.contains(expected), "{told}");
    }
}
