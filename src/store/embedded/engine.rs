//! fjall, held at arm's length: every call is guarded against a panic over damaged files, and every value has its checksum.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, Readable, Snapshot};

use super::checksum;
use super::directory::{Directory, fault, in_use};
use crate::store::{Fetched, StoreError, StoreErrorKind};

/// Key of the number of the last commit. No row has it: keys of rows are UTF-8.
pub(super) const COMMIT_KEY: &[u8] = b"\xffcommit";
/// Longest key that fjall takes, in bytes.
const MAX_KEY: usize = 65_535;
const KEYSPACE: &str = "rows";

/// Sizes of the engine's memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// Cache of blocks read from disk, in bytes.
    pub cache_bytes: u64,
    /// Rows kept in memory before they are written to a table, in bytes.
    pub write_buffer_bytes: u64,
}

/// An open database and the lock on its directory.
pub(super) struct Engine {
    /// None only while it is being dropped.
    parts: Option<Parts>,
    directory: Directory,
}

struct Parts {
    rows: Keyspace,
    database: Database,
}

/// A call of fjall that gave no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// fjall says why.
    Engine(fjall::Error),
    /// It panicked.
    Panic,
    /// The store is closed.
    Closed,
}

impl Engine {
    /// Opens or makes the database in a directory that this process has locked.
    pub(super) fn open(directory: Directory, sizes: Sizes) -> Result<Self, StoreError> {
        let path = directory.engine();
        let opened = guarded(|| {
            let database = Database::builder(&path).cache_size(sizes.cache_bytes).open()?;
            let rows = database
                .keyspace(KEYSPACE, || KeyspaceCreateOptions::default().max_memtable_size(sizes.write_buffer_bytes))?;
            Ok(Parts { rows, database })
        });
        match opened {
            Ok(parts) => Ok(Self { parts: Some(parts), directory }),
            Err(found) => Err(explain_open(directory.path(), &found)),
        }
    }

    /// The directory it lives in.
    pub(super) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The number of the last commit; 0 before the first.
    pub(super) fn last_commit(&self) -> Result<u64, StoreError> {
        self.view().ok().and_then(|view| view.last_commit()).ok_or_else(|| {
            fault(
                self.directory.path(),
                "is damaged: the number of its last commit can't be read; restore a copy of it",
            )
        })
    }

    /// The rows as they are now.
    pub(super) fn view(&self) -> Result<View<'_>, Fault> {
        let parts = self.parts.as_ref().ok_or(Fault::Closed)?;
        let snapshot = guarded(|| Ok(parts.database.snapshot()))?;
        Ok(View { rows: &parts.rows, snapshot })
    }

    /// Writes rows and the number of this commit, all or nothing, and waits until the disk has them.
    pub(super) fn commit(&self, rows: Vec<(Bytes, Bytes)>, number: u64) -> Result<(), Fault> {
        let parts = self.parts.as_ref().ok_or(Fault::Closed)?;
        guarded(|| {
            let mut batch = OwnedWriteBatch::with_capacity(parts.database.clone(), rows.len() + 1)
                .durability(Some(PersistMode::SyncData));
            for (key, value) in rows {
                let value = checksum::seal(&key, &value);
                batch.insert(&parts.rows, key, value);
            }
            batch.insert(&parts.rows, COMMIT_KEY, checksum::seal(COMMIT_KEY, &number.to_be_bytes()));
            batch.commit()
        })
    }

    /// Waits until the disk has all that was committed.
    pub(super) fn persist(&self) -> Result<(), Fault> {
        let parts = self.parts.as_ref().ok_or(Fault::Closed)?;
        guarded(|| parts.database.persist(PersistMode::SyncAll))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let parts = self.parts.take();
        // A panic while fjall stops must not become ours; what was acknowledged is on disk already.
        if catch_unwind(AssertUnwindSafe(|| drop(parts))).is_err() {
            tracing::warn!(directory = %self.directory.path().display(), "embedded store did not stop cleanly");
        }
    }
}

/// One consistent view of the rows.
pub(super) struct View<'a> {
    rows: &'a Keyspace,
    snapshot: Snapshot,
}

