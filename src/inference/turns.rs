//! A queue in which owners take turns: tenants among each other, and the keys of each tenant among themselves.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use entity::ids::Tenant;

use super::Client;
use crate::actor::Actor;

/// Waiting items, by owner.
pub(super) struct Turns<T> {
    tenants: Ring<Tenant, Ring<Option<Actor>, VecDeque<T>>>,
    len: usize,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self { tenants: Ring::default(), len: 0 }
    }
}

impl<T> Turns<T> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The number of waiting items of the client's tenant, and the number of these that belong to the client's key.
    pub(super) fn held_by(&self, client: &Client) -> (usize, usize) {
        let Some(keys) = self.tenants.queues.get(&client.tenant) else { return (0, 0) };
        (
            keys.queues.values().map(VecDeque::len).sum(),
            keys.queues.get(&client.actor).map_or(0, VecDeque::len),
        )
    }

    pub(super) fn push(&mut self, client: &Client, item: T) {
        self.tenants.queue_of(&client.tenant).queue_of(&client.actor).push_back(item);
        self.len += 1;
    }

    /// Takes the next owner's first item among those that `admits` accepts. Owners that are skipped keep their turn;
    /// the owner of the taken item moves to the end.
    pub(super) fn take(&mut self, mut admits: impl FnMut(&T) -> bool) -> Option<T> {
        let taken = self.tenants.take(|keys| keys.take(|items| items.pop_front_if(|item| admits(item))))?;
        self.len -= 1;
        Some(taken)
    }
}

/// Queues that take turns; none of them is empty.
struct Ring<K, Q> {
    /// Order of the turns.
    order: VecDeque<K>,
    queues: HashMap<K, Q>,
}

impl<K, Q> Default for Ring<K, Q> {
    fn default() -> Self {
        Self { order: VecDeque::new(), queues: HashMap::new() }
    }
}

impl<K: Clone + Eq + Hash, Q: Queue> Ring<K, Q> {
    fn queue_of(&mut self, key: &K) -> &mut Q {
        if !self.queues.contains_key(key) {
            self.order.push_back(key.clone());
        }
        self.queues.entry(key.clone()).or_default()
    }

    fn take<T>(&mut self, mut take: impl FnMut(&mut Q) -> Option<T>) -> Option<T> {
        for place in 0..self.order.len() {
            let Some(queue) = self.queues.get_mut(&self.order[place]) else { continue };
            let Some(taken) = take(queue) else { continue };
            let is_empty = queue.is_empty();
            if let Some(key) = self.order.remove(place) {
                if is_empty {
                    self.queues.remove(&key);
                } else {
                    self.order.push_back(key);
                }
            }
            return Some(taken);
        }
        None
    }
}

trait Queue: Default {
    fn is_empty(&self) -> bool;
}

impl<T> Queue for VecDeque<T> {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl<K: Clone + Eq + Hash, Q: Queue> Queue for Ring<K, Q> {
    fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(tenant: &str, key: usize) -> Client {
        Client { tenant: Tenant::parse(tenant).unwrap(), actor: Some(Actor::Configured(key)) }
    }

    fn all(turns: &mut Turns<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| turns.take(|_| true)).collect()
    }

    #[test]
    fn tenants_take_turns_however_much_one_of_them_has() {
        let mut turns = Turns::default();
        for item in ["a1", "a2", "a3", "a4"] {
            turns.push(&client("a", 1), item);
        }
        turns.push(&client("b", 2), "b1");
        turns.push(&client("b", 2), "b2");
        assert_eq!(turns.len(), 6);
        assert_eq!(all(&mut turns), ["a1", "b1", "a2", "b2", "a3", "a4"]);
        assert_eq!(turns.len(), 0);
    }

    #[test]
    fn keys_of_a_tenant_take_turns_within_its_turns() {
        let mut turns = Turns::default();
        for item in ["a1", "a2", "a3"] {
            turns.push(&client("a", 1), item);
        }
        turns.push(&client("a", 2), "other key");
        turns.push(&client("b", 3), "b1");
        assert_eq!(turns.held_by(&client("a", 1)), (4, 3));
        assert_eq!(all(&mut turns), ["a1", "b1", "other key", "a2", "a3"]);
    }

    #[test]
    fn who_is_passed_over_keeps_the_turn() {
        let mut turns = Turns::default();
        turns.push(&client("a", 1), "large");
        turns.push(&client("b", 2), "b1");
        turns.push(&client("b", 2), "b2");
        assert_eq!(turns.take(|item| *item != "large"), Some("b1"));
        assert_eq!(all(&mut turns), ["large", "b2"]);
    }

    #[test]
    fn nothing_is_remembered_of_who_has_nothing_left() {
        let mut turns = Turns::default();
        for key in 0..1000 {
            turns.push(&client("a", key), "item");
            assert_eq!(turns.take(|_| true), Some("item"));
        }
        assert!(turns.tenants.order.is_empty() && turns.tenants.queues.is_empty());
    }
}
