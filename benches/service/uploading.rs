//! From upload to COMPLETED, compared with the engine alone on the same images; acknowledgement under load; memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use entity::ids::Tenant;
use faceql::access::caller::ANONYMOUS_TENANT;
use faceql::app;
use faceql::config::Config;
use faceql::inference::{Client as EngineClient, EmbeddedEncoder};
use faceql::settings::Settings;
use tokio::task::JoinSet;

use crate::client::Client;
use crate::process::Server;
use crate::{photo, root, row};

const IMAGES: usize = 640;
const ROUNDS: usize = 2;
const UPLOADERS: usize = 8;
const ACKNOWLEDGEMENTS: usize = 60;

pub(crate) async fn measure() {
    let photos = photos();
    let engine = engine_alone().await;
    let server = Server::start().await;
    let client = Client::new(server.address);
    encode_all(&engine, &photos, UPLOADERS * 5).await;
    client.wait_until_settled(&upload_all(&client, &photos, UPLOADERS * 5).await).await;

    // Alternately, so that a temporary slowdown of the machine affects both.
    let (mut alone, mut service) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..ROUNDS {
        alone += timed(encode_all(&engine, &photos, IMAGES)).await;
        let serving = async { client.wait_until_settled(&upload_all(&client, &photos, IMAGES).await).await };
        service += timed(serving).await;
    }
    drop(engine);
    let (service, alone) = (rate(ROUNDS * IMAGES, service), rate(ROUNDS * IMAGES, alone));
    let (shown, reference) = (format!("{service:.1}/s"), format!("{alone:.1}/s"));
    row("upload to COMPLETED, 8 uploaders, against the engine alone", &shown, &reference, service / alone);

    let unloaded = acknowledgement(&client, &photos, true).await;
    let backlog = upload_all(&client, &photos, IMAGES).await;
    let saturated = acknowledgement(&client, &photos, false).await;
    let ratio = saturated.as_secs_f64() / unloaded.as_secs_f64();
    row(
        "acknowledgement while the encoders are saturated, median",
        &format!("{saturated:.1?}"),
        &format!("{unloaded:.1?}"),
        ratio,
    );

    client.wait_until_settled(&backlog).await;
    let before = server.resident_megabytes();
    client.wait_until_settled(&upload_all(&client, &photos, IMAGES).await).await;
    let after = server.resident_megabytes();
    row(
        "resident memory after 2,600 images, against 640 earlier",
        &format!("{after:.0} MB"),
        &format!("{before:.0} MB"),
        after / before,
    );
}

pub(crate) fn photos() -> Arc<Vec<Bytes>> {
    Arc::new(["obama.jpg", "obama2.jpg", "biden.jpg"].map(photo).into())
}

pub(crate) async fn engine_alone() -> EmbeddedEncoder {
    let path = |path: &str| root(path).to_string_lossy().into_owned();
    let settings = Settings::from_values([
        ("FACEQL_ONNX_RUNTIME", path(".faceql/lib/libonnxruntime.so")),
        ("FACEQL_MODEL_PACK", path(".faceql/packs/standard")),
    ]);
    let config = Config::read(settings).expect("the configuration");
    app::embedded_encoder(&config.engine).await.expect("the engine")
}

pub(crate) async fn timed<T>(work: impl Future<Output = T>) -> Duration {
    let start = Instant::now();
    work.await;
    start.elapsed()
}

/// The client of the engine for uploads.
pub(crate) fn anybody() -> EngineClient {
    EngineClient::job(&Tenant::parse(ANONYMOUS_TENANT).expect("a name"))
}

pub(crate) async fn encode_all(encoder: &EmbeddedEncoder, photos: &Arc<Vec<Bytes>>, images: usize) {
    let mut work = JoinSet::new();
    for uploader in 0..UPLOADERS {
        let (encoder, photos, client) = (encoder.clone(), photos.clone(), anybody());
        work.spawn(async move {
            for number in 0..images / UPLOADERS {
                let photo = photos[(uploader + number) % photos.len()].clone();
                encoder.encode(&client, photo).await.expect("an encoding");
            }
        });
    }
    work.join_all().await;
}

/// Returns the containers that were filled.
async fn upload_all(client: &Client, photos: &Arc<Vec<Bytes>>, images: usize) -> Vec<String> {
    let mut work = JoinSet::new();
    for uploader in 0..UPLOADERS {
        let (client, photos) = (client.clone(), photos.clone());
        work.spawn(async move {
            let mut containers = Vec::new();
            for number in (0..images / UPLOADERS).step_by(5) {
                let container = client.create_container().await;
                for image in 0..5 {
                    let photo = photos[(uploader + number + image) % photos.len()].clone();
                    client.upload(&container, photo).await;
                }
                containers.push(container);
            }
            containers
        });
    }
    work.join_all().await.concat()
}

async fn acknowledgement(client: &Client, photos: &[Bytes], wait_between: bool) -> Duration {
    let mut times = Vec::new();
    let mut container = String::new();
    for number in 0..ACKNOWLEDGEMENTS {
        if number % 5 == 0 {
            container = client.create_container().await;
        }
        let start = Instant::now();
        client.upload(&container, photos[0].clone()).await;
        times.push(start.elapsed());
        if wait_between {
            client.wait_until_settled(std::slice::from_ref(&container)).await;
        }
    }
    times.sort();
    times[times.len() / 2]
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred")]
pub(crate) fn rate(images: usize, elapsed: Duration) -> f64 {
    images as f64 / elapsed.as_secs_f64()
}
