//! The overhead of verification and identification among 100,000 faces over the engine: HTTP, parsing, SQL, index.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use faceql::inference::{EmbeddedEncoder, Urgency};
use faceql::people::vector_bytes;
use serde_json::{Value, json};
use uuid::Uuid;
use vision::{DetectOptions, EncodedFace};

use crate::client::Client;
use crate::faces::{DIMENSIONS, Population};
use crate::process::{Server, faceql, finished};
use crate::uploading::{anybody, engine_alone, timed};
use crate::{photo, root, row};

const FACES: usize = 100_000;
const REQUESTS: usize = 100;

const VERIFY: &str =
    "mutation ($file: Upload!) { verifyPerson(input: { person: { key: { externalId: \"barack\" } },
                      image: { upload: $file } }) { match { decision similarity distance } } }";
const IDENTIFY: &str = "mutation ($file: Upload!) { identifyPerson(input: { image: { upload: $file } }) {
                        searchedFaces candidates { person { externalId } match { similarity distance } } } }";

pub(crate) async fn measure() {
    let engine = engine_alone().await;
    let data = tempfile::tempdir().expect("a temporary folder");
    fill(&engine, data.path()).await;
    let server = Server::start_on(data).await;
    let client = Client::new(server.address);
    let photo = photo("obama2.jpg");
    let found = client.send_image(IDENTIFY, json!({}), photo.clone()).await;
    assert_eq!(found["identifyPerson"]["searchedFaces"], FACES + 1, "{found}");

    // Alternately, so that a temporary slowdown of the machine affects all.
    let (mut alone, mut verify, mut identify) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..REQUESTS {
        alone.push(timed(analysed(&engine, photo.clone())).await);
        verify.push(timed(client.send_image(VERIFY, json!({}), photo.clone())).await);
        identify.push(timed(client.send_image(IDENTIFY, json!({}), photo.clone())).await);
    }
    let alone = median(alone);
    for (what, time) in [("verifyPerson", median(verify)), ("identifyPerson", median(identify))] {
        let share = 1.0 - alone.as_secs_f64() / time.as_secs_f64();
        let what = format!("{what} at 100,000 faces, share beside the engine alone");
        row(&what, &format!("{time:.1?}"), &format!("{alone:.1?}"), share);
    }
}

/// Enrolls one real person, and imports many synthetic ones, as near to each other as real people.
async fn fill(engine: &EmbeddedEncoder, data: &Path) {
    let list = data.join("people.csv");
    let obama = root(".faceql/photos/obama.jpg");
    let people = format!("externalId,path,consent\nbarack,{},2026-01-31T12:00:00Z\n", obama.display());
    std::fs::write(&list, people).expect("a file");
    let mut enroll = faceql(data);
    enroll.arg("enroll").arg(&list);
    finished(enroll).await;
    let [one, other] = [vector_of(engine, "obama.jpg").await, vector_of(engine, "biden.jpg").await];
    let middle: Vec<f32> = one.iter().zip(&other).map(|(one, other)| f32::midpoint(*one, *other)).collect();
    let file = data.join("people.ndjson");
    write_people(&file, engine, &middle).expect("a file");
    let mut import = faceql(data);
    import.arg("import").arg(&file);
    finished(import).await;
}

/// Writes what `faceql export` would write for a gallery of synthetic people, with a face each.
fn write_people(file: &Path, engine: &EmbeddedEncoder, middle: &[f32]) -> std::io::Result<()> {
    let mut population = Population::new(1);
    // Only the deviation from their common part is used.
    let common = population.picture(&[0.0; DIMENSIONS]);
    let mut file = BufWriter::new(File::create(file)?);
    let (model, time) = (engine.model(), "2026-01-31T12:00:00Z");
    let named = json!({ "name": model.name, "digest": model.digest, "dimensions": DIMENSIONS });
    writeln!(
        file,
        "{}",
        json!({ "format": "faceql.people", "version": 1, "model": named, "exportedAt": time })
    )?;
    for number in 0..FACES {
        let person = population.person();
        let vector = population.picture(&person);
        let vector: Vec<f32> = vector
            .iter()
            .zip(&common)
            .zip(middle)
            .map(|((value, common), middle)| value - common + middle)
            .collect();
        let face = json!({
            "id": Uuid::now_v7(), "imageSha256": format!("{number:064x}"), "quality": quality(), "createdAt": time,
            "vector": STANDARD.encode(vector_bytes(&vector)),
        });
        let consent = json!({ "grantedAt": time, "reference": null });
        let person = json!({
            "kind": "person", "id": Uuid::now_v7(), "gallery": "default", "externalId": format!("person-{number}"),
            "displayName": null, "metadata": null, "consent": consent, "createdAt": time, "updatedAt": time,
            "faces": [face],
        });
        writeln!(file, "{person}")?;
    }
    writeln!(file, "{}", json!({ "kind": "end", "people": FACES, "faces": FACES, "facesLeftOut": 0 }))?;
    file.flush()
}

fn quality() -> Value {
    json!({ "overall": 1.0, "sharpness": 1.0, "brightness": 1.0, "contrast": 1.0, "size": 1.0, "frontality": 1.0,
        "yaw": 0.0, "pitch": 0.0, "roll": 0.0, "issues": [] })
}

async fn vector_of(engine: &EmbeddedEncoder, name: &str) -> Vec<f32> {
    analysed(engine, photo(name)).await[0].embedding.values().to_vec()
}

/// As the service calls it.
async fn analysed(engine: &EmbeddedEncoder, photo: Bytes) -> Vec<EncodedFace> {
    let options = DetectOptions { max_faces: Some(2), ..DetectOptions::default() };
    engine.analyse(&anybody(), photo, options, Urgency::Urgent).await.expect("a face")
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
