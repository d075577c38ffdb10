//! Tenants share the background work fairly.

use faceql::clock::Clock;

use crate::access::tenants::{ACME, OTHER};
use crate::support::TestServer;
use crate::support::drawn;
use crate::support::engine::Script;
use crate::support::pictures::bmp_header;
use crate::support::server::eventually;

/// One row of three pixels.
fn narrow() -> Vec<u8> {
    let mut file = bmp_header(3, 1);
    file.resize(file.len() + 12, 0);
    file
}

#[tokio::test]
async fn single_upload_waits_for_two_rounds_of_the_slots_and_not_for_another_tenants_backlog() {
    let script = Script::gated();
    let keys = format!("acme:{ACME}, other:{OTHER}");
    let settings =
        [("FACEQL_API_KEY", &*keys), ("FACEQL_JOBS_CONCURRENCY", "4"), ("FACEQL_IMAGES_PER_CONTAINER", "60")];
    let server = TestServer::assemble(&settings, Clock::system(), script.encoder().await).await;
    let (acme, other) = (server.client_with_key(ACME), server.client_with_key(OTHER));
    let container = acme.create_container().await;
    for shade in 0..60 {
        acme.upload(&container, drawn(shade)).await;
    }
    script.asked(1).await;
    let container = other.create_container().await;
    other.upload(&container, narrow()).await;
    script.open();
    eventually(async || server.holdings().await.1 == 0).await;
    let before = script.widths().iter().position(|width| *width == 3).unwrap();
    assert!(before <= 8, "the engine got {before} images before it");
    server.stop().await;
}
