//! When to try again.

use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Pauses that grow, for as long as nothing gets better and the limit is not reached.
#[derive(Debug)]
pub(super) struct Backoff {
    limit: Duration,
    since: Option<Instant>,
    pause: Duration,
}

impl Backoff {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, since: None, pause: FIRST_PAUSE }
    }

    /// Something went well.
    pub(super) fn reset(&mut self) {
        self.since = None;
        self.pause = FIRST_PAUSE;
    }

    /// Whether nothing went well since the last attempt.
    pub(super) fn is_waiting(&self) -> bool {
        self.since.is_some()
    }

    /// How long attempts go on without success.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// The pause before the next attempt; none when it is time to give up.
    pub(super) fn pause(&mut self, now: Instant) -> Option<Duration> {
        let left = self.limit.checked_sub(now - *self.since.get_or_insert(now))?;
        let pause = self.pause.min(left);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        (!pause.is_zero()).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_second_and_end_at_the_limit() {
        let start = Instant::now();
        let mut backoff = Backoff::new(Duration::from_secs(5));
        let mut now = start;
        let mut pauses = Vec::new();
        while let Some(pause) = backoff.pause(now) {
            pauses.push(u64::try_from(pause.as_millis()).unwrap_or_default());
            now += pause;
        }
        assert_eq!(pauses, [100, 200, 400, 800, 1000, 1000, 1000, 500]);
        assert_eq!(now - start, Duration::from_secs(5));
        backoff.reset();
        assert_eq!(backoff.pause(now), Some(FIRST_PAUSE));
    }

    #[test]
    fn without_time_there_is_no_second_attempt() {
        assert_eq!(Backoff::new(Duration::ZERO).pause(Instant::now()), None);
    }
}
