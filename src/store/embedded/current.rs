//! The engine that is open now. After a failed write fjall takes no more of them; the writer then opens the engine again, as a restart would,
//! once the disk takes writes.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use super::directory::fault;
use super::engine::{Engine, Sizes};
use super::open::{Opened, open};
use crate::store::StoreError;

/// Written and synced, to see whether the disk takes writes.
const PROBE: &str = "probe";
const PROBE_BYTES: usize = 1 << 20;
/// The pause between two attempts, the first time; each one that was of no use doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long readers of the engine that failed are waited for. A backup may take longer: the next attempt comes.
const READERS: Duration = Duration::from_millis(500);

/// The engine, shared by the readers and the writer; none while it is opened again, and once the store is closed.
#[derive(Default)]
pub(super) struct Current(RwLock<Option<Arc<Engine>>>);

impl Current {
    /// The engine, if there is one.
    pub(super) fn get(&self) -> Option<Arc<Engine>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the engine out.
    pub(super) fn take(&self) -> Option<Arc<Engine>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Puts an engine in.
    pub(super) fn set(&self, engine: Arc<Engine>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(engine);
    }
}

/// Opens the engine again after a failed write.
pub(super) struct Reopening {
    directory: PathBuf,
    sizes: Sizes,
    pause: Duration,
    next: Instant,
}

impl Reopening {
    /// For the store in a directory.
    pub(super) fn new(directory: &Path, sizes: Sizes) -> Self {
        Self { directory: directory.to_owned(), sizes, pause: FIRST_PAUSE, next: Instant::now() }
    }

    /// A commit went well: the next failure is the first of its kind.
    pub(super) fn calm(&mut self) {
        self.pause = FIRST_PAUSE;
    }

    /// Makes an attempt if it is time for one. Gives what is open now; none if it is not yet time.
    ///
    /// # Errors
    /// When the disk still takes no writes, or the store can't be opened.
    pub(super) fn attempt(&mut self, current: &Current) -> Result<Option<Opened>, StoreError> {
        if Instant::now() < self.next {
            return Ok(None);
        }
        self.next = Instant::now() + self.pause;
        self.probe().map_err(|error| fault(&self.directory, &format!("takes no writes: {error}")))?;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        if let Some(engine) = current.take() {
            let patience = Instant::now() + READERS;
            while Arc::strong_count(&engine) > 1 {
                if Instant::now() > patience {
                    current.set(engine);
                    return Err(fault(&self.directory, "is still being read; it is opened again after that"));
                }
                thread::sleep(Duration::from_millis(1));
            }
        }
        let opened = open(&self.directory, self.sizes, false)?;
        match &opened.lost {
            Some(lost) => Err(fault(&self.directory, &format!("has lost acknowledged writes: {lost}"))),
            None => Ok(Some(opened)),
        }
    }

    /// Whether the disk takes writes. What fails while it is full costs nothing else.
    fn probe(&self) -> io::Result<()> {
        let path = self.directory.join(PROBE);
        let written = File::create(&path).and_then(|mut file| {
            file.write_all(&vec![1; PROBE_BYTES])?;
            file.sync_all()
        });
        let removed = fs::remove_file(&path);
        written.and(removed)
    }
}
