//! Values with their counts, in order; bounded to the few that a result can need, where nothing is ever taken out again.

use std::collections::BTreeMap;

/// Which end of an order counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The least.
    First,
    /// The greatest.
    Last,
}

/// A multiset in order.
#[derive(Clone, Debug)]
pub(super) struct Multiset<K> {
    counts: BTreeMap<K, i64>,
    /// All of them, repeats included.
    total: i64,
    /// Keeps only so many of the first or the last. What is left out can't come back, so a bounded one can't be taken from.
    bound: Option<(Side, i64)>,
}

impl<K: Ord + Copy> Multiset<K> {
    pub(super) const fn new(bound: Option<(Side, i64)>) -> Self {
        Self { counts: BTreeMap::new(), total: 0, bound }
    }

    pub(super) fn add(&mut self, key: K, count: i64) {
        if let Some((side, most)) = self.bound {
            let is_full = self.total >= most;
            if is_full && self.far(side).is_some_and(|(far, _)| is_beyond(side, &key, &far)) {
                return;
            }
        }
        *self.counts.entry(key).or_default() += count;
        self.total += count;
        if let Some((side, most)) = self.bound {
            while let Some((far, count)) = self.far(side)
                && self.total - count >= most
            {
                self.counts.remove(&far);
                self.total -= count;
            }
        }
    }

    /// Takes one out that was added before.
    pub(super) fn remove(&mut self, key: K) {
        if let Some(count) = self.counts.get_mut(&key) {
            *count -= 1;
            self.total -= 1;
            if *count == 0 {
                self.counts.remove(&key);
            }
        }
    }

    /// The end that is of no use.
    fn far(&self, side: Side) -> Option<(K, i64)> {
        let far = match side {
            Side::First => self.counts.last_key_value(),
            Side::Last => self.counts.first_key_value(),
        };
        far.map(|(key, count)| (*key, *count))
    }

    pub(super) fn first(&self) -> Option<K> {
        self.counts.first_key_value().map(|(key, _)| *key)
    }

    pub(super) fn last(&self) -> Option<K> {
        self.counts.last_key_value().map(|(key, _)| *key)
    }

    /// How many different ones there are.
    pub(super) fn distinct(&self) -> usize {
        self.counts.len()
    }

    /// Each with its count, in order.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (K, i64)> {
        self.counts.iter().map(|(key, count)| (*key, *count))
    }
}

/// Whether a key is further than the furthest that is kept.
fn is_beyond<K: Ord>(side: Side, key: &K, far: &K) -> bool {
    match side {
        Side::First => key > far,
        Side::Last => key < far,
    }
}
