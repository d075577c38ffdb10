//! Images that are costly to decode: refused by their header, decoded one after another, and without delaying other
//! tenants.

use std::io::{Read, repeat};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use faceql::app::embedded_encoder;
use faceql::clock::Clock;
use faceql::inference::Urgency;
use flate2::Compression;
use flate2::read::ZlibEncoder;
use futures_util::future::join_all;
use serde_json::json;
use vision::{DetectOptions, Picture};

use self::scans::many_scans;
use crate::access::tenants::{ACME, OTHER};
use crate::contours;
use crate::people::{enroll, image, picture};
use crate::support::binary::Binary;
use crate::support::engine::{Script, client_of, in_line};
use crate::support::pictures::{bmp_header, wide};
use crate::support::server::config;
use crate::support::socket::settle;
use crate::support::{Client, TestServer, code, photo};

#[path = "../../../vision/tests/decoding/scans.rs"]
mod scans;

#[tokio::test]
async fn tenant_with_many_images_does_not_delay_a_tenant_with_one() {
    let script = Script::gated();
    let engine = script.encoder().await;
    let encode = |tenant: &'static str, columns| {
        let engine = engine.clone();
        tokio::spawn(async move { engine.encode(&client_of(tenant), wide(columns)).await.is_ok() })
    };
    let at_work = encode("a", 1);
    script.asked(1).await;
    let mut others = Vec::new();
    for number in 0..8 {
        others.push(encode("a", 2));
        in_line(&engine, number + 1).await;
    }
    others.push(encode("b", 3));
    in_line(&engine, 9).await;
    script.open();
    assert!(at_work.await.unwrap() && join_all(others).await.into_iter().all(Result::unwrap));
    assert_eq!(script.widths()[..3], [1, 2, 3], "after the one being processed, each tenant has one");
}

