//! What a connection owes: calls that have had no answer, in their order. Redis answers in order, so an answer settles all calls before it,
//! also those that no longer wait for theirs.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Calls without an answer, oldest first.
pub(super) struct Owed {
    /// The least time that a call is given.
    pub(super) least: Duration,
    calls: Mutex<Calls>,
}

#[derive(Default)]
struct Calls {
    next: u64,
    waiting: VecDeque<Call>,
}

struct Call {
    number: u64,
    overdue_at: Instant,
}

impl Owed {
    /// Nothing is owed yet.
    pub(super) fn new(least: Duration) -> Self {
        Self { least, calls: Mutex::default() }
    }

    /// A call is made now that waits for so long; its number.
    pub(super) fn ask(&self, now: Instant, budget: Duration) -> u64 {
        let mut calls = self.lock();
        let number = calls.next;
        calls.next += 1;
        calls.waiting.push_back(Call { number, overdue_at: now + budget.max(self.least) });
        number
    }

    /// A call was answered.
    pub(super) fn settle(&self, number: u64) {
        let mut calls = self.lock();
        while calls.waiting.front().is_some_and(|call| call.number <= number) {
            calls.waiting.pop_front();
        }
    }

    /// If the oldest call is overdue: how long a sign of life may take, behind all calls that are not overdue yet.
    pub(super) fn overdue(&self, now: Instant) -> Option<Duration> {
        let calls = self.lock();
        calls.waiting.front().filter(|oldest| oldest.overdue_at <= now)?;
        let last = calls.waiting.iter().map(|call| call.overdue_at).max()?;
        Some(last.saturating_duration_since(now).max(self.least))
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: Duration = Duration::from_millis(600);

    #[test]
    fn an_answer_settles_what_was_asked_before_it() {
        let (owed, start) = (Owed::new(LEAST), Instant::now());
        let calls = [(); 3].map(|()| owed.ask(start, Duration::ZERO));
        let later = start + LEAST;
        assert_eq!(owed.overdue(later), Some(LEAST));
        owed.settle(calls[1]);
        assert_eq!(owed.overdue(later), Some(LEAST));
        owed.settle(calls[2]);
        assert_eq!(owed.overdue(later), None);
        // Late news of what is settled.
        owed.ask(later, Duration::ZERO);
        owed.settle(calls[0]);
        assert_eq!(owed.overdue(later + LEAST), Some(LEAST));
    }

    #[test]
    fn new_calls_do_not_excuse_old_ones() {
        let (owed, start) = (Owed::new(LEAST), Instant::now());
        for at in 0..12 {
            owed.ask(start + at * Duration::from_millis(50), Duration::from_millis(250));
        }
        assert!(owed.overdue(start + LEAST).is_some());
    }

    #[test]
    fn a_long_write_has_its_time() {
        let (owed, start, long) = (Owed::new(LEAST), Instant::now(), Duration::from_secs(5));
        let write = owed.ask(start, long);
        owed.ask(start, Duration::from_millis(250));
        // Its answer comes first.
        let later = start + LEAST;
        assert_eq!(owed.overdue(later), None);
        owed.settle(write);
        assert_eq!(owed.overdue(later), Some(LEAST));
        // A write that was asked since is waited for.
        owed.ask(later, long);
        assert_eq!(owed.overdue(later), Some(long));
    }
}
