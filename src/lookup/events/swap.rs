//! States that are read, changed and written over what was read; where another writer was faster, once more.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::error::Error;
use crate::lookup::{Lookup, store_budget};
use crate::store::{Fetched, SwapOutcome, SwapRow};
use crate::telemetry::metrics::Stage;
use crate::telemetry::trace;

/// The longest pause before the second attempt; it doubles with each, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(32);

/// The states that writers of this process are at work on: none of them is worked on twice at the same time, which would be in vain once.
#[derive(Debug, Default)]
pub(in crate::lookup) struct Claims {
    /// Keys by their hashes: two with one hash wait for each other too.
    taken: Mutex<HashSet<u64>>,
    freed: Notify,
    hasher: RandomState,
}

/// Claims that end with this.
struct Claimed<'a> {
    claims: &'a Claims,
    hashes: Vec<u64>,
}

impl Claims {
    fn taken(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Claims those of the keys that nobody has. Gives their positions, and those of the others.
    fn take(&self, keys: &[Bytes], wanted: &[usize]) -> (Claimed<'_>, Vec<usize>, Vec<usize>) {
        let mut claimed = Claimed { claims: self, hashes: Vec::with_capacity(wanted.len()) };
        let (mut mine, mut others) = (Vec::with_capacity(wanted.len()), Vec::new());
        let mut taken = self.taken();
        for at in wanted {
            let hash = self.hasher.hash_one(keys.get(*at));
            if taken.insert(hash) {
                claimed.hashes.push(hash);
                mine.push(*at);
            } else {
                others.push(*at);
            }
        }
        (claimed, mine, others)
    }

    /// A random part of the pause before an attempt.
    fn pause(&self, attempt: u32) -> Duration {
        let longest = FIRST_PAUSE.saturating_mul(1 << attempt.min(8)).min(LONGEST_PAUSE);
        // As random as the keys of the hasher.
        let share = self.hasher.hash_one((attempt, Instant::now())) % 1024;
        longest.mul_f64(f64::from(u32::try_from(share).unwrap_or_default()) / 1024.0)
    }
}

impl Drop for Claimed<'_> {
    fn drop(&mut self) {
        let mut taken = self.claims.taken();
        for hash in &self.hashes {
            taken.remove(hash);
        }
        drop(taken);
        self.claims.freed.notify_waiters();
    }
}

/// The keys of a call, and why some could not be written.
struct Swaps<'a> {
    keys: &'a [Bytes],
    failed: Vec<Option<String>>,
}

impl Swaps<'_> {
    fn fail(&mut self, keys: &[usize], why: &str) {
        for key in keys {
            self.fail_one(*key, why.to_owned());
        }
    }

    fn fail_one(&mut self, key: usize, why: String) {
        if let Some(place) = self.failed.get_mut(key) {
            *place = Some(why);
        }
    }

    fn key(&self, at: usize) -> Bytes {
        self.keys.get(at).cloned().unwrap_or_default()
    }
}

impl Lookup {
    /// Reads the value of every key, has `derive` make the new one of it, and writes that. `derive` is called again where another writer
    /// was faster; it gives none where nothing is to be written. Gives for each key why it could not be written; none: the store has it.
    ///
    /// # Errors
    /// UNAVAILABLE or DEADLINE_EXCEEDED when the store can't say that it has any.
    pub(super) async fn swap_all(
        &self,
        keys: &[Bytes],
        deadline: Instant,
        mut derive: impl FnMut(usize, Option<&[u8]>) -> Result<Option<Vec<u8>>, String>,
    ) -> Result<Vec<Option<String>>, Error> {
        let mut swaps = Swaps { keys, failed: vec![None; keys.len()] };
        let mut left: Vec<usize> = (0..keys.len()).collect();
        let mut attempts = 0;
        while !left.is_empty() {
            let mut freed = pin!(self.claims.freed.notified());
            // From here on none is missed that is freed while the others are looked at.
            freed.as_mut().enable();
            let (claimed, mine, others) = self.claims.take(keys, &left);
            if mine.is_empty() {
                if tokio::time::timeout_at(deadline.into(), freed).await.is_err() {
                    swaps.fail(&left, "other writers were at work on the state until the deadline; send it again");
                    break;
                }
                continue;
            }
            let changed = match self.swap_once(&mut swaps, &mine, deadline, &mut derive).await {
                Ok(changed) => changed,
                Err(error) if attempts == 0 => return Err(error),
                Err(error) => {
                    swaps.fail(&left, error.message());
                    break;
                }
            };
            drop(claimed);
            attempts += 1;
            if !changed.is_empty() {
                self.metrics.events.retried(changed.len() as u64);
                if Instant::now() >= deadline {
                    let why = format!("other writers were faster {attempts} times until the deadline; send it again");
                    swaps.fail(&left, &why);
                    break;
                }
                tokio::time::sleep(self.claims.pause(attempts)).await;
            }
            left = changed.into_iter().chain(others).collect();
        }
        Ok(swaps.failed)
    }

    /// One attempt. Gives the keys whose values others changed meanwhile.
    async fn swap_once(
        &self,
        swaps: &mut Swaps<'_>,
        left: &[usize],
        deadline: Instant,
        derive: &mut impl FnMut(usize, Option<&[u8]>) -> Result<Option<Vec<u8>>, String>,
    ) -> Result<Vec<usize>, Error> {
        let keys = left.iter().map(|at| swaps.key(*at)).collect();
        // What is written waits for this: it has as long as a write.
        let budget = store_budget(self.limits.write_timeout, deadline);
        let start = Instant::now();
        let fetched = self.store.fetch(keys, budget).await;
        trace::stage(Stage::Store, start, Instant::now());
        let fetched = fetched.map_err(|error| self.unavailable(&error, deadline))?;
        let (mut rows, mut of_row) = (Vec::with_capacity(left.len()), Vec::with_capacity(left.len()));
        for (at, stored) in left.iter().zip(fetched) {
            let expected = match stored {
                Fetched::Value(stored) => Some(stored),
                Fetched::Missing => None,
                Fetched::Damaged(why) => {
                    swaps.fail_one(*at, format!("the stored state can't be read (UNDECODABLE): {why}"));
                    continue;
                }
                Fetched::Failed(why) => {
                    swaps.fail_one(*at, format!("the stored state could not be read: {why}"));
                    continue;
                }
            };
            match derive(*at, expected.as_deref()) {
                Ok(None) => {}
                Ok(Some(value)) => {
                    rows.push(SwapRow { key: swaps.key(*at), expected, value: value.into() });
                    of_row.push(*at);
                }
                Err(why) => swaps.fail_one(*at, why),
            }
        }
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let budget = store_budget(self.limits.write_timeout, deadline);
        let start = Instant::now();
        let outcomes = self.store.swap(rows, budget).await;
        trace::stage(Stage::Store, start, Instant::now());
        let outcomes = outcomes.map_err(|error| self.unavailable(&error, deadline))?;
        let mut changed = Vec::new();
        for (at, outcome) in of_row.into_iter().zip(outcomes) {
            match outcome {
                SwapOutcome::Stored => {}
                SwapOutcome::Changed => changed.push(at),
                SwapOutcome::Failed(why) => swaps.fail_one(at, why),
            }
        }
        Ok(changed)
    }
}
