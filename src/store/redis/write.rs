//! Writes: what each command is given for a row.

use std::sync::LazyLock;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use fred::types::Value;
use tokio::time::Instant;

use super::reader::Reader;
use super::scripts::{ADDED, Answer, Script, sha1_hex};
use crate::store::{PutOutcome, PutRow, StoreError, SwapOutcome, SwapRow, order};

/// Keeps the greater of two rows.
static KEEP_GREATEST: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("keep_greatest.lua")));

/// Writes a value if the stored one is as expected.
static SWAP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("swap.lua")));

/// Rows of a write to try without the script first; fewer are not worth a second round trip.
const MANY: usize = 32;

impl Reader {
    /// Keeps each row that is greater than the stored one of its key.
    ///
    /// Where most keys turned out to be new, as they are in a first load, the next rows are set by a plain `SET … NX`, which costs the server
    /// a third of a script; the script compares those that are there already.
    pub(super) async fn put_all(&self, rows: Vec<PutRow>, budget: Duration) -> Result<Vec<PutOutcome>, StoreError> {
        let deadline = self.until(budget)?;
        let is_new = rows.len() >= MANY && self.mostly_new.load(Ordering::Relaxed);
        let mut answers =
            if is_new { self.add_all(&rows, deadline).await? } else { rows.iter().map(|_| Ok(Value::Null)).collect() };
        let there: Vec<usize> = (0..rows.len()).filter(|&at| matches!(answers[at], Ok(Value::Null))).collect();
        let compared = self.run_all(&KEEP_GREATEST, &there, |&at| keep_greatest(&rows[at]), deadline).await?;
        for (at, answer) in there.into_iter().zip(compared) {
            answers[at] = answer;
        }
        if rows.len() >= MANY {
            let new = answers.iter().filter(|answer| matches!(answer, Ok(Value::Integer(ADDED)))).count();
            self.mostly_new.store(2 * new > rows.len(), Ordering::Relaxed);
        }
        Ok(self.settle(answers)?.into_iter().map(PutOutcome::of).collect())
    }

    /// Sets the rows whose keys are not there; null for those that are.
    async fn add_all(&self, rows: &[PutRow], deadline: Instant) -> Result<Vec<Answer>, StoreError> {
        let set = |row: &PutRow| {
            vec![Value::Bytes(row.key.clone()), Value::Bytes(row.value.clone()), Value::from_static_str("NX")]
        };
        let answers = self.send("SET", rows.iter().map(set), deadline).await?;
        Ok(answers
            .into_iter()
            .map(|answer| answer.map(|said| if said.is_null() { said } else { Value::Integer(ADDED) }))
            .collect())
    }

    /// Writes each value whose key still has what is expected of it.
    pub(super) async fn swap_all(&self, rows: Vec<SwapRow>, budget: Duration) -> Result<Vec<SwapOutcome>, StoreError> {
        let run = |row: &SwapRow| {
            // A hash, so that the old value does not travel again, and the one that scripts of Redis know.
            let expected = row.expected.as_deref().map(sha1_hex).unwrap_or_default();
            SWAP.run(&row.key, [Value::Bytes(expected), Value::Bytes(row.value.clone())])
        };
        let answers = self.run_all(&SWAP, &rows, run, self.until(budget)?).await?;
        Ok(self.settle(answers)?.into_iter().map(SwapOutcome::of).collect())
    }
}

fn keep_greatest(row: &PutRow) -> Vec<Value> {
    let times = order::packed(order::Times::of(row));
    let arguments = [
        Value::Bytes(row.value.clone()),
        Value::Integer(row.event_time),
        Value::Integer(row.created),
        Value::Bytes(Bytes::copy_from_slice(&times)),
    ];
    KEEP_GREATEST.run(&row.key, arguments)
}
