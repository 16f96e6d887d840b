//! The embedded store: a directory of this process, on fjall.
//!
//! Reads go straight to fjall, in one snapshot a call. Writes go through a bounded queue to one writer thread that commits in groups,
//! with an fsync before the acknowledgement. What a client was told is stored survives the end of the process at any moment.

mod backup;
mod check;
mod checksum;
mod current;
mod directory;
mod engine;
mod journals;
mod manifest;
mod open;
mod restore;
mod slot;
mod watermark;
mod writer;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, mpsc as sync_mpsc};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use self::backup::Backups;
use self::current::Current;
use self::engine::{Engine, unusable_key};
use self::slot::Write;
use self::writer::{Job, Limits};
use super::{
    Backup, Fetched, OnlineStore, PutOutcome, PutRow, StoreError, StoreErrorKind, StoreFuture, StoreGauges,
    SwapOutcome, SwapRow, Written,
};

pub use self::backup::backup;
pub use self::check::{Report, accept_loss, check};
pub use self::restore::restore;

/// Reads of fewer keys than this are done on the spot: handing them to another thread costs more than they do.
const INLINE_KEYS: usize = 32;
/// How long closing waits for the last commits, and then for the last readers.
const CLOSE_LIMIT: Duration = Duration::from_secs(30);

/// How to run an embedded store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Cache of blocks read from disk, in bytes.
    pub cache_bytes: u64,
    /// Rows kept in memory before they are written to a table, in bytes. Taken when the directory is made.
    pub write_buffer_bytes: u64,
    /// Rows in one commit, at most.
    pub commit_max_rows: usize,
    /// Bytes of keys and values in one commit, at most. A larger row is committed alone.
    pub commit_max_bytes: usize,
    /// Rows that may wait to be committed; more wait outside the queue until their time is over.
    pub queue_rows: usize,
}

/// An open embedded store.
pub struct Embedded {
    engine: Arc<Current>,
    /// Whether it is closed, or being closed.
    closed: AtomicBool,
    /// The way to the writer; none once it is closed.
    queue: RwLock<Option<mpsc::UnboundedSender<Job>>>,
    /// Tells that the writer has finished, once.
    finished: Mutex<Option<sync_mpsc::Receiver<Result<(), StoreError>>>>,
    /// Room in the queue, in rows.
    room: Arc<Semaphore>,
    queue_rows: usize,
    limits: Limits,
    /// Whether a commit has failed, and none went well since.
    failed: Arc<AtomicBool>,
    backups: Arc<Backups>,
}

type Answer = oneshot::Receiver<Result<Vec<Written>, StoreError>>;

impl Embedded {
    fn engine(&self) -> Result<Arc<Engine>, StoreError> {
        self.engine.get().ok_or_else(|| match self.closed.load(Ordering::Relaxed) {
            true => closed(),
            false => StoreError::new(StoreErrorKind::Io, "the store is being opened again after a failed write"),
        })
    }

    /// Queues the rows in parts that each fit one commit, as long as there is room before the deadline.
    async fn enqueue(
        &self,
        rows: Vec<Write>,
        deadline: Instant,
    ) -> Result<Vec<(usize, Result<Answer, StoreError>)>, StoreError> {
        let mut answers = Vec::new();
        let mut refused: Option<StoreError> = None;
        for part in parts(rows, self.limits) {
            let length = part.len();
            let answer = match &refused {
                Some(error) => Err(error.clone()),
                None => self.enqueue_part(part, deadline).await,
            };
            if let Err(error) = &answer {
                refused = Some(error.clone());
            }
            answers.push((length, answer));
        }
        match refused {
            Some(error) if answers.iter().all(|(_, answer)| answer.is_err()) => Err(error),
            Some(_) | None => Ok(answers),
        }
    }

