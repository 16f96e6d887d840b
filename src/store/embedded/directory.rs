//! The directory of an embedded store: whose it is, which format it has, and that one process has it.
//!
//! ```text
//! unskew-store   says that the directory is ours, and the version of the format; written last when a store is made
//! lock           held by the process that has the store open
//! engine/        fjall's files
//! watermark      the number of the last acknowledged commit
//! lost-journal   there while the store is known to have lost acknowledged writes
//! unfinished     there while a backup is being restored
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::store::{StoreError, StoreErrorKind};

const MARKER: &str = "unskew-store";
const LOCK: &str = "lock";
const ENGINE: &str = "engine";
const LOST: &str = "lost-journal";
const UNFINISHED: &str = "unfinished";
const FORMAT: u32 = 1;
/// How long a lock is asked for. A process that has just closed the store may live on in it for a moment: one that starts a program
/// at that time shares its open files with it until the program is loaded.
const LOCK_PATIENCE: Duration = Duration::from_millis(300);
const LOCK_PAUSE: Duration = Duration::from_millis(10);
const OURS: &str = "unskew embedded store, format ";

/// A directory that this process has locked. The lock ends when it is dropped, or the process does.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    /// Takes the directory, and makes it when it is not there and `create` says so.
    pub(super) fn take(path: &Path, create: bool) -> Result<Self, StoreError> {
        let found = match fs::metadata(path) {
            Ok(found) if found.is_dir() => true,
            Ok(_) => return Err(fault(path, "is a file; the embedded store needs a directory")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(fault(path, &format!("can't be read: {error}"))),
        };
        if !found && !create {
            return Err(fault(path, "does not exist"));
        }
        if found {
            check_format(path, create)?;
        } else {
            fs::create_dir_all(path).map_err(|error| fault(path, &format!("can't be created: {error}")))?;
        }
        let lock = lock(path)?;
        let directory = Self { path: path.to_owned(), _lock: lock };
        directory.sweep()?;
        Ok(directory)
    }

    /// Takes a directory that is empty or not there yet, for a restore. It can't be taken again until the restore is finished.
    pub(super) fn take_empty(path: &Path) -> Result<Self, StoreError> {
        if let Some(entry) = fs::read_dir(path).ok().and_then(|mut entries| entries.next()) {
            let name = entry.map(|entry| entry.file_name()).unwrap_or_default();
            return Err(fault(path, &format!("is not empty, it holds {name:?}; name an empty or a new directory")));
        }
        let directory = Self::take(path, true)?;
        let begun = File::create(path.join(UNFINISHED)).and_then(|_| File::open(path)?.sync_all());
        begun.map_err(|error| fault(path, &format!("can't be written: {error}")))?;
        Ok(directory)
    }

    /// Says that all of a backup is there.
    pub(super) fn finish_restore(&self) -> Result<(), StoreError> {
        let finished = fs::remove_file(self.path.join(UNFINISHED)).and_then(|()| File::open(&self.path)?.sync_all());
        finished.map_err(|error| fault(&self.path, &format!("can't be written: {error}")))
    }

    /// The directory itself.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where fjall's files are.
    pub(super) fn engine(&self) -> PathBuf {
        self.path.join(ENGINE)
    }

    /// Says that the directory is a complete store of ours. Called once the engine has been made.
    pub(super) fn mark(&self) -> Result<(), StoreError> {
        let marker = self.path.join(MARKER);
        if marker.exists() {
            return Ok(());
        }
        let written = || -> io::Result<()> {
            let draft = self.path.join(format!("{MARKER}.new"));
            let mut file = File::create(&draft)?;
            writeln!(file, "{OURS}{FORMAT}")?;
            file.sync_all()?;
            fs::rename(draft, marker)?;
            File::open(&self.path)?.sync_all()
        };
        written().map_err(|error| fault(&self.path, &format!("can't be written: {error}")))
    }

    /// What is known to be lost, if anything is.
    pub(super) fn lost(&self) -> Option<String> {
        fs::read_to_string(self.path.join(LOST)).ok()
    }

    /// Remembers that acknowledged writes are lost, or that the loss is accepted.
    pub(super) fn set_lost(&self, what: Option<&str>) -> Result<(), StoreError> {
        let path = self.path.join(LOST);
        let result = match what {
            Some(what) => File::create(&path).and_then(|mut file| {
                file.write_all(what.as_bytes())?;
                file.sync_all()
            }),
            None => fs::remove_file(&path).or_else(|error| match error.kind() == io::ErrorKind::NotFound {
                true => Ok(()),
                false => Err(error),
            }),
        };
        result.map_err(|error| fault(&path, &format!("can't be written: {error}")))
    }

    /// Removes an engine whose making was cut short: it has no version file, which comes last, and no data, so nothing was ever
    /// acknowledged from it.
    fn sweep(&self) -> Result<(), StoreError> {
        let engine = self.engine();
        if !engine.exists() || engine.join("version").exists() {
            return Ok(());
        }
        let data = fs::read_dir(engine.join("keyspaces")).is_ok_and(|mut entries| entries.next().is_some());
        if data || self.path.join(MARKER).exists() {
            return Err(fault(&engine.join("version"), "is missing beside data; restore a copy of the directory"));
        }
        fs::remove_dir_all(&engine).map_err(|error| fault(&engine, &format!("can't be removed: {error}")))
    }
}

/// That the directory is empty, or a store of ours in a format that this version reads.
fn check_format(path: &Path, create: bool) -> Result<(), StoreError> {
    if path.join(UNFINISHED).exists() {
        return Err(fault(path, "holds a restore that was not finished; empty it and restore again"));
    }
    match fs::read_to_string(path.join(MARKER)) {
        Ok(text) => match text.trim_end().strip_prefix(OURS).and_then(|version| version.parse::<u32>().ok()) {
            Some(FORMAT) => Ok(()),
            Some(newer) if newer > FORMAT => Err(fault(
                path,
                &format!(
                    "has format {newer}, written by a newer unskew; this version reads format {FORMAT}: upgrade it"
                ),
            )),
            Some(_) | None => Err(fault(&path.join(MARKER), "is damaged: it should name the format of the store")),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let entries = fs::read_dir(path).map_err(|error| fault(path, &format!("can't be read: {error}")))?;
            let foreign = entries
                .flatten()
                .map(|entry| entry.file_name())
                .find(|name| ![LOCK, ENGINE, "watermark", "unskew-store.new"].iter().any(|ours| name == ours));
            match foreign {
                Some(name) => Err(fault(
                    path,
                    &format!("is not an embedded store of unskew: it holds {name:?}; name an empty or a new directory"),
                )),
                None if !create => Err(fault(path, "holds no embedded store")),
                None => Ok(()),
            }
        }
        Err(error) => Err(fault(&path.join(MARKER), &format!("can't be read: {error}"))),
    }
}

fn lock(directory: &Path) -> Result<File, StoreError> {
    let path = directory.join(LOCK);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|error| fault(&path, &format!("can't be opened: {error}")))?;
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::WouldBlock) => return Err(in_use(directory)),
            Err(TryLockError::Error(error)) => return Err(fault(&path, &format!("can't be locked: {error}"))),
        }
    }
}

/// The error for a directory that another process has.
pub(super) fn in_use(directory: &Path) -> StoreError {
    fault(directory, "is in use: another process has it open; one gateway at a time can use an embedded store")
}

/// An error that names a file or directory.
pub(super) fn fault(path: &Path, what: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Io, format!("{} {what}", path.display()))
}
