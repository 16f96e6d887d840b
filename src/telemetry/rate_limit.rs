//! Log lines that a client can cause are limited, and say how many were left out.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

static START: OnceLock<Instant> = OnceLock::new();

/// Lets a number of lines a second pass.
#[derive(Debug)]
pub struct RateLimit {
    limit: u64,
    second: AtomicU64,
    count: AtomicU64,
}

impl RateLimit {
    /// Lets this many lines a second pass.
    #[must_use]
    pub const fn per_second(limit: u64) -> Self {
        Self { limit, second: AtomicU64::new(0), count: AtomicU64::new(0) }
    }

    /// Whether a line may be written now, and how many were left out since the last second in which some were.
    pub fn pass(&self) -> Option<u64> {
        let second = START.get_or_init(Instant::now).elapsed().as_secs() + 1;
        if self.second.swap(second, Ordering::Relaxed) != second {
            let before = self.count.swap(1, Ordering::Relaxed);
            return Some(before.saturating_sub(self.limit));
        }
        (self.count.fetch_add(1, Ordering::Relaxed) < self.limit).then_some(0)
    }
}
