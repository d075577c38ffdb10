use entity::ids::Tenant;
use tokio::sync::oneshot;

use super::super::EncodeError;
use super::request::{Asked, Wanted};
use super::*;
use crate::actor::Actor;

const MEBIBYTE: u64 = 1 << 20;

fn bounds(places: usize, threads: usize) -> Bounds {
    Bounds { places, threads, memory: 100 * MEBIBYTE }
}

fn client(tenant: &str, key: usize) -> Client {
    Client { tenant: Tenant::parse(tenant).unwrap(), actor: Some(Actor::Configured(key)) }
}

type Answer = oneshot::Receiver<Result<Reservation, EncodeError>>;

/// A request, and the receiver that keeps it wanted.
fn request(client: &Client, mebibytes: u64, is_slow: bool) -> (Request, Answer) {
    let (reply, answer) = oneshot::channel();
    let (wanted, asked) = (Wanted::Memory(reply), Asked::now());
    (Request { client: client.clone(), memory_bytes: mebibytes * MEBIBYTE, is_slow, wanted, asked }, answer)
}

async fn put(line: &Line, client: &Client, mebibytes: u64, is_slow: bool) -> Answer {
    let (request, wanted) = request(client, mebibytes, is_slow);
    assert!(line.send(request, Urgency::Urgent).await.is_ok());
    wanted
}

/// Takes the next request and returns its tenant.
fn next(waiting: &Waiting) -> (String, Taken) {
    let (taken, _) = waiting.next().unwrap();
    (taken.request.client.tenant.to_string(), taken)
}

/// Sends requests of a client until no further one finds a free slot.
fn fill(line: &Line, client: &Client) -> Vec<Answer> {
    let mut wanted = Vec::new();
    loop {
        let (request, answer) = request(client, 1, false);
        let mut request = Some(request);
        assert!(line.0.0.lock().put(&mut request, Urgency::Urgent).is_ok());
        if request.is_some() {
            return wanted;
        }
        wanted.push(answer);
    }
}

#[tokio::test]
async fn key_and_tenant_have_a_share_of_the_places() {
    let (line, _waiting) = line(bounds(64, 1));
    let mut wanted = fill(&line, &client("a", 1));
    assert_eq!(wanted.len(), 22, "a key gets a third");
    for key in 2..100 {
        wanted.extend(fill(&line, &client("a", key)));
    }
    assert_eq!(wanted.len(), 32, "its tenant gets half");
    let other = fill(&line, &client("b", 1));
    assert!(other.len() >= 10, "another tenant gets {} slots", other.len());
    assert!(!fill(&line, &client("c", 1)).is_empty());
}

#[tokio::test]
async fn who_waits_for_room_goes_on_when_a_request_of_its_own_is_taken() {
    let (line, waiting) = line(bounds(1, 1));
    let a = client("a", 1);
    let _first = put(&line, &a, 1, false).await;
    let (second, _answer) = request(&a, 1, false);
    let sending = line.send(second, Urgency::Urgent);
    tokio::pin!(sending);
    assert!(futures_util::poll!(&mut sending).is_pending());
    let _first = next(&waiting);
    assert!(sending.await.is_ok());
}

#[tokio::test]
async fn one_thread_is_left_to_quick_pictures() {
    let (line, waiting) = line(bounds(64, 2));
    let (a, b) = (client("a", 1), client("b", 2));
    let _slow = (put(&line, &a, 1, true).await, put(&line, &a, 1, true).await);
    let _quick = put(&line, &b, 1, false).await;
    let (first, taken) = next(&waiting);
    assert_eq!((first.as_str(), next(&waiting).0.as_str()), ("a", "b"));
    assert!(waiting.more(Urgency::Urgent).is_none());
    drop(taken);
    assert_eq!(next(&waiting).0, "a", "the second slow one follows the first");
}

#[tokio::test]
async fn slow_picture_is_not_taken_together_with_others() {
    let (line, waiting) = line(bounds(64, 2));
    let _wanted = (put(&line, &client("a", 1), 1, false).await, put(&line, &client("b", 2), 1, true).await);
    let _first = next(&waiting);
    assert!(waiting.more(Urgency::Urgent).is_none());
    assert_eq!(next(&waiting).0, "b");
}

#[tokio::test]
async fn large_pictures_take_turns_by_their_size_while_small_ones_pass() {
    let (line, waiting) = line(bounds(64, 4));
    let (a, b) = (client("a", 1), client("b", 2));
    let _large = (put(&line, &a, 60, false).await, put(&line, &a, 60, false).await);
    let _small = put(&line, &b, 40, false).await;
    let (_, first) = next(&waiting);
    let (small, _taken) = next(&waiting);
    assert_eq!(small, "b", "fits beside the running large one");
    assert!(waiting.more(Urgency::Urgent).is_none());
    drop(first);
    assert_eq!(next(&waiting).0, "a");
}

#[tokio::test]
async fn small_pictures_that_keep_coming_do_not_hold_up_a_large_one() {
    let (line, waiting) = line(bounds(64, 4));
    let (a, b) = (client("a", 1), client("b", 2));
    let mut wanted = vec![put(&line, &b, 30, false).await, put(&line, &b, 30, false).await];
    let (first, second) = (next(&waiting).1, next(&waiting).1);
    let _large = put(&line, &a, 90, false).await;
    for _ in 0..10 {
        wanted.push(put(&line, &b, 30, false).await);
        assert!(waiting.more(Urgency::Urgent).is_none(), "would delay the large one");
    }
    drop((first, second));
    assert_eq!(next(&waiting).0, "a");
}

#[tokio::test]
async fn request_that_nobody_waits_for_takes_no_memory_and_keeps_none_for_itself() {
    let (line, waiting) = line(bounds(64, 1));
    let (a, b) = (client("a", 1), client("b", 2));
    let _at_work = put(&line, &a, 50, false).await;
    let (_, first) = next(&waiting);
    let large = put(&line, &a, 90, false).await;
    let _small = put(&line, &b, 30, false).await;
    assert!(waiting.more(Urgency::Urgent).is_none(), "the large one has priority");
    drop(large);
    assert_eq!(waiting.more(Urgency::Urgent).unwrap().reservation.bytes, 0);
    assert_eq!(next(&waiting).0, "b");
    drop(first);
}

#[tokio::test]
async fn what_waits_is_still_taken_when_nobody_sends_any_more() {
    let (line, waiting) = line(bounds(64, 1));
    let _wanted = put(&line, &client("a", 1), 1, false).await;
    drop(line);
    assert_eq!(next(&waiting).0, "a");
    assert!(waiting.next().is_none());
}

#[tokio::test]
async fn sender_is_told_when_nobody_takes_any_more() {
    let (line, waiting) = line(bounds(64, 1));
    drop(waiting);
    let (request, _answer) = request(&client("a", 1), 1, false);
    assert!(line.send(request, Urgency::Urgent).await.is_err());
}
