//! An external encoding service over a real socket: another FaceQL, and services that misbehave.

use std::future::pending;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, post};
use faceql::app;
use faceql::clock::Clock;
use faceql::http::{ApiKey, Authenticator, MetricsEndpoint, encoder_router};
use faceql::inference::EmbeddedEncoder;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::support::client::http;
use crate::support::server::{config, eventually, real_encoder, soon};
use crate::support::socket::settle;
use crate::support::{TestServer, drawn, photo};

pub(crate) const KEY: &str = "service-key-0123456789";

/// Serves `router` while the test runs.
pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, router).into_future());
    address
}

/// `faceql encoder` with the real engine.
async fn encoding_service() -> SocketAddr {
    encoding_service_with(&[]).await
}

pub(crate) async fn encoding_service_with(overrides: &[(&str, &str)]) -> SocketAddr {
    encoding_service_of(real_encoder().await, overrides).await
}

pub(crate) async fn encoding_service_of(encoder: EmbeddedEncoder, overrides: &[(&str, &str)]) -> SocketAddr {
    let folder = tempfile::tempdir().unwrap();
    let authenticator =
        Authenticator::new(ApiKey::parse_list(&format!("service:{KEY}")).unwrap(), None, NonZeroU32::MAX);
    let http = config(folder.path(), overrides).http;
    serve(encoder_router(MetricsEndpoint::of_engine(encoder), &authenticator, 1 << 20, &http)).await
}

/// A server that requests encodings from `service`.
async fn server(service: SocketAddr, overrides: &[(&str, &str)]) -> TestServer {
    let url = format!("http://{service}/v1/selfie");
    let mut settings = vec![("ENCODING_SERVICE_URL", &*url), ("FACEQL_JOBS_MAX_ATTEMPTS", "3")];
    settings.extend(overrides);
    let folder = tempfile::tempdir().unwrap();
    let engines = app::engines(&config(folder.path(), &settings)).await.unwrap();
    TestServer::assemble(&settings, Clock::system(), engines).await
}

/// A container with two photos of one person, settled.
async fn two_photos(server: &TestServer) -> Value {
    let client = server.client();
    let container = client.create_container().await;
    client.upload(&container, photo("obama.jpg")).await;
    client.upload(&container, photo("obama2.jpg")).await;
    settle(server, &container, 2).await;
    let fields = "images { status encodings { vector face { confidence } model { name } } }
        comparison { samePerson pairs { distance } }";
    client.container(&container, fields).await
}

#[tokio::test]
async fn service_gives_the_same_encodings_as_the_embedded_engine() {
    let service = encoding_service().await;
    let remote =
        server(service, &[("ENCODING_SERVICE_KEY", KEY), ("ENCODING_SERVICE_MODEL", "standard")]).await;
    let embedded = TestServer::start().await;
    let (mut there, mut here) = (two_photos(&remote).await, two_photos(&embedded).await);
    assert_eq!(there["comparison"]["samePerson"], true);
    assert_eq!(there["comparison"], here["comparison"]);
    for index in 0..2 {
        let (there, here) =
            (&mut there["images"][index]["encodings"][0], &mut here["images"][index]["encodings"][0]);
        assert_eq!((&there["face"], here["face"].take().is_object()), (&Value::Null, true));
        assert_eq!(there, here);
    }
    remote.stop().await;
    embedded.stop().await;
}

#[tokio::test]
async fn nothing_is_compared_if_the_model_is_not_known() {
    let remote = server(encoding_service().await, &[("ENCODING_SERVICE_KEY", KEY)]).await;
    let container = two_photos(&remote).await;
    assert_eq!(
        (&container["images"][1]["status"], &container["comparison"]),
        (&json!("COMPLETED"), &Value::Null)
    );
    assert_eq!(container["images"][0]["encodings"][0]["vector"].as_array().unwrap().len(), 128);
    remote.stop().await;
}

#[tokio::test]
async fn encoding_service_requires_its_key_and_an_image() {
    let url = format!("http://{}/v1/selfie", encoding_service().await);
    let ask = async |key: &str, name: &'static str, bytes: Vec<u8>| {
        let form = Form::new().part(name, Part::bytes(bytes).file_name("image"));
        http().post(&url).bearer_auth(key).multipart(form).send().await.unwrap().status()
    };
    assert_eq!(ask("wrong-key-0123456789", "file", drawn(1)).await, 401);
    assert_eq!(ask(KEY, "file", drawn(1)).await, 200);
    assert_eq!(ask(KEY, "file", b"no image".to_vec()).await, 400);
    assert_eq!(ask(KEY, "other", drawn(1)).await, 400);
    assert_eq!(ask(KEY, "file", vec![0; 3 << 20]).await, 413);
}