    async fn enqueue_part(&self, rows: Vec<Write>, deadline: Instant) -> Result<Answer, StoreError> {
        let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let room = timeout_at(deadline, Arc::clone(&self.room).acquire_many_owned(count))
            .await
            .map_err(|_| StoreError::new(StoreErrorKind::Busy, "its queue of writes stayed full"))?
            .map_err(|_| closed())?;
        let bytes = rows.iter().map(Write::size).sum();
        let (reply, answer) = oneshot::channel();
        let queue = self.queue.read().unwrap_or_else(PoisonError::into_inner);
        queue.as_ref().ok_or_else(closed)?.send(Job { rows, bytes, reply, room }).map_err(|_| writer_gone())?;
        Ok(answer)
    }

    /// Has the rows committed. Gives what became of each.
    async fn store(
        &self,
        rows: impl ExactSizeIterator<Item = Write>,
        budget: Duration,
    ) -> Result<Vec<Written>, StoreError> {
        if budget.is_zero() {
            return Err(StoreError::new(StoreErrorKind::Timeout, "no time was left for the write"));
        }
        let deadline = Instant::now() + budget;
        let (mut outcomes, mut usable) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
        for row in rows {
            let refused = unusable_key(row.key()).map(|why| Err(why.to_owned()));
            if refused.is_none() {
                usable.push(row);
            }
            outcomes.push(refused);
        }
        let mut stored = Vec::with_capacity(usable.len());
        if !usable.is_empty() {
            let (mut any, mut first_error) = (false, None);
            for (length, answer) in self.enqueue(usable, deadline).await? {
                let answer = match answer {
                    Ok(answer) => settled(answer, deadline).await,
                    Err(error) => Err(error),
                };
                match answer {
                    Ok(part) => {
                        any = true;
                        stored.extend(part);
                    }
                    Err(error) => {
                        stored.extend(std::iter::repeat_n(Err(error.message.clone()), length));
                        first_error.get_or_insert(error);
                    }
                }
            }
            if let Some(error) = first_error.filter(|_| !any) {
                return Err(error);
            }
        }
        let mut stored = stored.into_iter();
        for outcome in &mut outcomes {
            if outcome.is_none() {
                *outcome = stored.next();
            }
        }
        Ok(outcomes.into_iter().flatten().collect())
    }

    /// Has the writer look whether it can write again, while nobody else asks it to.
    fn prod(&self) {
        let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(0) else { return };
        let (reply, _) = oneshot::channel();
        if let Some(queue) = self.queue.read().unwrap_or_else(PoisonError::into_inner).as_ref() {
            // Without the writer nothing is to be prodded.
            drop(queue.send(Job { rows: Vec::new(), bytes: 0, reply, room }));
        }
    }

