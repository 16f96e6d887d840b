//! Opens an embedded store, and refuses one that has lost acknowledged writes.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, RwLock};

use tokio::sync::{Semaphore, mpsc};

use super::current::{Current, Reopening};
use super::directory::{Directory, fault};
use super::engine::{Engine, Sizes};
use super::journals::Journals;
use super::manifest;
use super::watermark::Watermark;
use super::writer::{Limits, Writer};
use super::{Embedded, Options};
use crate::store::{StoreError, StoreErrorKind};

/// An engine, and what is known about its commits.
pub(super) struct Opened {
    /// The engine.
    pub engine: Engine,
    /// The file of the last acknowledged commit.
    pub watermark: Watermark,
    /// The number of the last commit in the engine.
    pub last: u64,
    /// The number of the last acknowledged commit; none when its file was new or torn.
    pub acknowledged: Option<u64>,
    /// What acknowledged writes are lost, if any are.
    pub lost: Option<String>,
}

impl Embedded {
    /// Opens the store in a directory, or makes one. Does not need a runtime; calls of the store do.
    ///
    /// # Errors
    /// When the directory can't be used, is not ours, is open in another process, is damaged, has lost acknowledged writes, or was
    /// written by a newer version. The message says which and what to do.
    pub fn open(directory: &Path, options: Options) -> Result<Self, StoreError> {
        let limits =
            Limits { rows: options.commit_max_rows.min(options.queue_rows).max(1), bytes: options.commit_max_bytes };
        let queue_rows = options.queue_rows.clamp(1, Semaphore::MAX_PERMITS);
        let sizes = Sizes { cache_bytes: options.cache_bytes, write_buffer_bytes: options.write_buffer_bytes };
        let Opened { engine, watermark, last, lost, .. } = open(directory, sizes, true)?;
        if let Some(lost) = lost {
            return Err(fault(
                directory,
                &format!(
                    "has lost acknowledged writes: {lost}; restore a copy of the directory, or accept the loss: \
                     `unskew-gateway check-store --accept-loss`"
                ),
            ));
        }
        watermark.set(last).map_err(|error| fault(directory, &format!("can't be written: {error}")))?;
        let current = Arc::new(Current::default());
        current.set(Arc::new(engine));
        let failed = Arc::new(AtomicBool::new(false));
        let (sender, queue) = mpsc::unbounded_channel();
        let writer = Writer {
            engine: Arc::clone(&current),
            reopening: Reopening::new(directory, sizes),
            watermark,
            last,
            limits,
            failed: Arc::clone(&failed),
        };
        let finished = writer.start(queue).map_err(|error| {
            StoreError::new(StoreErrorKind::Io, format!("the writer of the embedded store can't start: {error}"))
        })?;
        Ok(Self {
            engine: current,
            closed: AtomicBool::new(false),
            queue: RwLock::new(Some(sender)),
            finished: Mutex::new(Some(finished)),
            room: Arc::new(Semaphore::new(queue_rows)),
            queue_rows,
            limits,
            failed,
            backups: Arc::default(),
        })
    }
}

/// Opens the engine of a directory and finds out what it has lost.
pub(super) fn open(path: &Path, sizes: Sizes, create: bool) -> Result<Opened, StoreError> {
    let directory = Directory::take(path, create)?;
    let damage = manifest::damage(&directory.engine()).map_err(|error| unreadable(path, &error))?;
    if let Some(damage) = damage {
        return Err(fault(path, &format!("is damaged: {damage}; restore a copy of the directory")));
    }
    let journals = Journals::note(&directory.engine()).map_err(|error| unreadable(path, &error))?;
    let engine = Engine::open(directory, sizes)?;
    let directory = engine.directory();
    let cut = journals.cut().map_err(|error| unreadable(path, &error))?;
    if let Some(journal) = cut.first() {
        directory.set_lost(Some(&format!("the sealed journal {} was damaged", journal.display())))?;
    }
    directory.mark()?;
    let last = engine.last_commit()?;
    let (watermark, acknowledged) = Watermark::open(path).map_err(|error| unreadable(path, &error))?;
    let lost = match acknowledged {
        Some(acknowledged) if acknowledged > last => Some(format!(
            "its commits {} to {acknowledged} are gone, because its journal is damaged and ends before them",
            last + 1
        )),
        Some(_) | None => directory.lost(),
    };
    Ok(Opened { engine, watermark, last, acknowledged, lost })
}

fn unreadable(path: &Path, error: &std::io::Error) -> StoreError {
    fault(path, &format!("can't be read: {error}"))
}
