//! The one writer of an embedded store. It takes all that is queued, keeps the greatest row of each key, commits once with an fsync and
//! then answers everyone: many small writes share one wait for the disk.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc as sync_mpsc};
use std::thread;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::engine::Engine;
use super::watermark::Watermark;
use crate::store::order::{self, Times};
use crate::store::{Fetched, PutOutcome, PutRow, StoreError, StoreErrorKind};

/// Rows to commit together, and whom to tell.
pub(super) struct Job {
    /// At most as many rows and bytes as one commit takes.
    pub rows: Vec<PutRow>,
    /// Bytes of all keys and values.
    pub bytes: usize,
    /// Told once the rows are durable.
    pub reply: oneshot::Sender<Result<Vec<PutOutcome>, StoreError>>,
    /// Their room in the queue, given back when the job is done.
    pub room: OwnedSemaphorePermit,
}

/// How much one commit takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Rows in a commit.
    pub rows: usize,
    /// Bytes of keys and values in a commit.
    pub bytes: usize,
}

/// The writing half of a store, run by a thread of its own.
pub(super) struct Writer {
    /// What it writes to.
    pub engine: Arc<Engine>,
    /// Where it notes the last acknowledged commit.
    pub watermark: Watermark,
    /// The number of the last commit.
    pub last: u64,
    /// How much one commit takes.
    pub limits: Limits,
    /// Set once a commit has failed: the store no longer takes writes.
    pub failed: Arc<AtomicBool>,
}

impl Writer {
    /// Starts the thread. It ends when the queue is closed and empty, and then tells whether all is on disk.
    pub(super) fn start(
        self,
        queue: mpsc::UnboundedReceiver<Job>,
    ) -> std::io::Result<sync_mpsc::Receiver<Result<(), StoreError>>> {
        let (done, finished) = sync_mpsc::sync_channel(1);
        thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
            let result = self.run(queue);
            // Nobody listens when the store was dropped and not closed.
            let _ = done.send(result);
        })?;
        Ok(finished)
    }

    fn run(mut self, mut queue: mpsc::UnboundedReceiver<Job>) -> Result<(), StoreError> {
        let mut next = queue.blocking_recv();
        while let Some(first) = next.take() {
            let (mut rows, mut bytes) = (first.rows.len(), first.bytes);
            let mut group = vec![first];
            while let Ok(job) = queue.try_recv() {
                rows += job.rows.len();
                bytes += job.bytes;
                if rows > self.limits.rows || bytes > self.limits.bytes {
                    next = Some(job);
                    break;
                }
                group.push(job);
            }
            self.commit(group);
            if next.is_none() {
                next = queue.blocking_recv();
            }
        }
        self.engine.persist().map_err(|found| {
            StoreError::new(StoreErrorKind::Io, format!("the last writes may not be on disk: {}", found.describe()))
        })
    }

    fn commit(&mut self, group: Vec<Job>) {
        let result = self.store(&group);
        if let Err(error) = &result
            && !self.failed.swap(true, Ordering::Relaxed)
        {
            tracing::error!(%error, "embedded store can't write");
        }
        for job in group {
            let answer = match &result {
                Ok(unreadable) => Ok(job.rows.iter().map(|row| outcome(row, unreadable)).collect()),
                Err(error) => Err(error.clone()),
            };
            // The caller may have run out of time; its rows are stored all the same.
            let _ = job.reply.send(answer);
            drop(job.room);
        }
    }

    /// Stores what is greater than what is there. Gives the keys whose stored row could not be read, which are left alone.
    fn store(&mut self, group: &[Job]) -> Result<HashMap<Bytes, &'static str>, StoreError> {
        let mut unreadable = HashMap::new();
        let mut rows = Vec::new();
        let view = self.engine.view().map_err(|found| StoreError::new(StoreErrorKind::Io, found.describe()))?;
        for (key, row) in greatest(group) {
            match view.read(key) {
                Fetched::Missing => rows.push((key.clone(), row.value.clone())),
                Fetched::Value(stored) if order::replaces(Times::of(row), &row.value, &stored) => {
                    rows.push((key.clone(), row.value.clone()));
                }
                Fetched::Value(_) => {}
                Fetched::Damaged(why) => {
                    // Its times are lost with it, so it is older than any row: a new row repairs the key.
                    tracing::warn!(key = %key.escape_ascii(), why, "damaged row is replaced");
                    rows.push((key.clone(), row.value.clone()));
                }
                Fetched::Failed(why) => {
                    unreadable.insert(key.clone(), why);
                }
            }
        }
        drop(view);
        if rows.is_empty() {
            return Ok(unreadable);
        }
        let number = self.last + 1;
        self.engine
            .commit(rows, number)
            .map_err(|found| StoreError::new(StoreErrorKind::Io, format!("the commit failed: {}", found.describe())))?;
        self.last = number;
        self.watermark
            .set(number)
            .map_err(|error| StoreError::new(StoreErrorKind::Io, format!("the watermark can't be written: {error}")))?;
        Ok(unreadable)
    }
}

/// The greatest row of each key.
fn greatest(group: &[Job]) -> HashMap<&Bytes, &PutRow> {
    let mut best: HashMap<&Bytes, &PutRow> = HashMap::new();
    for row in group.iter().flat_map(|job| &job.rows) {
        best.entry(&row.key)
            .and_modify(|kept| {
                if (Times::of(row), &row.value) > (Times::of(kept), &kept.value) {
                    *kept = row;
                }
            })
            .or_insert(row);
    }
    best
}

fn outcome(row: &PutRow, unreadable: &HashMap<Bytes, &'static str>) -> PutOutcome {
    match unreadable.get(&row.key) {
        None => PutOutcome::Stored,
        Some(why) => PutOutcome::Failed(format!("the stored row could not be compared: {why}")),
    }
}
