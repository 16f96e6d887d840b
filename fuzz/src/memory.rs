//! A store in memory, which can be told to answer with given bytes, whatever the key.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use unskew_gateway::store::{Fetched, OnlineStore, PutOutcome, PutRow, StoreFuture, StoreGauges, SwapOutcome, SwapRow};

/// The store.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    rows: Mutex<HashMap<Bytes, Bytes>>,
    answer: Mutex<Option<Bytes>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Memory {
    /// From now on every key has this value.
    pub(crate) fn answer(&self, value: Option<&[u8]>) {
        *locked(&self.answer) = value.map(Bytes::copy_from_slice);
    }

    /// Forgets what was written.
    pub(crate) fn clear(&self) {
        locked(&self.rows).clear();
    }

    /// All values that were written.
    pub(crate) fn values(&self) -> Vec<Vec<u8>> {
        locked(&self.rows).values().map(|value| value.to_vec()).collect()
    }
}

impl OnlineStore for Memory {
    fn fetch(&self, keys: Vec<Bytes>, _: Duration) -> StoreFuture<'_, Vec<Fetched>> {
        let answer = locked(&self.answer).clone();
        let rows = locked(&self.rows);
        let value = |key: &Bytes| answer.clone().or_else(|| rows.get(key).cloned());
        let found = keys.iter().map(|key| value(key).map_or(Fetched::Missing, Fetched::Value)).collect();
        Box::pin(std::future::ready(Ok(found)))
    }

    fn put(&self, rows: Vec<PutRow>, _: Duration) -> StoreFuture<'_, Vec<PutOutcome>> {
        let mut kept = locked(&self.rows);
        let outcomes = vec![PutOutcome::Stored; rows.len()];
        kept.extend(rows.into_iter().map(|row| (row.key, row.value)));
        Box::pin(std::future::ready(Ok(outcomes)))
    }

    fn swap(&self, rows: Vec<SwapRow>, _: Duration) -> StoreFuture<'_, Vec<SwapOutcome>> {
        let mut kept = locked(&self.rows);
        let outcomes = vec![SwapOutcome::Stored; rows.len()];
        kept.extend(rows.into_iter().map(|row| (row.key, row.value)));
        Box::pin(std::future::ready(Ok(outcomes)))
    }

    fn ping(&self, _: Duration) -> StoreFuture<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn close(&self) -> StoreFuture<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn gauges(&self) -> StoreGauges {
        StoreGauges::default()
    }

    fn name(&self) -> &'static str {
        "memory"
    }
}
