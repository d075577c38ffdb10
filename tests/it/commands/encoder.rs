//! The HTTP interface of `faceql encoder`: it is guarded like the API.

use std::num::NonZeroU32;

use faceql::http::{ApiKey, Authenticator, MetricsEndpoint, encoder_router};
use reqwest::header::HOST;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::commands::encoding_service::{KEY, encoding_service_of, encoding_service_with, serve};
use crate::support::client::{http, raw};
use crate::support::drawn;
use crate::support::engine::Script;
use crate::support::server::{config, real_encoder, soon};

/// The beginning of a request; the rest is never sent.
fn unfinished() -> String {
    format!(
        "POST /v1/selfie HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\nContent-Length: 1000\r\n\
         Content-Type: multipart/form-data; boundary=x\r\n\r\n--x"
    )
}

#[tokio::test]
async fn without_a_key_it_refuses_foreign_hosts() {
    let folder = tempfile::tempdir().unwrap();
    let everybody = Authenticator::new(Vec::new(), None, NonZeroU32::MAX);
    let scrape = MetricsEndpoint::of_engine(real_encoder().await);
    let routes = encoder_router(scrape, &everybody, 1 << 20, &config(folder.path(), &[]).http);
    let url = format!("http://{}/v1/selfie", serve(routes).await);
    let ask = async |host: &str| {
        let form = Form::new().part("file", Part::bytes(drawn(1)).file_name("image"));
        http().post(&url).header(HOST, host).multipart(form).send().await.unwrap()
    };
    assert_eq!(ask("localhost").await.status(), 200);
    let refused = ask("evil.example").await;
    assert_eq!(refused.status(), 403);
    assert_eq!(refused.json::<Value>().await.unwrap()["errors"][0]["extensions"]["code"], "FORBIDDEN");
}

#[tokio::test]
async fn concurrent_requests_are_limited() {
    let script = Script::gated();
    let settings = [("FACEQL_MAX_CONCURRENT_REQUESTS", "1")];
    let service = encoding_service_of(script.encoder().await, &settings).await;
    let ask = async || {
        let form = Form::new().part("file", Part::bytes(drawn(1)).file_name("image"));
        let request = http().post(format!("http://{service}/v1/selfie")).bearer_auth(KEY);
        request.multipart(form).send().await.unwrap().status()
    };
    // A request that is still arriving does not count.
    let mut arriving = TcpStream::connect(service).await.unwrap();
    arriving.write_all(unfinished().as_bytes()).await.unwrap();
    let meanwhile = async {
        script.asked(1).await;
        assert_eq!(ask().await, 503);
        script.open();
    };
    let (first, ()) = tokio::join!(ask(), meanwhile);
    assert_eq!((first.as_u16(), ask().await.as_u16()), (200, 200));
}

#[tokio::test]
async fn request_that_does_not_arrive_is_aborted() {
    let service = encoding_service_with(&[("FACEQL_BODY_TIMEOUT_SECONDS", "1")]).await;
    let (status, answer) = soon(raw(service, unfinished().as_bytes())).await;
    assert_eq!((status, answer), (408, json!({ "error": "the request did not arrive in time" })));
}

#[tokio::test]
async fn liveness_is_public_and_metrics_need_an_admin_key() {
    const ADMIN: &str = "admin-key-0123456789";
    let folder = tempfile::tempdir().unwrap();
    let keys = ApiKey::parse_list(&format!("service:{KEY}, service:{ADMIN}:admin")).unwrap();
    let authenticator = Authenticator::new(keys, None, NonZeroU32::MAX);
    let scrape = MetricsEndpoint::of_engine(real_encoder().await);
    let routes = encoder_router(scrape, &authenticator, 1 << 20, &config(folder.path(), &[]).http);
    let service = serve(routes).await;
    let get = async |path: &str, key: &str| {
        http().get(format!("http://{service}{path}")).bearer_auth(key).send().await.unwrap()
    };
    assert_eq!(http().get(format!("http://{service}/health/live")).send().await.unwrap().status(), 204);
    assert_eq!(get("/metrics", "wrong-key-0123456789").await.status(), 401);
    assert_eq!(get("/metrics", KEY).await.status(), 403);
    let told = get("/metrics", ADMIN).await.text().await.unwrap();
    assert!(told.contains("faceql_http_requests_total{route=\"/health/live\",status=\"204\"} 1"), "{told}");
}
