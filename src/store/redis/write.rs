//! Writes: one script a row keeps the greatest row of its key, and all scripts of a call travel together.

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use fred::bytes_utils::Str;
use fred::error::Error;
use fred::interfaces::ClientLike;
use fred::types::Value;
use tokio::time::Instant;

use super::faults;
use super::reader::{Reader, command};
use crate::store::{PutOutcome, PutRow, StoreError, StoreErrorKind, order};

/// Keeps the greater of two rows; runs atomically on the server.
const SCRIPT: &str = include_str!("keep_greatest.lua");

/// The name that the server knows the script by.
static SCRIPT_HASH: LazyLock<Str> = LazyLock::new(|| Str::from(fred::util::sha1_hash(SCRIPT)));

impl Reader {
    /// Keeps each row that is greater than the stored one of its key.
    pub(super) async fn put_all(&self, rows: Vec<PutRow>, budget: Duration) -> Result<Vec<PutOutcome>, StoreError> {
        if budget.is_zero() {
            return Err(self.timed_out());
        }
        let deadline = Instant::now() + budget;
        let mut results = self.run_scripts(rows.iter(), deadline).await?;
        let unknown: Vec<_> =
            (0..rows.len()).filter(|&at| results[at].as_ref().is_err_and(faults::is_no_script)).collect();
        if !unknown.is_empty() {
            // The server is new to us, or has been restarted: it gets the script once and keeps it.
            let load = self
                .client
                .custom_raw(command("SCRIPT"), vec![Value::from_static_str("LOAD"), Value::from_static_str(SCRIPT)]);
            faults::refuse(&self.server, self.within(left(deadline), load).await?)?;
            let again = self.run_scripts(unknown.iter().map(|&at| &rows[at]), deadline).await?;
            for (at, result) in unknown.into_iter().zip(again) {
                results[at] = result;
            }
        }
        self.outcomes(results)
    }

    /// One script a row, in one round trip.
    async fn run_scripts<'a>(
        &self,
        rows: impl ExactSizeIterator<Item = &'a PutRow>,
        deadline: Instant,
    ) -> Result<Vec<Result<Value, Error>>, StoreError> {
        let count = rows.len();
        let pipeline = self.client.pipeline();
        let queue = pipeline.with_options(self.client.options());
        for row in rows {
            let args = vec![
                Value::String(SCRIPT_HASH.clone()),
                Value::Integer(1),
                Value::Bytes(row.key.clone()),
                Value::Bytes(row.value.clone()),
                Value::Integer(row.event_time),
                Value::Integer(row.created),
                Value::Bytes(Bytes::copy_from_slice(&order::packed(order::Times::of(row)))),
            ];
            queue.custom_raw(command("EVALSHA"), args).await.map_err(|error| self.explain(&error))?;
        }
        if count == 0 {
            return Ok(Vec::new());
        }
        let results = tokio::time::timeout_at(deadline, queue.try_all::<Value>()).await.map_err(|_| {
            StoreError::new(
                StoreErrorKind::Timeout,
                format!("redis at {} did not answer in time; the rows may still be stored", self.server),
            )
        })?;
        match results.iter().find_map(|result| result.as_ref().err()) {
            // The connection broke: one error stands for all rows.
            Some(error) if results.len() != count => Err(self.explain(error)),
            None if results.len() != count => Err(StoreError::new(
                StoreErrorKind::Unreachable,
                format!("redis at {} left rows unanswered", self.server),
            )),
            Some(_) | None => Ok(results),
        }
    }

    /// What became of each row; an error when the server refused every one for a reason that is not the row's.
    fn outcomes(&self, results: Vec<Result<Value, Error>>) -> Result<Vec<PutOutcome>, StoreError> {
        let mut first_fault = None;
        let mut faults_only = true;
        let outcomes = results
            .into_iter()
            .map(|result| match result {
                Ok(_) => {
                    faults_only = false;
                    PutOutcome::Stored
                }
                Err(error) if faults::is_wrong_type(&error) => {
                    faults_only = false;
                    PutOutcome::Failed("the key holds another type of Redis value; rows are strings".to_owned())
                }
                Err(error) => {
                    let fault = self.explain(&error);
                    let outcome = PutOutcome::Failed(fault.message.clone());
                    first_fault.get_or_insert(fault);
                    outcome
                }
            })
            .collect();
        match first_fault {
            Some(fault) if faults_only => Err(fault),
            Some(_) | None => Ok(outcomes),
        }
    }
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}
