//! How many requests the gateway works on, and how many it refuses.
//!
//! To refuse costs a part of what it costs to serve: reading the request and answering it. A gateway that refuses as fast as clients ask spends
//! all its time so. It therefore refuses at a rate that leaves most of the time for what it serves, and connections that ask for more are not
//! read until there is room, so that their clients wait as they would at any full server: docs/decisions/0029-backpressure.md.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// What a refusal takes of the time that there is for them, in nanoseconds: 1,000 a second, whatever is served.
const REFUSAL: i64 = 1_000_000;
/// What each reply gives back of it: one refusal for eight replies.
const SERVED: i64 = REFUSAL / 8;
/// Refusals that may come at once.
const BURST: i64 = 256 * REFUSAL;
/// How long a connection waits before it is looked at again, and at most.
const LOOK: Duration = Duration::from_millis(5);
const MOST: Duration = Duration::from_millis(250);

/// What all connections share.
#[derive(Debug)]
pub struct Capacity {
    limit: usize,
    running: AtomicUsize,
    start: Instant,
    /// Nanoseconds from the start at which all refusals so far are paid for.
    paid_at: AtomicI64,
    /// Connections that wait.
    waiting: AtomicUsize,
    room: Notify,
}

impl Capacity {
    /// So many requests may run at a time, of all connections together.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let start = Instant::now();
        let (running, waiting, room) = Default::default();
        Self { limit, running, start, paid_at: AtomicI64::new(-BURST), waiting, room }
    }

    /// Requests that may run at a time.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// A request begins; whether there was a place for it.
    pub(crate) fn begin(&self) -> bool {
        self.running.fetch_add(1, Ordering::Relaxed) < self.limit
    }

    /// The same, until the place is dropped; it counts also where there was none.
    pub(crate) fn enter(self: &Arc<Self>) -> (Place, bool) {
        let is_free = self.begin();
        (Place(self.clone()), is_free)
    }

    /// It ends.
    pub(crate) fn end(&self) {
        let running = self.running.fetch_sub(1, Ordering::Relaxed) - 1;
        if self.waiting.load(Ordering::Relaxed) > 0 && self.is_room(running) {
            self.room.notify_one();
        }
    }

    /// A place for a batch of a stream, waited for until then; none: there was none. A stream that waits reads nothing more.
    pub(crate) async fn place(self: &Arc<Self>, until: Instant) -> Option<Place> {
        loop {
            let (place, is_free) = self.enter();
            if is_free {
                return Some(place);
            }
            drop(place);
            if Instant::now() >= until {
                return None;
            }
            self.waiting.fetch_add(1, Ordering::Relaxed);
            let _waits = Waits(self);
            let _ = tokio::time::timeout(LOOK, self.room.notified()).await;
        }
    }

    /// A request was answered, well or not.
    pub(crate) fn served(&self) {
        self.paid_at.fetch_sub(SERVED, Ordering::Relaxed);
    }

    /// A request was refused as too many; whether that is more than there is time for.
    pub(crate) fn refused(&self) -> bool {
        let now = self.now();
        let paid = |paid_at: i64| paid_at.max(now - BURST) + REFUSAL;
        let update = self.paid_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |paid_at| Some(paid(paid_at)));
        paid(update.unwrap_or_else(|paid_at| paid_at)) > now
    }

    /// Whether requests of a connection that asks for too much are read now: there is room for them, or time to refuse them.
    pub(crate) fn takes_more(&self) -> bool {
        self.is_room(self.running.load(Ordering::Relaxed)) || self.paid_at.load(Ordering::Relaxed) <= self.now()
    }

    /// Waits until they are; not for ever, so that the connection's own signs of life are seen.
    pub(crate) async fn wait(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waits = Waits(self);
        let wait = async {
            while !self.takes_more() {
                let _ = tokio::time::timeout(LOOK, self.room.notified()).await;
            }
        };
        let _ = tokio::time::timeout(MOST, wait).await;
    }

    /// A few places, as a read brings a few requests.
    const fn is_room(&self, running: usize) -> bool {
        running < self.limit - self.limit / 16
    }

    fn now(&self) -> i64 {
        i64::try_from(self.start.elapsed().as_nanos()).unwrap_or(i64::MAX)
    }
}

/// A place that is taken, until this is dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<Capacity>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Counts a connection that waits, until it no longer does.
struct Waits<'a>(&'a Capacity);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_paid_for_by_time_and_by_replies() {
        let capacity = Capacity::new(0);
        assert!(!capacity.begin());
        assert!((0..250).all(|_| !capacity.refused()) && capacity.takes_more());
        assert!((0..300).any(|_| capacity.refused()) && !capacity.takes_more());
        for _ in 0..500 {
            capacity.served();
        }
        assert!(capacity.takes_more());
        // What was served long ago is no reason to refuse without end.
        for _ in 0..100_000 {
            capacity.served();
        }
        for _ in 0..300 {
            capacity.refused();
        }
        assert!(!capacity.takes_more());
        std::thread::sleep(Duration::from_millis(100));
        assert!(capacity.takes_more());
    }

    #[tokio::test]
    async fn a_batch_waits_for_a_place() {
        let capacity = Arc::new(Capacity::new(1));
        let soon = || Instant::now() + 4 * LOOK;
        let first = capacity.place(soon()).await.unwrap();
        assert!(capacity.place(soon()).await.is_none());
        let (second, ()) = tokio::join!(capacity.place(Instant::now() + MOST), async {
            tokio::time::sleep(LOOK).await;
            drop(first);
        });
        assert!(second.is_some());
        drop(second);
        assert_eq!(capacity.running.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn room_wakes_who_waits() {
        let capacity = Capacity::new(32);
        assert!((0..32).all(|_| capacity.begin()));
        for _ in 0..100_000 {
            capacity.refused();
        }
        let (waited, ()) = tokio::join!(
            async {
                let start = Instant::now();
                capacity.wait().await;
                start.elapsed()
            },
            async {
                tokio::time::sleep(Duration::from_millis(20)).await;
                (0..3).for_each(|_| capacity.end());
            }
        );
        assert!(waited >= Duration::from_millis(20) && waited < MOST, "{waited:?}");
        (0..3).for_each(|_| assert!(capacity.begin()));
        let start = Instant::now();
        capacity.wait().await;
        assert!(start.elapsed() >= MOST);
        assert_eq!(capacity.waiting.load(Ordering::Relaxed), 0);
    }
}
