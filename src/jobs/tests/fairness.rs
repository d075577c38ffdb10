//! Tenants take turns.

use super::*;

fn tenants(claims: &[Claim]) -> String {
    claims.iter().map(|claim| claim.job.tenant.as_str()).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn each_tenant_that_waits_gets_a_job_in_every_round() {
    let house = House::new().await;
    let first = house.enqueue_for("a", 100).await;
    house.enqueue_for("b", 1).await;
    house.enqueue_for("c", 3).await;
    let claims = house.claim(7).await;
    assert_eq!(tenants(&claims), "a b c a c a c");
    let of_first = claims.iter().filter(|claim| claim.job.tenant.as_str() == "a");
    let of_first: Vec<Uuid> = of_first.map(|claim| claim.job.subject).collect();
    assert_eq!(of_first, first[..3], "the oldest first");
    assert_eq!(tenants(&house.claim(2).await), "a a");
}

#[tokio::test]
async fn the_next_round_begins_behind_the_tenant_served_last() {
    let house = House::new().await;
    for tenant in ["a", "b", "c"] {
        house.enqueue_for(tenant, 4).await;
    }
    let mut served = None;
    let mut rounds = Vec::new();
    for limit in [2, 2, 2, 4, 3, 1] {
        rounds.push(tenants(&house.claim_behind(&mut served, limit).await));
    }
    assert_eq!(rounds, ["a b", "c a", "b c", "a b c a", "b c", ""]);
}

#[tokio::test]
async fn a_circle_of_many_tenants_leaves_nobody_out() {
    let house = House::new().await;
    for tenant in 0..50 {
        house.enqueue_for(&format!("tenant-{tenant}"), 3).await;
    }
    let (mut served, mut claims) = (Some(Tenant::parse("nobody").unwrap()), Vec::new());
    while claims.len() < 50 {
        claims.extend(house.claim_behind(&mut served, 8.min(50 - claims.len() as u64)).await);
    }
    let tenants: HashSet<&str> = claims.iter().map(|claim| claim.job.tenant.as_str()).collect();
    assert_eq!(tenants.len(), 50);
}

#[tokio::test]
async fn what_is_cancelled_or_pauses_costs_its_tenant_no_turn() {
    let house = House::new().await;
    let subjects = house.enqueue_for("a", 20).await;
    house.enqueue_for("b", 20).await;
    let mut write = house.database.write().await.unwrap();
    house.queue.cancel(&mut write, Waiting::KIND, &subjects[..10]).await.unwrap();
    write.commit().await.unwrap();
    let claims = house.claim(4).await;
    for claim in &claims {
        claim.reschedule(Duration::from_secs(1), "on purpose").await.unwrap();
    }
    assert_eq!(tenants(&house.claim(4).await), "a b a b");
}

#[tokio::test]
async fn one_job_beside_a_backlog_of_2000_waits_for_no_more_than_two_fillings_of_the_slots() {
    const CONCURRENCY: usize = 8;
    let (house, handler) = (House::new().await, Waiting::default());
    house.enqueue_for("acme", 2000).await;
    let written = || handler.together.lock().unwrap().concat();
    let others = Mutex::new(0);
    let worked = house.work_until(&handler, CONCURRENCY, || {
        let written = written();
        let single = |subject: &Uuid| *subject == Uuid::nil();
        written.iter().position(single).inspect(|place| *others.lock().unwrap() += place).is_some()
    });
    let enqueued = async {
        // The backlog is being worked on.
        while written().len() < 100 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let mut write = house.database.write().await.unwrap();
        let tenant = Tenant::parse("other").unwrap();
        house.queue.enqueue(&mut write, &tenant, Waiting::KIND, Uuid::nil()).await.unwrap();
        let before = written().len();
        write.commit().await.unwrap();
        before
    };
    let (before, ()) = tokio::join!(enqueued, worked);
    let waited = *others.lock().unwrap() - before;
    assert!(waited <= 2 * CONCURRENCY, "the job waited for {waited} others");
}
