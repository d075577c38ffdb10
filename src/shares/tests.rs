use futures_util::FutureExt;

use super::*;

const SHARES: SharesConfig = SharesConfig { key: 75, tenant: 90, address: 50 };

fn key(tenant: &str, number: usize) -> Party {
    let tenant = Tenant::parse(tenant).unwrap();
    Party::of(Actor::Configured(number), &tenant)
}

/// Takes one unit at a time until it is refused; returns what was taken and the reason.
fn exhaust(limit: &SharedLimit, party: &Party) -> (Vec<Held>, Full) {
    let mut held = Vec::new();
    loop {
        match limit.take(party, 1) {
            Ok(one) => held.push(one),
            Err(full) => return (held, full),
        }
    }
}

#[test]
fn whatever_one_key_and_one_tenant_hold_another_finds_something_left() {
    let limit = SharedLimit::new(256, SHARES);
    let (first, why) = exhaust(&limit, &key("greedy", 1));
    assert_eq!((first.len(), why), (192, Full::Key));
    let (second, why) = exhaust(&limit, &key("greedy", 2));
    assert_eq!((second.len(), why), (39, Full::Tenant), "nine tenths of 256 together");
    let (other, why) = exhaust(&limit, &key("other", 3));
    assert_eq!((other.len(), why), (19, Full::Key), "three quarters of what is left");
    drop(first);
    assert!(exhaust(&limit, &key("other", 3)).0.len() > 100);
    drop((second, other));
    assert!(limit.0.lock().by_holder.is_empty(), "a holder of nothing is not kept");
}

#[test]
fn callers_without_a_key_may_hold_everything() {
    let limit = SharedLimit::new(10, SHARES);
    let tenant = Tenant::parse("default").unwrap();
    let anonymous = Party::of(Actor::Anonymous, &tenant);
    let (held, why) = exhaust(&limit, &anonymous);
    assert_eq!((held.len(), why), (10, Full::All));
}

#[test]
fn an_address_has_its_share_and_an_ipv6_network_is_one() {
    let limit = SharedLimit::new(8, SHARES);
    let address = |text: &str| Party::address(text.parse().unwrap());
    let (held, why) = exhaust(&limit, &address("2001:db8::1"));
    assert_eq!((held.len(), why), (4, Full::Address));
    assert_eq!(limit.take(&address("2001:db8::2"), 1).unwrap_err(), Full::Address);
    let (_held, _) = exhaust(&limit, &address("192.0.2.1"));
    assert_eq!(limit.take(&address("::ffff:192.0.2.1"), 1).unwrap_err(), Full::Address);
}

#[test]
fn a_share_is_never_smaller_than_what_one_request_may_need() {
    let limit = SharedLimit::with_smallest_share(100, SHARES, 95);
    let party = key("only", 1);
    assert_eq!(limit.check(&party, 96), Err(Full::Key));
    let held = limit.take(&party, 95).unwrap();
    assert_eq!(limit.check(&party, 6), Err(Full::All));
    drop(held);
    assert!(SharedLimit::new(1, SHARES).take(&party, 1).is_ok());
}

#[test]
fn what_is_held_passes_to_another_party_that_has_something_left() {
    let limit = SharedLimit::new(4, SHARES);
    let address = Party::address("192.0.2.1".parse().unwrap());
    let mut first = limit.take(&address, 2).unwrap();
    assert_eq!(limit.check(&address, 1), Err(Full::Address));
    first.pass_to(&key("a", 1)).unwrap();
    first.pass_to(&key("a", 1)).unwrap();
    let mut second = limit.take(&address, 1).unwrap();
    let _third = limit.take(&address, 1).unwrap_err();
    second.pass_to(&key("a", 1)).unwrap();
    let mut fourth = limit.take(&address, 1).unwrap();
    assert_eq!(fourth.pass_to(&key("a", 1)), Err(Full::Key));
    drop(first);
    assert_eq!(limit.0.lock().by_holder.len(), 3, "the address still holds what was not passed on");
    drop((second, fourth));
    assert!(limit.0.lock().by_holder.is_empty());
}

#[test]
fn what_is_held_can_change_and_is_given_back_whole() {
    let limit = SharedLimit::new(100, SHARES);
    let mut held = limit.take(&key("a", 1), 10).unwrap();
    held.grow(60).unwrap();
    assert_eq!(held.grow(10), Err(Full::Key));
    assert_eq!((held.amount(), held.resize(5)), (70, Ok(())));
    let mut other = held.another();
    other.grow(70).unwrap();
    held.force(50);
    assert_eq!(limit.0.lock().all, 120, "beyond the limit");
    assert_eq!(limit.check(&key("b", 2), 1), Err(Full::All));
    let moved = held.take_all();
    assert_eq!((held.amount(), moved.amount()), (0, 50));
    drop((held, other, moved));
    let in_use = limit.0.lock();
    assert!(in_use.all == 0 && in_use.by_holder.is_empty(), "{in_use:?}");
}

#[tokio::test]
async fn a_waiter_gets_its_share_when_it_is_released_and_others_do_not_wait() {
    let limit = SharedLimit::new(4, SHARES);
    let (greedy, other) = (key("greedy", 1), key("other", 2));
    let (mut held, _) = exhaust(&limit, &greedy);
    let mut waiting = Box::pin(limit.take_when_free(&greedy, 1));
    assert!(waiting.as_mut().now_or_never().is_none());
    let got = limit.take_when_free(&other, 1).now_or_never().unwrap();
    held.pop();
    assert!(waiting.as_mut().now_or_never().is_some());
    drop((got, held));
}
