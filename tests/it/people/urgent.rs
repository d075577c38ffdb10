//! Who waits for an answer goes before background work.

use bytes::Bytes;
use faceql::clock::Clock;
use faceql::people::{PeopleError, Rejection};

use crate::support::TestServer;
use crate::support::engine::Script;
use crate::support::pictures::bmp_header;

/// A picture of one row and so many columns.
fn wide(columns: u8) -> Bytes {
    let mut file = bmp_header(columns.into(), 1);
    file.resize(file.len() + usize::from(columns).next_multiple_of(4) * 3, 0);
    file.into()
}

#[tokio::test]
async fn comparison_goes_before_the_images_that_wait_for_a_container() {
    let script = Script::gated();
    let engine = script.encoder().await;
    let server = TestServer::assemble(&[], Clock::system(), engine.clone()).await;
    let at_work = tokio::spawn({
        let engine = engine.clone();
        async move { engine.encode(wide(1)).await }
    });
    script.asked(1).await;
    // Each is in the line before the next begins, and all before the gate opens.
    let (second, third, compared, ()) = tokio::join!(
        engine.encode(wide(2)),
        engine.encode(wide(3)),
        server.people.compare(wide(10), wide(11)),
        async { script.open() },
    );
    assert!(matches!(compared, Err(PeopleError::Rejected(Rejection::NoFace))));
    assert!(second.is_ok() && third.is_ok() && at_work.await.unwrap().is_ok());
    let widths = script.widths();
    assert_eq!(widths[..2], [1, 10], "{widths:?}");
    assert_eq!(widths[widths.len() - 2..], [2, 3], "{widths:?}");
    server.stop().await;
}