#[tokio::test]
async fn requests_to_the_encoding_service_share_a_limit_on_memory() {
    let settings = [
        ("FACEQL_MAX_UPLOAD_BYTES", "65536"),
        ("FACEQL_MAX_REQUEST_BYTES", "100000"),
        ("FACEQL_MAX_BYTES_IN_FLIGHT", "2200000"),
    ];
    let service = encoding_service_with(&settings).await;
    let ask = async || {
        let form = Form::new().part("file", Part::bytes(vec![0; 200_000]).file_name("image"));
        let request = http().post(format!("http://{service}/v1/selfie")).bearer_auth(KEY);
        request.multipart(form).send().await.unwrap().status()
    };
    let head = format!(
        "POST /v1/selfie HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\nContent-Length: 2090000\r\n\
         Content-Type: multipart/form-data; boundary=x\r\n\r\n\
         --x\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\n"
    );
    // It arrives almost completely and does not end, unless it is the one for which there is no memory.
    let begin = async || {
        let mut unended = TcpStream::connect(service).await.unwrap();
        unended.write_all(head.as_bytes()).await.unwrap();
        unended.write_all(&vec![0; 2_000_000]).await.unwrap();
        unended
    };
    let mut unended = begin().await;
    soon(async {
        while ask().await != 503 {
            unended = begin().await;
        }
    })
    .await;
    drop(unended);
    eventually(async || ask().await == 400).await;
}

#[tokio::test]
async fn image_that_the_service_cannot_read_is_invalid() {
    let remote = server(answering(StatusCode::BAD_REQUEST, "{}").await.0, &[]).await;
    assert_eq!(outcome(&remote).await, ("INVALID_IMAGE".into(), 1));
    remote.stop().await;
}

#[tokio::test]
async fn permanent_refusal_is_not_retried() {
    let remote = server(encoding_service().await, &[("ENCODING_SERVICE_KEY", "wrong-key-0123456789")]).await;
    assert_eq!(outcome(&remote).await, ("ENGINE_UNAVAILABLE".into(), 1));
    remote.stop().await;
}

#[tokio::test]
async fn faults_and_invalid_responses_are_retried_until_the_attempts_are_used_up() {
    let short = json!([vec![0.5; 127]]).to_string();
    let infinite = format!("[[{}1e999]]", "0.5,".repeat(127));
    let countless = json!(vec![vec![0; 128]; 501]).to_string();
    let endless = format!("[{}]", " ".repeat(5 << 20));
    let faults = [
        (StatusCode::INTERNAL_SERVER_ERROR, "oops"),
        (StatusCode::TOO_MANY_REQUESTS, "[]"),
        (StatusCode::OK, "<html>"),
        (StatusCode::OK, "[[\"a\"]]"),
        (StatusCode::OK, "[[null]]"),
        (StatusCode::OK, &short),
        (StatusCode::OK, &infinite),
        (StatusCode::OK, &countless),
        (StatusCode::OK, &endless),
    ];
    for (status, body) in faults {
        let (service, asked) = answering(status, body).await;
        let remote = server(service, &[]).await;
        assert_eq!(outcome(&remote).await, ("ENGINE_UNAVAILABLE".into(), 3), "{status} {body}");
        assert_eq!(asked.load(Ordering::SeqCst), 3, "{status} {body}");
        remote.stop().await;
    }
}

#[tokio::test]
async fn unavailable_service_fails_the_image_but_not_the_api() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let remote = server(nobody, &[]).await;
    assert_eq!(outcome(&remote).await, ("ENGINE_UNAVAILABLE".into(), 3));
    let service = remote.client().data("{ service { ready components { name healthy } } }", json!({})).await;
    assert_eq!(service["service"]["ready"], false);
    remote.stop().await;
}

#[tokio::test]
async fn slow_service_times_out() {
    let (slow, _) = hanging().await;
    let remote = server(slow, &[("ENCODING_SERVICE_TIMEOUT_MS", "100")]).await;
    assert_eq!(outcome(&remote).await, ("ENGINE_UNAVAILABLE".into(), 3));
    remote.stop().await;
}

#[tokio::test]
async fn api_responds_while_the_service_hangs() {
    let (service, mut asked) = hanging().await;
    let longer_than_this_test =
        [("ENCODING_SERVICE_TIMEOUT_MS", "600000"), ("FACEQL_SHUTDOWN_GRACE_SECONDS", "0")];
    let remote = server(service, &longer_than_this_test).await;
    let client = remote.client();
    let container = client.create_container().await;
    for shade in 0..5 {
        soon(client.upload(&container, drawn(shade))).await;
    }
    soon(asked.wait_for(|asked| *asked == 5)).await.unwrap();
    let found = soon(client.container(&container, "settled images { status }")).await;
    assert_eq!((&found["settled"], found["images"].as_array().unwrap().len()), (&json!(false), 5));
    soon(remote.stop_with_jobs()).await;
}

