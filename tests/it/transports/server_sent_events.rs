//! Following changes: no change is lost or delivered twice, whatever happens between two reads.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use entity::container;
use entity::ids::Tenant;
use entity::image::Status;
use faceql::clock::Clock;
use faceql::containers::Until;
use faceql::detection::FaceSelection;
use faceql::events::{Bus, Change, State, Topic};
use futures_util::StreamExt;
use sea_orm::EntityTrait;
use tokio::time::timeout;
use uuid::Uuid;

use crate::support::engine::Script;
use crate::support::server::{caller, soon};
use crate::support::socket::settle;
use crate::support::{TestServer, drawn};

/// A node of which only the revision matters.
struct Revision(i32);

impl State for Revision {
    fn revision(&self) -> i32 {
        self.0
    }

    fn is_final(&self) -> bool {
        self.0 == 100
    }
}

#[tokio::test]
async fn subscriber_gets_each_revision_once_and_the_newest_after_it_lagged() {
    let bus = Bus::<Change<Revision>>::new();
    let topic = Topic { tenant: Tenant::parse("acme").unwrap(), node: Uuid::nil() };
    let now = Arc::new(AtomicI32::new(1));
    let change = || {
        let revision = now.fetch_add(1, Ordering::SeqCst) + 1;
        bus.publish(&topic, Change::State(Arc::new(Revision(revision))));
    };
    // It changes right before and right after the first read.
    let read = || {
        let is_first = now.load(Ordering::SeqCst) == 1;
        if is_first {
            change();
        }
        let seen = Revision(now.load(Ordering::SeqCst));
        if is_first {
            change();
        }
        async { Ok::<_, Infallible>(Some(seen)) }
    };
    let mut told = pin!(bus.follow(topic.clone(), read).await.unwrap().unwrap());
    for expected in [2, 3] {
        assert_eq!(soon(told.next()).await.unwrap().unwrap().0, expected);
    }
    // More than the backlog of a subscriber that does not read.
    (3..100).for_each(|_| change());
    assert_eq!(soon(told.next()).await.unwrap().unwrap().0, 100);
    assert!(soon(told.next()).await.is_none());
}

#[tokio::test]
async fn lagging_subscriber_of_the_feed_misses_nothing() {
    let server = TestServer::assemble(&[], Clock::system(), Script::failing(0).encoder().await).await;
    let detections = &server.detections;
    let wanted = FaceSelection { min_confidence: None, max_faces: 1 };
    let submit = async || detections.submit(&caller(), drawn(1).into(), wanted, None).await.unwrap();
    let mut feed = pin!(detections.follow_feed(caller(), None).await.unwrap());
    submit().await;
    assert_eq!(soon(feed.next()).await.unwrap().unwrap().sequence, Some(1));
    // It has caught up, and waits.
    assert!(timeout(Duration::from_millis(200), feed.next()).await.is_err());
    let mut other = pin!(detections.follow_feed(caller(), None).await.unwrap());
    for _ in 0..70 {
        submit().await;
    }
    for sequence in 2..=71 {
        assert_eq!(soon(other.next()).await.unwrap().unwrap().sequence, Some(sequence));
    }
    for sequence in 2..=71 {
        assert_eq!(soon(feed.next()).await.unwrap().unwrap().sequence, Some(sequence));
    }
    server.stop().await;
}

#[tokio::test]
async fn lagging_subscriber_of_a_container_gets_only_the_newest_states() {
    let settings = [("FACEQL_IMAGES_PER_CONTAINER", "30")];
    let server = TestServer::assemble(&settings, Clock::system(), Script::failing(0).encoder().await).await;
    let (client, containers) = (server.client(), &server.containers);
    let container = client.create_container().await;
    let id = container::Entity::find().one(containers.database.reader()).await.unwrap().unwrap().id;
    let mut told = pin!(containers.watch(caller(), id, Until::Deleted).await.unwrap());
    // Each of them changes three times, which is more than the backlog of a subscriber that does not read.
    for shade in 0..30 {
        containers.upload(&caller(), id, drawn(shade).into(), None).await.unwrap();
    }
    settle(&server, &container, 30).await;
    for _ in 0..30 {
        assert_eq!(soon(told.next()).await.unwrap().unwrap().image.status, Status::Completed);
    }
    // The states that it missed are not delivered any more.
    assert!(timeout(Duration::from_millis(200), told.next()).await.is_err(), "an older state was delivered");
    client.delete_container(&container).await;
    assert!(soon(told.next()).await.is_none());
    server.stop().await;
}
