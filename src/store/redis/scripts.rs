//! Scripts that the server runs atomically, one run a row. All runs of a call travel together, in one round trip.

use std::time::Duration;

use bytes::Bytes;
use fred::error::Error;
use fred::interfaces::ClientLike;
use fred::types::Value;
use sha1::{Digest, Sha1};
use tokio::time::Instant;

use super::faults;
use super::reader::{Reader, command};
use crate::store::{StoreError, StoreErrorKind, Written};

/// What a server says to one command of a round trip.
pub(super) type Answer = Result<Value, Error>;

/// A script left its key as it was.
const LEFT: i64 = 0;
/// It wrote the value of its key.
const REPLACED: i64 = 1;
/// It wrote the value of a key that was not there.
pub(super) const ADDED: i64 = 2;

/// A script that answers [`LEFT`], [`REPLACED`] or [`ADDED`].
pub(super) struct Script {
    text: &'static str,
    /// The name that the server knows it by.
    hash: Bytes,
}

impl Script {
    pub(super) fn new(text: &'static str) -> Self {
        Self { text, hash: sha1_hex(text.as_bytes()) }
    }

    /// What EVALSHA takes for one row: the script's `KEYS[1]`, and its `ARGV`.
    pub(super) fn run<const N: usize>(&self, key: &Bytes, arguments: [Value; N]) -> Vec<Value> {
        let mut run = Vec::with_capacity(3 + N);
        run.extend([Value::Bytes(self.hash.clone()), Value::Integer(1), Value::Bytes(key.clone())]);
        run.extend(arguments);
        run
    }
}

/// The SHA-1 hash as Redis writes it, in 40 lower-case hexadecimal digits.
pub(super) fn sha1_hex(bytes: &[u8]) -> Bytes {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let hash: [u8; 20] = Sha1::digest(bytes).into();
    hash.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| DIGITS[usize::from(digit)]).collect()
}

impl Reader {
    /// When a write of this budget ends; an error when it has none.
    pub(super) fn until(&self, budget: Duration) -> Result<Instant, StoreError> {
        if budget.is_zero() { Err(self.timed_out()) } else { Ok(Instant::now() + budget) }
    }

    /// Runs the script once for what `run` makes of each row, and gives its answers.
    pub(super) async fn run_all<R>(
        &self,
        script: &Script,
        rows: &[R],
        run: impl Fn(&R) -> Vec<Value>,
        deadline: Instant,
    ) -> Result<Vec<Answer>, StoreError> {
        let mut answers = self.send("EVALSHA", rows.iter().map(&run), deadline).await?;
        let unknown: Vec<_> =
            (0..rows.len()).filter(|&at| answers[at].as_ref().is_err_and(faults::is_no_script)).collect();
        if !unknown.is_empty() {
            // The server is new to us, or has been restarted: it gets the script once and keeps it.
            let words = ["LOAD", script.text].map(Value::from_static_str).to_vec();
            let load = self.client.custom_raw(command("SCRIPT"), words);
            let left = deadline.saturating_duration_since(Instant::now());
            faults::refuse(&self.server, self.within(left, load).await?)?;
            let again = self.send("EVALSHA", unknown.iter().map(|&at| run(&rows[at])), deadline).await?;
            for (at, answer) in unknown.into_iter().zip(again) {
                answers[at] = answer;
            }
        }
        Ok(answers)
    }

    /// One command for each list of arguments, all in one round trip.
    pub(super) async fn send(
        &self,
        name: &'static str,
        runs: impl ExactSizeIterator<Item = Vec<Value>>,
        deadline: Instant,
    ) -> Result<Vec<Answer>, StoreError> {
        let count = runs.len();
        let pipeline = self.client.pipeline();
        let queue = pipeline.with_options(self.client.options());
        for run in runs {
            queue.custom_raw(command(name), run).await.map_err(|error| self.explain(&error))?;
        }
        if count == 0 {
            return Ok(Vec::new());
        }
        let now = Instant::now();
        let number = self.owed.ask(now.into_std(), deadline.saturating_duration_since(now));
        let answers = tokio::time::timeout_at(deadline, queue.try_all::<Value>()).await.map_err(|_| {
            StoreError::new(
                StoreErrorKind::Timeout,
                format!("redis at {} did not answer in time; the rows may still be stored", self.server),
            )
        })?;
        self.owed.settle(number);
        match answers.iter().find_map(|answer| answer.as_ref().err()) {
            // The connection broke: one error stands for all rows.
            Some(error) if answers.len() != count => Err(self.explain(error)),
            None if answers.len() != count => Err(StoreError::new(
                StoreErrorKind::Unreachable,
                format!("redis at {} left rows unanswered", self.server),
            )),
            Some(_) | None => Ok(answers),
        }
    }

    /// What became of each row; an error when the server refused every one for a reason that is not the row's.
    pub(super) fn settle(&self, answers: Vec<Answer>) -> Result<Vec<Written>, StoreError> {
        let mut first_fault = None;
        let mut faults_only = true;
        let settled = answers
            .into_iter()
            .map(|answer| match answer {
                Ok(answer) => {
                    faults_only = false;
                    match answer.as_i64() {
                        Some(LEFT) => Ok(false),
                        Some(REPLACED | ADDED) => Ok(true),
                        Some(_) | None => Err(format!("the script answered {answer:?}; it should answer 0, 1 or 2")),
                    }
                }
                Err(error) if faults::is_wrong_type(&error) => {
                    faults_only = false;
                    Err("the key holds another type of Redis value; it should hold a string".to_owned())
                }
                Err(error) => {
                    let fault = self.explain(&error);
                    let why = fault.message.clone();
                    first_fault.get_or_insert(fault);
                    Err(why)
                }
            })
            .collect();
        match first_fault {
            Some(fault) if faults_only => Err(fault),
            Some(_) | None => Ok(settled),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_as_redis_writes_them() {
        assert_eq!(sha1_hex(b""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_eq!(sha1_hex(b"\xff\x00abc").len(), 40);
        assert_eq!(sha1_hex(b"abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    }
}
