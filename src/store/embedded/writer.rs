//! The one writer of an embedded store. It takes all that is queued, works out what each key is left with, commits once with an fsync and
//! then answers everyone: many small writes share one wait for the disk.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc as sync_mpsc};
use std::thread;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::current::{Current, Reopening};
use super::engine::Engine;
use super::open::Opened;
use super::slot::{Slot, Write};
use super::watermark::Watermark;
use crate::store::{StoreError, StoreErrorKind, Written};

/// Rows to commit together, and whom to tell.
pub(super) struct Job {
    /// At most as many rows and bytes as one commit takes.
    pub rows: Vec<Write>,
    /// Bytes of all keys and new values.
    pub bytes: usize,
    /// Told once the rows are durable.
    pub reply: oneshot::Sender<Result<Vec<Written>, StoreError>>,
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
    pub engine: Arc<Current>,
    /// How the engine comes back after a failed commit.
    pub reopening: Reopening,
    /// Where it notes the last acknowledged commit.
    pub watermark: Watermark,
    /// The number of the last commit.
    pub last: u64,
    /// How much one commit takes.
    pub limits: Limits,
    /// Set while the store takes no writes, because a commit has failed.
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
        self.engine()?.persist().map_err(|found| {
            StoreError::new(StoreErrorKind::Io, format!("the last writes may not be on disk: {}", found.describe()))
        })
    }

    fn engine(&self) -> Result<Arc<Engine>, StoreError> {
        self.engine.get().ok_or_else(refused)
    }

    /// After a failed commit: opens the engine again, when it is time to try.
    fn recover(&mut self) -> Result<(), StoreError> {
        if !self.failed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let Some(Opened { engine, watermark, last, .. }) = self.reopening.attempt(&self.engine)? else {
            return Err(refused());
        };
        (self.watermark, self.last) = (watermark, last);
        self.engine.set(Arc::new(engine));
        self.note(last)?;
        self.failed.store(false, Ordering::Relaxed);
        tracing::info!("embedded store takes writes again");
        Ok(())
    }

    /// Notes the last acknowledged commit.
    fn note(&self, number: u64) -> Result<(), StoreError> {
        self.watermark
            .set(number)
            .map_err(|error| StoreError::new(StoreErrorKind::Io, format!("the watermark can't be written: {error}")))
    }

    fn commit(&mut self, group: Vec<Job>) {
        let result = self.recover().and_then(|()| self.store(&group));
        if let Err(error) = &result
            && !self.failed.swap(true, Ordering::Relaxed)
        {
            tracing::error!(%error, "embedded store can't write");
        }
        let mut settled = result.map(Vec::into_iter);
        for job in group {
            let answer = match &mut settled {
                Ok(settled) => Ok(settled.by_ref().take(job.rows.len()).collect()),
                Err(error) => Err(error.clone()),
            };
            // The caller may have run out of time; its rows are stored all the same.
            let _ = job.reply.send(answer);
            drop(job.room);
        }
    }

    /// Stores what the group leaves under each key. Gives what became of each row, in the order of the jobs.
    fn store(&mut self, group: &[Job]) -> Result<Vec<Written>, StoreError> {
        let engine = self.engine()?;
        let view = engine.view().map_err(|found| StoreError::new(StoreErrorKind::Io, found.describe()))?;
        let mut slots: HashMap<&Bytes, Slot<'_>> = HashMap::new();
        let rows = group.iter().flat_map(|job| &job.rows);
        let settled = rows
            .map(|row| slots.entry(row.key()).or_insert_with_key(|key| Slot::new(view.read(key))).apply(row))
            .collect();
        drop(view);
        let rows: Vec<_> =
            slots.into_iter().filter_map(|(key, slot)| Some((key.clone(), slot.written()?.clone()))).collect();
        if rows.is_empty() {
            return Ok(settled);
        }
        let number = self.last + 1;
        engine
            .commit(rows, number)
            .map_err(|found| StoreError::new(StoreErrorKind::Io, format!("the commit failed: {}", found.describe())))?;
        self.last = number;
        self.note(number)?;
        self.reopening.calm();
        Ok(settled)
    }
}

fn refused() -> StoreError {
    StoreError::new(StoreErrorKind::Io, "an earlier write failed; writes are refused until the disk takes them again")
}
