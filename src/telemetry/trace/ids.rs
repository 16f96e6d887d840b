//! Ids of traces and spans.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Makes ids that nobody can foretell: the keyed hashes of a count. The key is random, of this process.
#[derive(Debug, Default)]
pub(super) struct Ids {
    key: RandomState,
    count: AtomicU64,
}

impl Ids {
    /// The id of a span; never 0, which is none.
    pub(super) fn span(&self) -> u64 {
        self.key.hash_one(self.count.fetch_add(1, Ordering::Relaxed)).max(1)
    }

    /// The id of a trace; never 0, which is none. All of its bits are random.
    pub(super) fn trace(&self) -> u128 {
        u128::from(self.span()) << 64 | u128::from(self.span())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_are_not_repeated() {
        let (one, other) = (Ids::default(), Ids::default());
        let ids: HashSet<u64> = (0..10_000).flat_map(|_| [one.span(), other.span()]).collect();
        assert_eq!(ids.len(), 20_000);
        assert_ne!(one.trace(), one.trace());
    }
}
