//! `faceql enroll` with many people, compared with the engine alone on the same images. Both include the engine's
//! start.

use std::time::Duration;

use crate::process::{faceql, finished};
use crate::uploading::{encode_all, engine_alone, photos, rate, timed};
use crate::{root, row};

const PEOPLE: usize = 1000;
const ROUNDS: usize = 3;

pub(crate) async fn measure() {
    let photos = photos();
    // The fastest of several alternating rounds, so that occasional other work slows neither.
    let (mut alone, mut service) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        alone = alone.min(timed(async { encode_all(&engine_alone().await, &photos, PEOPLE).await }).await);
        service = service.min(enroll_all().await);
    }
    let (service, alone) = (rate(PEOPLE, service), rate(PEOPLE, alone));
    let (shown, reference) = (format!("{service:.1}/s"), format!("{alone:.1}/s"));
    row("faceql enroll, 1,000 people, against the engine alone", &shown, &reference, service / alone);
}

/// Each person has a gallery of their own: the photos show only two people, whom one gallery would not accept twice.
async fn enroll_all() -> Duration {
    let data = tempfile::tempdir().expect("a temporary folder");
    let photo = |number: usize| ["obama.jpg", "obama2.jpg", "biden.jpg"][number % 3];
    let path = |number| root(".faceql/photos").join(photo(number)).display().to_string();
    let person = |number: usize| format!("gallery-{number},{number},{},2026-01-31T12:00:00Z\n", path(number));
    let people: String = (0..PEOPLE).map(person).collect();
    let list = data.path().join("people.csv");
    std::fs::write(&list, format!("gallery,externalId,path,consent\n{people}")).expect("a file");
    let mut command = faceql(data.path());
    command.arg("enroll").arg(&list);
    timed(finished(command)).await
}
