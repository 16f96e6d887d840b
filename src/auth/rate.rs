//! How many requests a second a key may make: a bucket of tokens as one number, the time at which it will be full again (GCRA), so that
//! taking a token is one atomic exchange.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const SECOND: u64 = 1_000_000_000;

/// The limit of a key, and its bucket, which clones share.
#[derive(Clone, Debug)]
pub struct RateLimit {
    per_second: u32,
    burst: u32,
    /// Nanoseconds in which one token comes back.
    interval: u64,
    /// When the bucket will be full, in nanoseconds of the caller's clock; in the past: it is.
    full_at: Arc<AtomicU64>,
}

impl RateLimit {
    /// So many requests a second, and so many at once after a pause. Both are at least 1.
    #[must_use]
    pub fn new(per_second: u32, burst: u32) -> Self {
        let (per_second, burst) = (per_second.max(1), burst.max(1));
        Self { per_second, burst, interval: SECOND / u64::from(per_second), full_at: Arc::default() }
    }

    /// Requests a second.
    #[must_use]
    pub fn per_second(&self) -> u32 {
        self.per_second
    }

    /// Takes the token of one request. `now` is the time since any moment, the same for all calls.
    ///
    /// # Errors
    /// There is none: how long until one is there.
    pub fn take(&self, now: Duration) -> Result<(), Duration> {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let missing_at_most = self.interval * u64::from(self.burst - 1);
        let mut full_at = self.full_at.load(Ordering::Relaxed);
        loop {
            let full = full_at.max(now);
            let wait = (full - now).saturating_sub(missing_at_most);
            if wait > 0 {
                return Err(Duration::from_nanos(wait));
            }
            let taken = full.saturating_add(self.interval);
            match self.full_at.compare_exchange_weak(full_at, taken, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(other) => full_at = other,
            }
        }
    }

    /// Goes on with the bucket of a limit that this one replaces.
    pub(super) fn go_on_with(&mut self, before: &Self) {
        self.full_at = before.full_at.clone();
    }
}

impl PartialEq for RateLimit {
    /// What is in the bucket is no part of the limit.
    fn eq(&self, other: &Self) -> bool {
        (self.per_second, self.burst) == (other.per_second, other.burst)
    }
}

impl Eq for RateLimit {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_burst_passes_at_once_and_then_one_an_interval() {
        let limit = RateLimit::new(10, 3);
        let start = at(5_000);
        for _ in 0..3 {
            assert_eq!(limit.take(start), Ok(()));
        }
        assert_eq!(limit.take(start), Err(at(100)));
        assert_eq!(limit.take(start + at(60)), Err(at(40)));
        // The hint is exact, and a refused request takes nothing.
        assert_eq!(limit.take(start + at(100)), Ok(()));
        assert_eq!(limit.take(start + at(100)), Err(at(100)));
        // A pause fills the bucket, and no more than that.
        let later = start + at(60_000);
        assert_eq!([(); 4].map(|()| limit.take(later)), [Ok(()), Ok(()), Ok(()), Err(at(100))]);
    }

    #[test]
    fn a_limit_that_replaces_another_goes_on_with_its_bucket() {
        let before = RateLimit::new(1, 2);
        assert_eq!((before.take(at(0)), before.take(at(0))), (Ok(()), Ok(())));
        let mut after = RateLimit::new(2, 2);
        after.go_on_with(&before);
        // Two seconds of tokens are missing, and half a second's may be.
        assert_eq!(after.take(at(0)), Err(at(1_500)));
        assert_eq!(after.take(at(1_500)), Ok(()));
    }

    #[test]
    fn threads_together_get_no_more_than_one() {
        let limit = RateLimit::new(1, 1_000);
        let passed = || (0..1_000).filter(|_| limit.take(at(0)).is_ok()).count();
        let all: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(passed)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(all, 1_000);
    }

    proptest! {
        #[test]
        fn never_more_than_the_burst_and_the_rate(
            per_second in 1..2_000_u32,
            burst in 1..50_u32,
            pauses in proptest::collection::vec(0..5_000_000_u64, 1..300),
        ) {
            let limit = RateLimit::new(per_second, burst);
            let (mut now, mut passed) = (0, 0);
            for pause in pauses {
                now += pause;
                match limit.take(Duration::from_nanos(now)) {
                    Ok(()) => passed += 1,
                    // Whoever waits as long as he is told passes.
                    Err(wait) => {
                        now += u64::try_from(wait.as_nanos()).unwrap();
                        prop_assert_eq!(limit.take(Duration::from_nanos(now)), Ok(()));
                        passed += 1;
                    }
                }
                let interval = SECOND / u64::from(per_second);
                prop_assert!(passed <= u64::from(burst) + now / interval);
            }
        }
    }
}
