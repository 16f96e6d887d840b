//! A backup of an embedded store: one file with all that the store holds at one moment, and a checksum over all of it.
//!
//! ```text
//! begin    "unskew backup, format 1\n"
//! rows     length of the key u32, length of the value u32, key, value; in the order of the keys
//! end      u32 of 0, number of rows u64, number of the last commit u64
//! SHA-256  of all bytes before
//! ```
//!
//! Numbers are big-endian. The file gets its name once it is whole and on disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, TryLockError};

use sha2::{Digest, Sha256};

use super::check::SIZES;
use super::directory::fault;
use super::engine::Engine;
use super::open::{Opened, open};
use crate::clock;
use crate::store::{Backup, StoreError, StoreErrorKind};

/// What every backup begins with.
pub(super) const BEGIN: &[u8; 24] = b"unskew backup, format 1\n";
/// Bytes of the checksum at the end.
pub(super) const CHECKSUM: usize = 32;
/// Bytes gathered before they are written.
const BUFFER: usize = 1 << 20;

/// Writes a backup of a store that no process has open to a new file in a directory.
///
/// # Errors
/// When the store can't be opened or read to its end, has lost or damaged values, or the file can't be written. Then there is no file.
pub fn backup(store: &Path, into: &Path) -> Result<Backup, StoreError> {
    let Opened { engine, lost, .. } = open(store, SIZES, false)?;
    if let Some(lost) = lost {
        return Err(fault(store, &format!("has lost acknowledged writes: {lost}; a backup would hide that")));
    }
    write(&engine, into, &AtomicBool::new(false))
}

/// The backups of an open store: one at a time, none while it closes.
#[derive(Debug, Default)]
pub(super) struct Backups {
    one: Mutex<()>,
    stopped: AtomicBool,
}

impl Backups {
    /// Gives up the one that is being written, if there is one.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Writes one; what became of it is in the log, for its caller may have gone.
    pub(super) fn write(&self, engine: &Engine, into: &Path) -> Result<Backup, StoreError> {
        let _one = match self.one.try_lock() {
            Ok(one) => one,
            Err(TryLockError::Poisoned(one)) => one.into_inner(),
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::new(StoreErrorKind::Busy, "another backup is being written; wait for its end"));
            }
        };
        let written = write(engine, into, &self.stopped);
        match &written {
            Ok(Backup { file, rows, bytes, .. }) => {
                tracing::info!(file = %file.display(), rows, bytes, "backup is written");
            }
            Err(error) => tracing::error!(cause = %error.message, "backup is not written"),
        }
        written
    }
}

fn write(engine: &Engine, into: &Path, stop: &AtomicBool) -> Result<Backup, StoreError> {
    match fs::metadata(into) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Err(fault(into, "is a file; backups need a directory")),
        // It is not made: it may be the place of a disk that is not mounted.
        Err(error) => return Err(fault(into, &format!("can't be used for backups: {error}"))),
    }
    let name = format!("unskew-{}.backup", stamp());
    let (file, draft) = (into.join(&name), into.join(format!("{name}.part")));
    let written = write_file(engine, &draft, stop).and_then(|content| {
        let named = fs::rename(&draft, &file).and_then(|()| File::open(into)?.sync_all());
        named.map_err(|error| unwritable(&file, &error))?;
        Ok(Backup { file, ..content })
    });
    if written.is_err() {
        // What is wrong is told already.
        drop(fs::remove_file(&draft));
    }
    written
}

/// The time now in the name of a file, so that names sort as their times.
fn stamp() -> String {
    let time = jiff::Timestamp::from_microsecond(clock::now()).unwrap_or_default();
    time.strftime("%Y%m%dT%H%M%S.%6fZ").to_string()
}

fn write_file(engine: &Engine, path: &Path, stop: &AtomicBool) -> Result<Backup, StoreError> {
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut out = BufWriter::with_capacity(BUFFER, Hashed::new(created.map_err(|error| unwritable(path, &error))?));
    let (rows, last_commit) = write_content(engine, &mut out, path, stop)?;
    let finish = || -> io::Result<Backup> {
        let Hashed { mut out, hash, length } = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        let checksum = hash.finalize();
        out.write_all(&checksum)?;
        out.sync_all()?;
        let bytes = length + checksum.len() as u64;
        Ok(Backup { file: path.to_owned(), rows, bytes, last_commit, sha256: hexadecimal(&checksum) })
    };
    finish().map_err(|error| unwritable(path, &error))
}

/// Writes all but the checksum. Gives how many rows there were, and the number of the last commit.
pub(super) fn write_content(
    engine: &Engine,
    out: &mut impl Write,
    place: &Path,
    stop: &AtomicBool,
) -> Result<(u64, u64), StoreError> {
    let unwritable = |error: io::Error| unwritable(place, &error);
    let incomplete = |what: String| {
        let store = engine.directory().path();
        fault(store, &format!("{what}; a backup would lack it: `unskew-gateway check-store` tells all that is damaged"))
    };
    let view = engine.view().map_err(|found| incomplete(format!("can't be read: {}", found.describe())))?;
    let last_commit = view
        .last_commit()
        .ok_or_else(|| incomplete("is damaged: the number of its last commit can't be read".into()))?;
    out.write_all(BEGIN).map_err(unwritable)?;
    let mut rows = 0_u64;
    for entry in view.all() {
        if stop.load(Ordering::Relaxed) {
            return Err(StoreError::new(StoreErrorKind::Closed, "the gateway is stopping; the backup was given up"));
        }
        let (key, value) =
            entry.map_err(|found| incomplete(format!("has a block that can't be read: {}", found.describe())))?;
        let value = value.ok_or_else(|| incomplete(format!("has a damaged value under {}", key.escape_ascii())))?;
        let mut row = || -> io::Result<()> {
            for part in [&key, &value] {
                out.write_all(&u32::try_from(part.len()).map_err(io::Error::other)?.to_be_bytes())?;
            }
            out.write_all(&key)?;
            out.write_all(&value)
        };
        row().map_err(unwritable)?;
        rows += 1;
    }
    let mut end = || -> io::Result<()> {
        out.write_all(&0_u32.to_be_bytes())?;
        out.write_all(&rows.to_be_bytes())?;
        out.write_all(&last_commit.to_be_bytes())
    };
    end().map_err(unwritable)?;
    Ok((rows, last_commit))
}

fn unwritable(path: &Path, error: &io::Error) -> StoreError {
    fault(path, &format!("can't be written: {error}"))
}

/// Lower-case hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hashes and counts what passes through.
pub(super) struct Hashed<W> {
    out: W,
    hash: Sha256,
    length: u64,
}

impl<W> Hashed<W> {
    /// Nothing has passed yet.
    pub(super) fn new(out: W) -> Self {
        Self { out, hash: Sha256::new(), length: 0 }
    }

    /// The SHA-256 of all that has passed.
    pub(super) fn checksum(self) -> [u8; CHECKSUM] {
        self.hash.finalize().into()
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
