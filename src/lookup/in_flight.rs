//! Keys that are looked up at the same time. A request of a thousand entities is as much work as a thousand of one: how long what is asked waits for the store is
//! bounded by keys, not by requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Code, Error};

/// How many keys are looked up, and may be at the same time.
#[derive(Clone, Debug)]
pub(super) struct KeysInFlight {
    limit: usize,
    count: Arc<AtomicUsize>,
}

/// Keys that are looked up; counted until this is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    keys: usize,
    count: Arc<AtomicUsize>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.count.fetch_sub(self.keys, Ordering::Relaxed);
    }
}

impl KeysInFlight {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, count: Arc::default() }
    }

    /// Counts keys in. A request that is alone may have more than the limit.
    ///
    /// # Errors
    /// OVERLOADED if they are too many beside those that are looked up.
    pub(super) fn take(&self, keys: usize) -> Result<Permit, Error> {
        let permit = Permit { keys, count: self.count.clone() };
        let before = self.count.fetch_add(keys, Ordering::Relaxed);
        if before == 0 || before.saturating_add(keys) <= self.limit {
            return Ok(permit);
        }
        let message = format!(
            "the gateway looks up {before} keys, and with the {keys} of this request more than it takes (limits.max_lookups_in_flight, {}); \
             nothing of this one was done",
            self.limit
        );
        Err(Error::new(Code::Overloaded, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_count_until_they_are_looked_up() {
        let keys = KeysInFlight::new(10);
        let large = keys.take(100).unwrap();
        assert_eq!(keys.take(1).unwrap_err().code(), Code::Overloaded);
        drop(large);
        let some = [keys.take(4).unwrap(), keys.take(6).unwrap()];
        let refused = keys.take(1).unwrap_err();
        assert!(refused.message().contains("looks up 10 keys, and with the 1 of this request"), "{refused}");
        drop(some);
        assert!(keys.take(10).is_ok());
        assert_eq!(keys.count.load(Ordering::Relaxed), 0);
    }
}
