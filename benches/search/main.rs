//! The time of a search among enrolled faces, compared with an exact f32 scan of the same vectors in the same run.
//! Asserts nothing. `make bench` runs it.
//!
//! Rates are per second of one thread's processor time, so that other work of the machine is excluded.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::cast_precision_loss,
    reason = "a benchmark prints its results, fails by panicking and rounds"
)]

mod exact;
mod faces;

use std::process::Command;
use std::time::Duration;

use entity::ids::{FaceId, PersonId, Tenant};
use entity::name_key::NameKey;
use faceql::index::{Collection, EmbeddedIndex, Template, VectorIndex};
use rustix::time::{ClockId, clock_gettime};
use uuid::Uuid;
use vision::{Metric, ModelDigest};

use exact::ExactScan;
use faces::{DIMENSIONS, Population};

const FACES_EACH: usize = 5;
const TOP: usize = 5;
const ROUNDS: usize = 4;

fn main() {
    let people = std::env::args().skip_while(|argument| argument != "--people").nth(1);
    if let Some(people) = people.and_then(|people| people.parse().ok()) {
        return measure(people);
    }
    println!("{:<58} {:>12} {:>12} {:>8}", "", "index", "exact f32", "ratio");
    // Each in its own process, since otherwise one could reuse memory that another has freed.
    let program = std::env::current_exe().expect("a program knows where it is");
    for people in ["2000", "20000", "200000"] {
        let status = Command::new(&program).args(["--people", people]).status();
        assert!(status.is_ok_and(|status| status.success()), "measuring {people} people failed");
    }
}

fn measure(people: usize) {
    let mut population = Population::new(7);
    let identities: Vec<_> = (0..people).map(|_| population.person()).collect();
    let mut scan = ExactScan::with_capacity(people * FACES_EACH);
    // Interleaved, so that the images of a person are not adjacent.
    for _ in 0..FACES_EACH {
        for (person, identity) in identities.iter().enumerate() {
            scan.push(person, &population.picture(identity));
        }
    }
    let queries = 4_000_000 / (people * FACES_EACH) + 21;
    let enrolled: Vec<_> = (0..queries)
        .map(|_| {
            let person = population.below(people);
            population.picture(&identities[person])
        })
        .collect();
    let strangers: Vec<_> = (0..queries)
        .map(|_| {
            let person = population.person();
            population.picture(&person)
        })
        .collect();

    let (index, build) = built(&scan);
    let what = format!("{} faces", scan.len());
    let one = one_more(&index, &enrolled[0]);
    let bytes = build.bytes_each;
    figure(&format!("{what}: building, ms"), &format!("{:.0}", build.milliseconds));
    figure(&format!("{what}: enrolling one more, ms"), &format!("{one:.2}"));
    row(&format!("{what}: memory of each, bytes"), &format!("{bytes:.0}"), "512", bytes / 512.0);
    for (whom, queries, max_distance) in [
        ("the enrolled", &enrolled, f32::INFINITY),
        ("strangers", &strangers, f32::INFINITY),
        ("strangers within 0.6", &strangers, 0.6),
    ] {
        compare(&format!("{what}, {whom}"), &index, &scan, queries, max_distance);
    }
}

struct Build {
    milliseconds: f64,
    bytes_each: f64,
}

fn built(scan: &ExactScan) -> (EmbeddedIndex, Build) {
    let templates: Vec<_> = (scan.vectors().zip(scan.people()).enumerate())
        .map(|(face, (vector, person))| Template { face: face_id(face), person: person_id(person), vector })
        .collect();
    let index = EmbeddedIndex::new();
    let resident = resident_bytes();
    let ((), time) = timed(|| {
        // As loaded from the database: some thousands of rows at a time.
        for page in templates.chunks(10_000) {
            index.insert(&collection(), page).expect("vectors are finite");
        }
    });
    let bytes_each = (resident_bytes() - resident) / scan.len() as f64;
    (index, Build { milliseconds: time.as_secs_f64() * 1e3, bytes_each })
}

/// Milliseconds to enroll one more face.
fn one_more(index: &EmbeddedIndex, vector: &[f32]) -> f64 {
    let face = face_id(usize::MAX);
    let template = Template { face, person: person_id(usize::MAX), vector };
    let (inserted, time) = timed(|| index.insert(&collection(), &[template]));
    inserted.and_then(|()| index.remove(&collection(), &[face])).expect("vectors are finite");
    time.as_secs_f64() * 1e3
}

fn compare(
    what: &str,
    index: &EmbeddedIndex,
    scan: &ExactScan,
    queries: &[[f32; DIMENSIONS]],
    max_distance: f32,
) {
    let answer = |query| index.search(&collection(), query, TOP, max_distance).expect("queries are finite");
    let (mut ours, mut theirs) = (Duration::ZERO, Duration::ZERO);
    let (mut found, mut wanted) = (0_u32, 0_u32);
    // Alternately, so that a change of the machine's speed affects both.
    for queries in queries.chunks(queries.len().div_ceil(ROUNDS)) {
        let (answers, time) = timed(|| queries.iter().map(|query| answer(query)).collect::<Vec<_>>());
        ours += time;
        let (truths, time) =
            timed(|| queries.iter().map(|query| scan.nearest(query, TOP)).collect::<Vec<_>>());
        theirs += time;
        for (answer, truth) in answers.iter().zip(truths) {
            let people: Vec<_> = answer.matches.iter().map(|found| found.person).collect();
            for (_, person) in truth.iter().filter(|(distance, _)| *distance <= f64::from(max_distance)) {
                wanted += 1;
                found += u32::from(people.contains(&person_id(*person)));
            }
        }
    }
    let rate = |time: Duration| queries.len() as f64 / time.as_secs_f64();
    let (ours, theirs) = (rate(ours), rate(theirs));
    row(&format!("{what}: queries/s"), &format!("{ours:.0}"), &format!("{theirs:.0}"), ours / theirs);
    let recall = if wanted == 0 { 1.0 } else { f64::from(found) / f64::from(wanted) };
    row(&format!("{what}: recall@{TOP}"), &format!("{recall:.4}"), "1", recall);
}

/// One row of the table.
fn row(what: &str, index: &str, reference: &str, ratio: f64) {
    println!("{what:<58} {index:>12} {reference:>12} {ratio:>8.2}");
}

/// A row about the index alone.
fn figure(what: &str, index: &str) {
    println!("{what:<58} {index:>12}");
}

fn collection() -> Collection {
    Collection {
        tenant: Tenant::parse("bench").expect("a plain name"),
        gallery: NameKey::normal("everybody"),
        model: ModelDigest::from_bytes([0; 32]),
        metric: Metric::Euclidean,
    }
}

fn face_id(number: usize) -> FaceId {
    FaceId(Uuid::from_u128(number as u128))
}

fn person_id(number: usize) -> PersonId {
    PersonId(Uuid::from_u128(number as u128))
}

/// The result of `work`, and the processor time of this thread.
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let now = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default();
    let began = now();
    let result = work();
    (result, now().saturating_sub(began))
}

/// The process's resident memory, on Linux; 0 elsewhere.
fn resident_bytes() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok()).unwrap_or_default();
    pages * rustix::param::page_size() as f64
}
