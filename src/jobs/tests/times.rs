//! Tests with clocks that are set back and forward.

use sea_orm::{ColumnTrait, ExprTrait, QueryFilter};

use super::*;

const HOUR: TimeDelta = TimeDelta::hours(1);

async fn enqueued_and_claimed(house: &House) -> Claim {
    house.enqueue(1).await;
    house.claim(1).await.pop().unwrap()
}

#[tokio::test]
async fn a_waiting_job_is_claimed_whatever_became_of_the_clock() {
    for jump in [HOUR, -HOUR] {
        let mut house = House::new().await;
        house.enqueue(2).await;
        house.hand.set(jump);
        assert_eq!(house.claim(1).await.len(), 1);
        house.restart();
        assert_eq!(house.claim(1).await.len(), 1, "after a restart");
    }
}

#[tokio::test]
async fn jobs_keep_their_order_when_the_clock_is_set_back_between_them() {
    let mut house = House::new().await;
    let mut subjects = house.enqueue(1).await;
    house.hand.set(-HOUR);
    subjects.extend(house.enqueue(1).await);
    house.restart();
    subjects.extend(house.enqueue(1).await);
    let claimed: Vec<Uuid> = house.claim(3).await.iter().map(|claim| claim.job.subject).collect();
    assert_eq!(claimed, subjects);
}

#[tokio::test]
async fn a_lease_lasts_as_long_as_it_should_when_the_clock_is_set() {
    for jumps in [vec![HOUR], vec![-HOUR], vec![HOUR, -HOUR], vec![-HOUR, HOUR]] {
        let house = House::new().await;
        let claim = enqueued_and_claimed(&house).await;
        for jump in jumps {
            house.hand.set(jump);
            assert_eq!(house.reap().await, 0, "its worker is alive");
            claim.renew().await.unwrap();
        }
        house.hand.wait(LEASE / 2);
        assert_eq!(house.reap().await, 0);
        house.hand.wait(LEASE / 2);
        assert_eq!(house.reap().await, 1, "its lease has expired");
        assert_eq!(house.claim(1).await.len(), 1);
    }
}

#[tokio::test]
async fn a_pause_lasts_as_long_as_it_should_when_the_clock_is_set() {
    const PAUSE: Duration = Duration::from_secs(10);
    for jumps in [vec![HOUR], vec![-HOUR], vec![HOUR, -HOUR], vec![-HOUR, HOUR]] {
        let house = House::new().await;
        let claim = enqueued_and_claimed(&house).await;
        claim.reschedule(PAUSE, "on purpose").await.unwrap();
        for jump in jumps {
            house.hand.set(jump);
            house.reap().await;
            assert_eq!(house.claim(1).await.len(), 0);
        }
        house.hand.wait(PAUSE);
        assert_eq!(house.reap().await, 0, "a pause is not a lost lease");
        let again = house.claim(1).await.pop().unwrap();
        assert_eq!((again.job.attempt, again.job.lost_leases), (2, 0));
    }
}

#[tokio::test]
async fn a_clock_set_back_before_a_restart_costs_one_lease_and_one_pause_at_most() {
    let mut house = House::new().await;
    let claim = enqueued_and_claimed(&house).await;
    enqueued_and_claimed(&house).await;
    claim.reschedule(Duration::from_secs(1), "on purpose").await.unwrap();
    house.hand.set(-HOUR);
    house.restart();
    assert_eq!(house.reap().await, 0);
    house.hand.wait(LEASE);
    assert_eq!(house.reap().await, 1);
    house.hand.wait(config(1).max_backoff);
    house.reap().await;
    assert_eq!(house.claim(2).await.len(), 2);
}

#[tokio::test]
async fn a_clock_set_forward_before_a_restart_ends_what_the_process_before_it_held() {
    let mut house = House::new().await;
    enqueued_and_claimed(&house).await;
    house.hand.set(HOUR);
    house.restart();
    assert_eq!(house.reap().await, 1);
    assert_eq!(house.claim(1).await.len(), 1);
}

#[tokio::test]
async fn more_jobs_than_are_taken_back_at_once_are_all_taken_back() {
    let house = House::new().await;
    let jobs = usize::try_from(statements::BATCH).unwrap() + 1;
    house.enqueue(jobs).await;
    house.claim(jobs as u64).await;
    house.hand.wait(LEASE);
    assert_eq!(house.reap().await, jobs as u64);
    let waits = entity::job::Column::HeldUntil.is_null().and(entity::job::Column::LeaseToken.is_null());
    let waiting = entity::job::Entity::find().filter(waits).all(house.database.reader()).await.unwrap();
    assert_eq!(waiting.len(), jobs);
    assert!(waiting.iter().all(|job| job.lost_leases == 1));
}