    /// Closes the queue; the writer ends once it is empty. Gives what tells that it has, the first time.
    fn stop_writer(&self) -> Option<sync_mpsc::Receiver<Result<(), StoreError>>> {
        self.closed.store(true, Ordering::Relaxed);
        self.backups.stop();
        self.room.close();
        drop(self.queue.write().unwrap_or_else(PoisonError::into_inner).take());
        self.finished.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl OnlineStore for Embedded {
    fn fetch(&self, keys: Vec<Bytes>, budget: Duration) -> StoreFuture<'_, Vec<Fetched>> {
        Box::pin(async move {
            let engine = self.engine()?;
            if budget.is_zero() {
                return Err(timed_out());
            }
            if keys.len() < INLINE_KEYS {
                return read_all(&engine, &keys);
            }
            let task = tokio::task::spawn_blocking(move || read_all(&engine, &keys));
            match tokio::time::timeout(budget, task).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) => Err(StoreError::new(StoreErrorKind::Closed, "the gateway is stopping")),
                Err(_) => Err(timed_out()),
            }
        })
    }

    fn put(&self, rows: Vec<PutRow>, budget: Duration) -> StoreFuture<'_, Vec<PutOutcome>> {
        Box::pin(async move {
            let written = self.store(rows.into_iter().map(Write::Keep), budget).await?;
            Ok(written.into_iter().map(PutOutcome::of).collect())
        })
    }

    fn swap(&self, rows: Vec<SwapRow>, budget: Duration) -> StoreFuture<'_, Vec<SwapOutcome>> {
        Box::pin(async move {
            let written = self.store(rows.into_iter().map(Write::Swap), budget).await?;
            Ok(written.into_iter().map(SwapOutcome::of).collect())
        })
    }

    fn ping(&self, _budget: Duration) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            if self.failed.load(Ordering::Relaxed) {
                self.prod();
                let message = "a commit failed; writes are refused until the disk takes them again";
                return Err(StoreError::new(StoreErrorKind::Io, message));
            }
            self.engine()?.last_commit().map(|_| ())
        })
    }

    fn close(&self) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let Some(finished) = self.stop_writer() else {
                return Ok(());
            };
            let written = tokio::task::spawn_blocking(move || finished.recv_timeout(CLOSE_LIMIT)).await;
            let engine = self.engine.take();
            // The lock on the directory ends with the last reader.
            if let Some(engine) = engine {
                let deadline = Instant::now() + CLOSE_LIMIT;
                while Arc::strong_count(&engine) > 1 && Instant::now() < deadline {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                // Stopping fjall waits for its threads.
                let _ = tokio::task::spawn_blocking(move || drop(engine)).await;
            }
            match written {
                Ok(Ok(result)) => result,
                Ok(Err(_)) | Err(_) => {
                    Err(StoreError::new(StoreErrorKind::Timeout, "the last writes were not finished in time"))
                }
            }
        })
    }

    fn backup(&self, into: PathBuf) -> StoreFuture<'_, Backup> {
        Box::pin(async move {
            let (engine, backups) = (self.engine()?, Arc::clone(&self.backups));
            let task = tokio::task::spawn_blocking(move || backups.write(&engine, &into));
            task.await.unwrap_or_else(|_| Err(StoreError::new(StoreErrorKind::Closed, "the gateway is stopping")))
        })
    }

    fn gauges(&self) -> StoreGauges {
        let queued = self.queue_rows.saturating_sub(self.room.available_permits());
        StoreGauges { connections: 0, connections_up: 0, queued, queue_limit: self.queue_rows }
    }

    fn name(&self) -> &'static str {
        "embedded"
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        // Without this the writer would hold the lock for a moment longer than the store lives.
        if let Some(finished) = self.stop_writer()
            && finished.recv_timeout(CLOSE_LIMIT).is_err()
        {
            tracing::warn!("embedded store was dropped with writes unfinished");
        }
    }
}

/// The rows in parts that each fit one commit.
fn parts(rows: Vec<Write>, limits: Limits) -> Vec<Vec<Write>> {
    let mut parts = Vec::new();
    let (mut part, mut bytes) = (Vec::new(), 0);
    for row in rows {
        let size = row.size();
        if !part.is_empty() && (part.len() == limits.rows || bytes + size > limits.bytes) {
            parts.push(std::mem::take(&mut part));
            bytes = 0;
        }
        bytes += size;
        part.push(row);
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}

fn read_all(engine: &Engine, keys: &[Bytes]) -> Result<Vec<Fetched>, StoreError> {
    let view = engine.view().map_err(|found| StoreError::new(StoreErrorKind::Io, found.describe()))?;
    let values: Vec<_> = keys.iter().map(|key| view.read(key)).collect();
    match values.first() {
        Some(&Fetched::Failed(why)) if values.iter().all(|value| matches!(value, Fetched::Failed(_))) => {
            Err(StoreError::new(StoreErrorKind::Io, why))
        }
        Some(_) | None => Ok(values),
    }
}

async fn settled(answer: Answer, deadline: Instant) -> Result<Vec<Written>, StoreError> {
    match timeout_at(deadline, answer).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(writer_gone()),
        Err(_) => {
            Err(StoreError::new(StoreErrorKind::Timeout, "the commit took too long; the rows may still be stored"))
        }
    }
}

fn closed() -> StoreError {
    StoreError::new(StoreErrorKind::Closed, "the store is closed")
}

fn timed_out() -> StoreError {
    StoreError::new(StoreErrorKind::Timeout, "the read took too long")
}

fn writer_gone() -> StoreError {
    StoreError::new(StoreErrorKind::Io, "the writer of the embedded store has stopped; restart the gateway")
}