#[tokio::test]
async fn service_that_recovers_completes_the_image() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let recover = move || async move {
        match count.fetch_add(1, Ordering::SeqCst) {
            0 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            _ => "[]".into_response(),
        }
    };
    let remote = server(serve(Router::new().route("/v1/selfie", post(recover))).await, &[]).await;
    let container = remote.client().create_container().await;
    remote.client().upload(&container, drawn(1)).await;
    let last = settle(&remote, &container, 1).await.pop().unwrap();
    assert_eq!((&last["status"], &last["attempts"]), (&json!("COMPLETED"), &json!(2)));
    let metrics = http().get(format!("http://{}/metrics", remote.address)).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    for outcome in ["unavailable", "encoded"] {
        let count = "faceql_encoding_service_duration_seconds_count";
        assert!(metrics.contains(&format!("{count}{{outcome=\"{outcome}\"}} 1\n")), "{metrics}");
    }
    remote.stop().await;
}

/// A service that never responds, and the number of requests it received.
async fn hanging() -> (SocketAddr, watch::Receiver<usize>) {
    let (ask, asked) = watch::channel(0);
    let never = move || async move {
        ask.send_modify(|asked| *asked += 1);
        pending::<Response>().await
    };
    (serve(Router::new().route("/v1/selfie", post(never))).await, asked)
}

/// A service that always sends the same response, and the number of requests it received.
async fn answering(status: StatusCode, body: &str) -> (SocketAddr, Arc<AtomicUsize>) {
    let (asked, body) = (Arc::new(AtomicUsize::new(0)), body.to_owned());
    let count = asked.clone();
    let answer = move || async move {
        count.fetch_add(1, Ordering::SeqCst);
        (status, body)
    };
    (serve(Router::new().route("/v1/selfie", any(answer))).await, asked)
}

/// The error and the number of attempts of an image that fails.
async fn outcome(server: &TestServer) -> (String, i64) {
    let container = server.client().create_container().await;
    server.client().upload(&container, drawn(1)).await;
    let failed = settle(server, &container, 1).await.pop().unwrap();
    assert_eq!(failed["status"], "FAILED", "{failed}");
    (failed["error"]["code"].as_str().unwrap().to_owned(), failed["attempts"].as_i64().unwrap())
}

#[tokio::test]
async fn redirects_of_the_service_are_not_followed() {
    let (elsewhere, asked) = answering(StatusCode::OK, "[]").await;
    let to = format!("http://{elsewhere}/v1/selfie");
    let redirect = move || async move { Redirect::to(&to) };
    let service = serve(Router::new().route("/v1/selfie", post(redirect))).await;
    let remote = server(service, &[("ENCODING_SERVICE_KEY", KEY)]).await;
    assert_eq!(outcome(&remote).await, ("ENGINE_UNAVAILABLE".into(), 1));
    assert_eq!(asked.load(Ordering::SeqCst), 0, "images are sent to this service only");
    remote.stop().await;
}

#[tokio::test]
async fn concurrent_requests_to_the_service_are_limited() {
    let (asked, answers) = (watch::Sender::new(0), Arc::new(Semaphore::new(0)));
    let (under_way, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (ask, answer, most_seen) = (asked.clone(), answers.clone(), most.clone());
    let encode = move || async move {
        most_seen.fetch_max(under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        ask.send_modify(|asked| *asked += 1);
        answer.acquire().await.unwrap().forget();
        under_way.fetch_sub(1, Ordering::SeqCst);
        "[]"
    };
    let service = serve(Router::new().route("/v1/selfie", post(encode))).await;
    let remote = server(service, &[("ENCODING_SERVICE_CONCURRENCY", "2")]).await;
    let container = remote.client().create_container().await;
    for shade in 0..5 {
        remote.client().upload(&container, drawn(shade)).await;
    }
    // All five are being processed at this point.
    eventually(async || {
        let counts = remote.containers.queue.counts().await.unwrap();
        counts.iter().any(|count| count.kind == "encode_image" && count.running == 5)
    })
    .await;
    for answered in 0..5 {
        soon(asked.subscribe().wait_for(|asked| *asked > answered)).await.unwrap();
        answers.add_permits(1);
    }
    settle(&remote, &container, 5).await;
    assert_eq!(most.load(Ordering::SeqCst), 2);
    remote.stop().await;
}
