//! Requests that wait for a result take precedence over background work.

use faceql::clock::Clock;
use faceql::people::{PeopleError, Rejection};

use crate::support::TestServer;
use crate::support::engine::{Script, client_of, in_line};
use crate::support::pictures::wide;
use crate::support::server::caller;

#[tokio::test]
async fn comparison_goes_before_images_that_wait_for_a_container() {
    let script = Script::gated();
    let engine = script.encoder().await;
    let server = TestServer::assemble(&[], Clock::system(), engine.clone()).await;
    let at_work = tokio::spawn({
        let engine = engine.clone();
        async move { engine.encode(&client_of("a"), wide(1)).await }
    });
    script.asked(1).await;
    let (jobs, caller) = (client_of("a"), caller());
    // Each is queued before the next one starts, and all before the gate opens.
    let (second, third, compared, ()) = tokio::join!(
        engine.encode(&jobs, wide(2)),
        async {
            in_line(&engine, 1).await;
            engine.encode(&jobs, wide(3)).await
        },
        async {
            in_line(&engine, 2).await;
            server.people.compare(&caller, wide(10), wide(11)).await
        },
        async {
            in_line(&engine, 4).await;
            script.open();
        },
    );
    assert!(matches!(compared, Err(PeopleError::Rejected(Rejection::NoFace))));
    assert!(second.is_ok() && third.is_ok() && at_work.await.unwrap().is_ok());
    let widths = script.widths();
    // The two images to compare arrive at the same time.
    assert!(widths[0] == 1 && [10, 11].contains(&widths[1]), "{widths:?}");
    assert_eq!(widths[widths.len() - 2..], [2, 3], "{widths:?}");
    server.stop().await;
}