#[tokio::test]
async fn large_images_of_a_tenant_delay_another_by_at_most_one_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let engine = &config(folder.path(), &[("FACEQL_ENGINE_THREADS", "1")]).engine;
    let engine = embedded_encoder(engine).await.unwrap();
    let large = Picture::from_rgb(4000, 3000, vec![90; 4000 * 3000 * 3]).unwrap().to_jpeg(80).unwrap();
    let done = Arc::new(AtomicUsize::new(0));
    let analyses = (0..20).map(|_| {
        let (engine, large, done) = (engine.clone(), large.clone().into(), done.clone());
        tokio::spawn(async move {
            let options = DetectOptions::default();
            engine.analyse(&client_of("a"), large, options, Urgency::Urgent).await.unwrap();
            done.fetch_add(1, Ordering::SeqCst);
        })
    });
    let analyses: Vec<_> = analyses.collect();
    in_line(&engine, 15).await;
    let before = done.load(Ordering::SeqCst);
    let options = DetectOptions::default();
    let faces = engine.analyse(&client_of("b"), photo("obama.jpg").into(), options, Urgency::Urgent).await;
    assert_eq!(faces.unwrap().len(), 1);
    // A batch that was already taken, and the one that they share.
    let meanwhile = done.load(Ordering::SeqCst) - before;
    assert!(meanwhile <= 8, "{meanwhile} of the other tenant's pictures went first");
    assert!(join_all(analyses).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn jpegs_with_too_many_scans_are_refused_and_those_with_many_delay_no_other_tenant() {
    let keys = format!("acme:{ACME}, other:{OTHER}");
    let settings = [("FACEQL_API_KEY", &*keys), ("FACEQL_ENGINE_THREADS", "2")];
    let folder = tempfile::tempdir().unwrap();
    let engine = embedded_encoder(&config(folder.path(), &settings).engine).await.unwrap();
    let server = TestServer::assemble(&settings, Clock::system(), engine.clone()).await;
    let (acme, other) = (server.client_with_key(ACME), server.client_with_key(OTHER));
    let container = acme.create_container().await;
    let refused = acme.try_upload(&container, many_scans((8660, 5773), 100), None).await;
    assert_eq!(code(&refused), "IMAGE_TOO_LARGE");
    enroll(&other, "barack", &["obama.jpg"]).await;
    let alone = verification_time(&other).await;

    let identify =
        "mutation($input: IdentifyPersonInput!) { identifyPerson(input: $input) { searchedFaces } }";
    let slow = json!({ "input": { "image": picture(&many_scans((8660, 5773), 30)) } });
    let answered = AtomicUsize::new(0);
    let attack = join_all((0..20).map(|_| async {
        acme.send(identify, slow.clone()).await;
        answered.fetch_add(1, Ordering::SeqCst);
    }));
    let beside = async {
        in_line(&engine, 15).await;
        let before = answered.load(Ordering::SeqCst);
        let time = verification_time(&other).await;
        (time, answered.load(Ordering::SeqCst) - before)
    };
    // Ends with the containers; the other images are not waited for.
    let (time, meanwhile) = tokio::select! {
        _ = attack => panic!("the other tenant's image waited for all of them"),
        ended = beside => ended,
    };
    println!("verifyPerson takes {alone:?} alone, and {time:?} beside 20 pictures of 30 scans");
    // The image being processed may finish, and the next one.
    assert!(meanwhile <= 2, "{meanwhile} of the other tenant's pictures went first");
    server.stop().await;
}

async fn verification_time(client: &Client) -> Duration {
    let verify =
        "mutation($input: VerifyPersonInput!) { verifyPerson(input: $input) { match { decision } } }";
    let input = json!({ "person": { "key": { "externalId": "barack" } }, "image": image("obama2.jpg") });
    let start = Instant::now();
    client.data(verify, json!({ "input": input })).await;
    start.elapsed()
}

#[tokio::test]
async fn image_that_needs_more_memory_than_there_is_is_refused_before_it_is_stored() {
    let settings = [("FACEQL_DECODE_MEMORY_MIB", "32"), ("FACEQL_ENGINE_THREADS", "1")];
    let folder = tempfile::tempdir().unwrap();
    let engine = embedded_encoder(&config(folder.path(), &settings).engine).await.unwrap();
    let server = TestServer::assemble(&settings, Clock::system(), engine).await;
    let client = server.client();
    let container = client.create_container().await;
    let large = bmp_header(4000, 3000);
    let refused = client.try_upload(&container, large.clone(), None).await;
    assert_eq!(code(&refused), "IMAGE_TOO_LARGE");
    let message = refused["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("up to 44 MiB of memory, more than the limit of 32 MiB"), "{message}");
    let image = json!({ "base64": STANDARD.encode(&large) });
    let detect =
        "mutation($input: SubmitDetectionInput!) { submitDetection(input: $input) { detection { id } } }";
    assert_eq!(client.refusal(detect, json!({ "input": { "image": image } })).await, "IMAGE_TOO_LARGE");
    let compare =
        "mutation($input: CompareFacesInput!) { compareFaces(input: $input) { match { decision } } }";
    let input = json!({ "source": image, "target": image });
    assert_eq!(client.refusal(compare, json!({ "input": input })).await, "IMAGE_TOO_LARGE");
    // As an image, a PNG is downscaled while it is decoded; as a map, it is needed at full size.
    let deep = png_of_zeros(2000, 1800);
    let mut request = contours::request(&deep);
    request["image"] = json!({ "base64": STANDARD.encode(&deep) });
    let draw = "mutation($input: SubmitContourInput!) { submitContour(input: $input) { contour { id } } }";
    assert_eq!(client.refusal(draw, json!({ "input": request })).await, "IMAGE_TOO_LARGE");
    assert_eq!(server.holdings().await, (0, 0, 0));
    client.upload(&container, deep).await;
    settle(&server, &container, 1).await;
    server.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn four_images_of_fifty_megapixels_at_sixteen_bits_take_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("FACEQL_DECODE_MEMORY_MIB", "64"), ("FACEQL_ENGINE_THREADS", "2")];
    let server = Binary::serve(folder.path(), &settings).await;
    let file = png_of_zeros(8660, 5773);
    assert!(file.len() < 400_000);
    let container = server.client.create_container().await;
    server.client.upload(&container, photo("obama.jpg")).await;
    all_completed(&server.client, &container).await;
    let before = server.most_resident();
    join_all((0..4).map(|_| server.client.upload(&container, file.clone()))).await;
    all_completed(&server.client, &container).await;
    let grown = server.most_resident() - before;
    println!("{} MiB resident at the most, and {} MiB more with the pictures", before >> 20, grown >> 20);
    assert!(grown < 200 << 20, "{grown} bytes more");
    assert!(server.terminate().success());
}

async fn all_completed(client: &Client, container: &str) {
    loop {
        let images = client.container(container, "images { status }").await["images"].take();
        let statuses: Vec<_> =
            images.as_array().unwrap().iter().map(|image| image["status"].clone()).collect();
        if statuses.iter().all(|status| status == "COMPLETED") {
            return;
        }
        assert!(!statuses.contains(&json!("FAILED")), "{statuses:?}");
        tokio::task::yield_now().await;
    }
}

/// A black RGBA PNG with 16 bits per sample.
fn png_of_zeros(width: u32, height: u32) -> Vec<u8> {
    let bytes = (1 + 8 * u64::from(width)) * u64::from(height);
    let mut rows = Vec::new();
    ZlibEncoder::new(repeat(0).take(bytes), Compression::best()).read_to_end(&mut rows).unwrap();
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[16, 6, 0, 0, 0]].concat();
    let chunks = [chunk(*b"IHDR", &header), chunk(*b"IDAT", &rows), chunk(*b"IEND", &[])].concat();
    [&b"\x89PNG\r\n\x1A\n"[..], &chunks].concat()
}

fn chunk(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    let named = [&kind[..], body].concat();
    let length = u32::try_from(body.len()).unwrap();
    [&length.to_be_bytes()[..], &named, &crc32fast::hash(&named).to_be_bytes()].concat()
}
