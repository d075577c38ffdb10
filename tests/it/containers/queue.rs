//! The job queue of a server whose clock stands still until the test moves it: pauses, leases, and work lost earlier.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use entity::job::{Column, Entity, Model};
use faceql::clock::Clock;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::json;
use uuid::Uuid;

use crate::support::engine::Script;
use crate::support::server::{Overrides, eventually};
use crate::support::socket::settle;
use crate::support::{Client, TestServer, drawn};

/// Sets a clock: milliseconds since 1970.
#[derive(Clone)]
struct Hand(Arc<AtomicI64>);

impl Hand {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0.load(Ordering::SeqCst)).unwrap()
    }

    fn forward(&self, milliseconds: i64) {
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

/// A server whose engine behaves by `script`, and the handle of its clock.
async fn server(script: &Arc<Script>, settings: Overrides<'_>) -> (TestServer, Hand) {
    let hand = Hand(Arc::new(AtomicI64::new(1_769_860_800_000)));
    let told = hand.clone();
    let server =
        TestServer::assemble(settings, Clock::from_fn(move || told.now()), script.encoder().await).await;
    (server, hand)
}

/// The jobs, oldest first.
async fn jobs(server: &TestServer) -> Vec<Model> {
    Entity::find().order_by_asc(Column::Id).all(server.containers.database.reader()).await.unwrap()
}

/// Writes numbers, times and tokens into the row of a job.
async fn write<V: Into<sea_orm::Value>>(server: &TestServer, job: &Model, values: [(Column, V); 2]) {
    let write = server.containers.database.write().await.unwrap();
    let values = values.into_iter().map(|(column, value)| (column, Expr::value(value)));
    let changed =
        values.fold(Entity::update_many(), |update, (column, value)| update.col_expr(column, value));
    changed.filter(Column::Id.eq(job.id)).exec(&*write).await.unwrap();
    write.commit().await.unwrap();
}

async fn is_counted(client: &Client, outcome: &str) -> bool {
    let url = format!("http://{}/metrics", client.address);
    let text = client.http.get(url).send().await.unwrap().text().await.unwrap();
    text.contains(&format!("faceql_job_attempts_total{{kind=\"encode_image\",outcome=\"{outcome}\"}} 1\n"))
}

#[tokio::test]
async fn each_pause_is_twice_as_long_as_the_one_before_up_to_the_maximum() {
    let settings = [
        ("FACEQL_JOBS_MAX_ATTEMPTS", "6"),
        ("FACEQL_JOBS_BACKOFF_MS", "60000"),
        ("FACEQL_JOBS_MAX_BACKOFF_MS", "480000"),
    ];
    let (server, hand) = server(&Script::failing(5), &settings).await;
    let container = server.client().create_container().await;
    server.client().upload(&container, drawn(1)).await;
    for (attempt, longest) in (1..).zip([60_000, 120_000, 240_000, 480_000, 480_000]) {
        let is_paused = |job: &Model| job.attempt >= attempt && job.lease_token.is_none();
        eventually(async || is_paused(&jobs(&server).await[0])).await;
        let pause = (jobs(&server).await[0].run_at - hand.now()).num_milliseconds();
        assert!((longest / 2..=longest).contains(&pause), "{pause} ms after attempt {attempt}");
        hand.forward(longest);
    }
    let last = settle(&server, &container, 1).await.pop().unwrap();
    assert_eq!((&last["status"], &last["attempts"]), (&json!("COMPLETED"), &json!(6)));
    server.stop().await;
}

#[tokio::test]
async fn lease_of_long_work_is_renewed() {
    let script = Script::gated();
    let (server, hand) = server(&script, &[("FACEQL_JOBS_LEASE_SECONDS", "1")]).await;
    let container = server.client().create_container().await;
    server.client().upload(&container, drawn(1)).await;
    script.asked(1).await;
    for _ in 0..3 {
        hand.forward(600);
        let whole = Some(hand.now() + TimeDelta::seconds(1));
        eventually(async || jobs(&server).await[0].held_until == whole).await;
    }
    script.open();
    let last = settle(&server, &container, 1).await.pop().unwrap();
    assert_eq!((&last["status"], &last["attempts"]), (&json!("COMPLETED"), &json!(1)));
    server.stop().await;
}

#[tokio::test]
async fn worker_that_lost_its_lease_stops_and_writes_nothing() {
    let script = Script::gated();
    let (server, hand) = server(&script, &[("FACEQL_JOBS_LEASE_SECONDS", "1")]).await;
    let client = server.client();
    let container = client.create_container().await;
    client.upload(&container, drawn(1)).await;
    script.asked(1).await;
    // Another worker holds the job now.
    let until = hand.now() + TimeDelta::seconds(1);
    let taken: [(Column, sea_orm::Value); 2] =
        [(Column::LeaseToken, Uuid::now_v7().into()), (Column::HeldUntil, until.into())];
    write(&server, &jobs(&server).await[0], taken).await;
    eventually(async || is_counted(&client, "lost").await).await;
    let job = &jobs(&server).await[0];
    assert_eq!((job.held_until, job.attempt), (Some(until), 1));
    assert_eq!(client.container(&container, "settled").await["settled"], false);
    // That worker then disappears.
    script.open();
    hand.forward(1001);
    let last = settle(&server, &container, 1).await.pop().unwrap();
    assert_eq!((&last["status"], &last["attempts"]), (&json!("COMPLETED"), &json!(2)));
    server.stop().await;
}

#[tokio::test]
async fn vanished_workers_do_not_count_as_failures_until_there_are_too_many() {
    let script = Script::gated();
    let settings = [
        ("FACEQL_JOBS_CONCURRENCY", "1"),
        ("FACEQL_JOBS_MAX_ATTEMPTS", "2"),
        ("FACEQL_JOBS_LEASE_SECONDS", "3600"),
    ];
    let (server, hand) = server(&script, &settings).await;
    let client = server.client();
    let container = client.create_container().await;
    for shade in 1..=3 {
        client.upload(&container, drawn(shade)).await;
    }
    script.asked(1).await;
    let waiting = jobs(&server).await;
    for (job, lost) in waiting[1..].iter().zip([9, 10]) {
        write(&server, job, [(Column::Attempt, lost), (Column::LostLeases, lost)]).await;
    }
    // The first and the second image fail once each.
    script.fail(2);
    script.open();
    let fields = "settled images { status error { message } }";
    eventually(async || {
        hand.forward(1000);
        client.container(&container, fields).await["settled"] == true
    })
    .await;
    let images = client.container(&container, fields).await["images"].take();
    assert_eq!((&images[0]["status"], &images[1]["status"]), (&json!("COMPLETED"), &json!("COMPLETED")));
    assert_eq!(images[2]["error"]["message"], "the server crashed repeatedly while processing this image");
    assert_eq!(script.widths().len(), 4, "the engine was given the third one as well");
    server.stop().await;
}