impl View<'_> {
    /// The row under this key.
    pub(super) fn read(&self, key: &[u8]) -> Fetched {
        if unusable_key(key).is_some() { Fetched::Missing } else { self.read_any(key) }
    }

    /// The number of the last commit; 0 before the first, none when it can't be read.
    pub(super) fn last_commit(&self) -> Option<u64> {
        match self.read_any(COMMIT_KEY) {
            Fetched::Missing => Some(0),
            Fetched::Value(number) => number[..].try_into().ok().map(u64::from_be_bytes),
            Fetched::Damaged(_) | Fetched::Failed(_) => None,
        }
    }

    fn read_any(&self, key: &[u8]) -> Fetched {
        match guarded(|| self.snapshot.get(self.rows, key)) {
            Ok(None) => Fetched::Missing,
            Ok(Some(sealed)) => match checksum::open(key, &sealed.into()) {
                Some(value) => Fetched::Value(value),
                None => Fetched::Damaged("checksum mismatch"),
            },
            Err(found) if found.is_disk() => Fetched::Failed("the disk could not be read"),
            Err(Fault::Engine(_) | Fault::Panic) => Fetched::Damaged("the block that holds it is damaged"),
            Err(Fault::Closed) => Fetched::Failed("the store is closed"),
        }
    }

    /// Every row in the order of the keys, as (key, value or what is wrong with it). An entry that can't be read at all is an error;
    /// there may be more after it.
    pub(super) fn all(&self) -> impl Iterator<Item = Result<(Bytes, Option<Bytes>), Fault>> {
        let mut rows = guarded(|| Ok(self.snapshot.iter(self.rows))).map_err(Some);
        std::iter::from_fn(move || {
            let rows = match &mut rows {
                Ok(rows) => rows,
                Err(found) => return found.take().map(Err),
            };
            loop {
                match guarded(|| rows.next().map(fjall::Guard::into_inner).transpose()) {
                    Ok(None) => return None,
                    Ok(Some((key, _))) if *key == *COMMIT_KEY => {}
                    Ok(Some((key, sealed))) => {
                        let value = checksum::open(&key, &sealed.into());
                        return Some(Ok((key.into(), value)));
                    }
                    Err(found) => return Some(Err(found)),
                }
            }
        })
    }
}

impl Fault {
    /// Whether the disk is at fault and not what is on it.
    fn is_disk(&self) -> bool {
        let error = match self {
            Self::Engine(fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error))) => error,
            Self::Engine(_) | Self::Panic | Self::Closed => return false,
        };
        !matches!(error.kind(), std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::InvalidData)
    }

    /// What happened, in words.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Engine(fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error))) => {
                error.to_string()
            }
            Self::Engine(fjall::Error::Poisoned) => "an earlier write failed".to_owned(),
            Self::Engine(error) => format!("{error:?}"),
            Self::Panic => "the storage engine panicked over its files".to_owned(),
            Self::Closed => "the store is closed".to_owned(),
        }
    }
}

/// Why a key can't be that of a row, if it can't.
pub(super) fn unusable_key(key: &[u8]) -> Option<&'static str> {
    if key.is_empty() {
        Some("the key is empty")
    } else if key.len() > MAX_KEY {
        Some("the key is longer than 65,535 bytes")
    } else if key == COMMIT_KEY {
        Some("the key is reserved")
    } else {
        None
    }
}

fn explain_open(directory: &Path, found: &Fault) -> StoreError {
    match found {
        Fault::Engine(fjall::Error::Locked) => in_use(directory),
        Fault::Engine(fjall::Error::Io(error)) if found.is_disk() => {
            fault(directory, &format!("can't be opened: {error}"))
        }
        Fault::Engine(fjall::Error::InvalidVersion(Some(version))) => fault(
            directory,
            &format!(
                "holds fjall files of format {version}; this version reads format 3: use the unskew that wrote it"
            ),
        ),
        Fault::Engine(fjall::Error::JournalRecovery(_)) => fault(
            directory,
            "is damaged: a commit in its journal fails its checksum; restore a copy of the directory, or go on without what is in the \
             journals: `unskew-gateway check-store --accept-loss`",
        ),
        Fault::Closed => StoreError::new(StoreErrorKind::Closed, "the store is closed"),
        Fault::Engine(_) | Fault::Panic => {
            fault(directory, &format!("is damaged ({}); restore a copy of the directory", found.describe()))
        }
    }
}

/// A call of fjall. Its mutexes are poisoned by a panic, so that later calls fail too instead of going on with broken state.
fn guarded<T>(call: impl FnOnce() -> fjall::Result<T>) -> Result<T, Fault> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(Fault::Engine(error)),
        Err(_) => Err(Fault::Panic),
    }
}
