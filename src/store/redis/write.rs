//! Writes: what each script is given for a row.

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use fred::types::Value;

use super::reader::Reader;
use super::scripts::{Script, sha1_hex};
use crate::store::{PutOutcome, PutRow, StoreError, SwapOutcome, SwapRow, order};

/// Keeps the greater of two rows.
static KEEP_GREATEST: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("keep_greatest.lua")));

/// Writes a value if the stored one is as expected.
static SWAP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("swap.lua")));

impl Reader {
    /// Keeps each row that is greater than the stored one of its key.
    pub(super) async fn put_all(&self, rows: Vec<PutRow>, budget: Duration) -> Result<Vec<PutOutcome>, StoreError> {
        let run = |row: &PutRow| {
            let times = order::packed(order::Times::of(row));
            let arguments = [
                Value::Bytes(row.value.clone()),
                Value::Integer(row.event_time),
                Value::Integer(row.created),
                Value::Bytes(Bytes::copy_from_slice(&times)),
            ];
            KEEP_GREATEST.run(&row.key, arguments)
        };
        let settled = self.run_all(&KEEP_GREATEST, &rows, run, budget).await?;
        Ok(settled.into_iter().map(PutOutcome::of).collect())
    }

    /// Writes each value whose key still has what is expected of it.
    pub(super) async fn swap_all(&self, rows: Vec<SwapRow>, budget: Duration) -> Result<Vec<SwapOutcome>, StoreError> {
        let run = |row: &SwapRow| {
            // A hash, so that the old value does not travel again, and the one that scripts of Redis know.
            let expected = row.expected.as_deref().map(sha1_hex).unwrap_or_default();
            SWAP.run(&row.key, [Value::Bytes(expected), Value::Bytes(row.value.clone())])
        };
        let settled = self.run_all(&SWAP, &rows, run, budget).await?;
        Ok(settled.into_iter().map(SwapOutcome::of).collect())
    }
}
