//! `/health/live` and `/health/ready`: public, and without details.

use faceql::clock::Clock;
use faceql::inference::EmbeddedEncoder;
use serde_json::json;

use crate::support::TestServer;
use crate::support::server::real_encoder;

const KEYS: (&str, &str) = ("FACEQL_API_KEY", "acme:0123456789abcdef");

/// The status, and everything else in the response.
async fn told(server: &TestServer, path: &str) -> (u16, Vec<String>, String) {
    let url = format!("http://{}/health/{path}", server.address);
    let answer = server.client().http.get(url).send().await.unwrap();
    let headers = answer.headers().keys().map(ToString::to_string);
    let headers = headers.filter(|name| !["date", "content-length", "x-request-id"].contains(&&**name));
    (answer.status().as_u16(), headers.collect(), answer.text().await.unwrap())
}

#[tokio::test]
async fn unauthenticated_clients_get_the_status_and_nothing_else() {
    let server = TestServer::with(&[KEYS]).await;
    for path in ["live", "ready"] {
        let (status, headers, body) = told(&server, path).await;
        assert_eq!((status, body.as_str()), (204, ""), "{path}");
        // For web pages, whatever the status.
        let of_cors = ["vary", "access-control-expose-headers"];
        assert!(headers.iter().all(|name| of_cors.contains(&&**name)), "{headers:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn server_without_an_engine_is_live_but_not_ready_and_gives_reasons_only_in_the_api() {
    let real = real_encoder().await;
    let gone = EmbeddedEncoder::idle(real.detector().clone(), real.model().clone());
    let server = TestServer::assemble(&[KEYS], Clock::system(), gone).await;
    assert_eq!(told(&server, "live").await.0, 204);
    let (status, _, body) = told(&server, "ready").await;
    assert_eq!((status, body.as_str()), (503, ""));

    let query = "{ service { ready components { name healthy detail } } }";
    let service = &server.client_with_key("0123456789abcdef").data(query, json!({})).await["service"];
    let state = |name: &str| {
        let components = service["components"].as_array().unwrap();
        let component = components.iter().find(|component| component["name"] == name).unwrap();
        (component["healthy"].as_bool().unwrap(), component["detail"].as_str().unwrap().to_owned())
    };
    assert_eq!(service["ready"], false);
    assert_eq!(state("engine"), (false, "embedded, 0 thread(s), 0 image(s) waiting".into()));
    assert_eq!(state("jobs"), (true, "0 job(s) queued or running".into()));
    assert!(state("database").0 && state("blobs").0);
    server.stop().await;
}

#[tokio::test]
async fn server_that_cannot_store_is_not_ready() {
    let server = TestServer::with(&[KEYS]).await;
    let folder = server.folder().join("blobs");
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, "no folder").unwrap();
    assert_eq!(told(&server, "ready").await.0, 503);
    let query = "{ service { ready components { name healthy } } }";
    let service = &server.client_with_key("0123456789abcdef").data(query, json!({})).await["service"];
    let unwell = json!({ "name": "blobs", "healthy": false });
    assert!(service["ready"] == false && service["components"].as_array().unwrap().contains(&unwell));
    server.stop_with_jobs().await;
}

#[tokio::test]
async fn concurrent_readiness_requests_share_one_check() {
    // The workers do not poll their queues meanwhile.
    let server = TestServer::with(&[("FACEQL_JOBS_POLL_MS", "60000")]).await;
    let before = server.containers.database.statements();
    for _ in 0..200 {
        assert_eq!(told(&server, "ready").await.0, 204);
    }
    let statements = server.containers.database.statements() - before;
    assert!(statements < 100, "{statements}");
    server.stop().await;
}
