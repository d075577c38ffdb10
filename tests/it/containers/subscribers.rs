//! Many subscribers of one container, and slow subscribers.

use std::pin::pin;

use entity::ids::ContainerId;
use entity::image::Status;
use faceql::containers::Until;
use futures_util::StreamExt;
use futures_util::future::join_all;
use sea_orm::EntityTrait;

use crate::support::server::caller;
use crate::support::socket::settle;
use crate::support::{Event, Socket, TestServer, drawn};

const SOCKETS: usize = 20;
const OPERATIONS: usize = 50;

/// A WebSocket with 50 subscriptions, each of which waits for two images.
async fn subscribers(server: &TestServer, container: &str) -> Socket {
    let mut socket = Socket::connect(server).await;
    for operation in 0..OPERATIONS {
        socket.follow_until_settled(&operation.to_string(), container, 2).await;
    }
    socket
}

/// The number of COMPLETED images that were received before the end of every subscription.
async fn completions(mut socket: Socket) -> usize {
    let (mut completed, mut ended) = (0, 0);
    while ended < OPERATIONS {
        match socket.next().await {
            Event::Next(image) => completed += usize::from(image["status"] == "COMPLETED"),
            Event::Complete => ended += 1,
            Event::Error(code) => panic!("{code}"),
        }
    }
    completed
}

#[tokio::test]
async fn thousand_subscribers_of_one_container_all_get_the_final_state() {
    let server = TestServer::start().await;
    let container = server.client().create_container().await;
    let sockets = join_all((0..SOCKETS).map(|_| subscribers(&server, &container))).await;
    for shade in 0..2 {
        server.client().upload(&container, drawn(shade)).await;
    }
    let heard = join_all(sockets.into_iter().map(completions)).await;
    assert_eq!(heard, [2 * OPERATIONS; SOCKETS]);
    server.stop().await;
}

#[tokio::test]
async fn slow_subscriber_delays_no_one_and_gets_the_newest_states() {
    let server = TestServer::with(&[("FACEQL_IMAGES_PER_CONTAINER", "100")]).await;
    let client = server.client();
    let container = client.create_container().await;
    client.upload(&container, drawn(0)).await;
    let id = only_container(&server).await;
    let until = Until::Settled { min_images: 60 };
    let mut slow = pin!(server.containers.watch(caller(), id, until).await.unwrap());
    let first = slow.next().await.unwrap().unwrap();

    // Three revisions each, none of which the slow subscriber reads meanwhile.
    for shade in 1..60 {
        client.upload(&container, drawn(shade)).await;
    }
    settle(&server, &container, 60).await;
    let later: Vec<_> = slow.map(Result::unwrap).collect().await;
    let completed = later.iter().chain([&first]).filter(|state| state.image.status == Status::Completed);
    assert_eq!(completed.count(), 60);
    server.stop().await;
}

async fn only_container(server: &TestServer) -> ContainerId {
    let found = entity::container::Entity::find().one(server.containers.database.reader()).await;
    found.unwrap().unwrap().id
}
