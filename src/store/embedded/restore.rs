//! Puts a backup into an empty directory. The file is verified before anything is made of it, and the new store is read back and compared
//! with it to the bit. Until then the directory says that it is unfinished, and no gateway opens it.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;

use super::Options;
use super::backup::{BEGIN, CHECKSUM, Hashed, hexadecimal, write_content};
use super::directory::{Directory, fault};
use super::engine::{Engine, Sizes};
use super::watermark::Watermark;
use crate::store::{Backup, StoreError};

/// Bytes read at a time.
const BUFFER: usize = 1 << 20;

/// Makes the store of a backup in a directory that is empty or not there yet.
///
/// # Errors
/// When the file is no backup, is damaged or cut short; when the directory holds anything, or can't be written. A directory that was begun
/// is refused from then on until it is emptied.
pub fn restore(file: &Path, directory: &Path, options: Options) -> Result<Backup, StoreError> {
    let verified = Verified::open(file)?;
    let taken = Directory::take_empty(directory)?;
    let sizes = Sizes { cache_bytes: options.cache_bytes, write_buffer_bytes: options.write_buffer_bytes };
    let engine = Engine::open(taken, sizes)?;
    let failed = |what: &str| fault(directory, &format!("could not be restored: {what}"));
    let Content { rows, last_commit } = fill(&engine, &verified, options)?;
    engine.persist().map_err(|found| failed(&found.describe()))?;
    let (watermark, _) = Watermark::open(directory).map_err(|error| failed(&error.to_string()))?;
    watermark.set(last_commit).map_err(|error| failed(&error.to_string()))?;
    let mut hashed = BufWriter::new(Hashed::new(io::sink()));
    write_content(&engine, &mut hashed, directory, &AtomicBool::new(false))?;
    let hashed = hashed.into_inner().map_err(|error| failed(&error.to_string()))?;
    if hashed.checksum() != verified.checksum {
        return Err(failed("what was read back is not what the backup has"));
    }
    engine.directory().mark()?;
    engine.directory().finish_restore()?;
    let sha256 = hexadecimal(&verified.checksum);
    Ok(Backup { file: file.to_owned(), rows, bytes: verified.length, last_commit, sha256 })
}

/// A backup whose checksum is right.
struct Verified<'a> {
    path: &'a Path,
    file: File,
    /// Bytes of the whole file.
    length: u64,
    checksum: [u8; CHECKSUM],
}

impl<'a> Verified<'a> {
    fn open(path: &'a Path) -> Result<Self, StoreError> {
        let unreadable = |error: io::Error| fault(path, &format!("can't be read: {error}"));
        let mut file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        let mut begin = [0; BEGIN.len()];
        let begun = file.read_exact(&mut begin);
        let family = b"unskew backup, format ";
        if begun.is_err() || !begin.starts_with(family) {
            return Err(fault(path, "is no backup of an embedded store"));
        }
        if begin != *BEGIN {
            return Err(fault(path, "has a format that this version does not read: use the unskew that wrote it"));
        }
        let damaged =
            || fault(path, "is damaged or cut short: its checksum is not that of its content; use another backup");
        let rest = length.checked_sub((BEGIN.len() + CHECKSUM) as u64).ok_or_else(damaged)?;
        let mut hashed = Hashed::new(io::sink());
        let mut content = BufReader::with_capacity(BUFFER, &file).take(rest);
        hashed.write_all(&begin).and_then(|()| io::copy(&mut content, &mut hashed)).map_err(unreadable)?;
        let mut checksum = [0; CHECKSUM];
        content.into_inner().read_exact(&mut checksum).map_err(|_| damaged())?;
        if hashed.checksum() != checksum {
            return Err(damaged());
        }
        Ok(Self { path, file, length, checksum })
    }

    /// What comes after the beginning.
    fn rows(&self) -> io::Result<impl Read> {
        use std::io::{Seek, SeekFrom};
        (&self.file).seek(SeekFrom::Start(BEGIN.len() as u64))?;
        Ok(BufReader::with_capacity(BUFFER, &self.file))
    }
}

/// What the end of a backup tells.
struct Content {
    rows: u64,
    last_commit: u64,
}

/// Commits all rows, under the number of the last commit of the backup.
fn fill(engine: &Engine, verified: &Verified<'_>, options: Options) -> Result<Content, StoreError> {
    let unreadable = |error: io::Error| fault(verified.path, &format!("can't be read: {error}"));
    let content = end(verified).map_err(unreadable)?;
    let mut input = verified.rows().map_err(unreadable)?;
    let (mut batch, mut bytes) = (Vec::new(), 0);
    let mut rows = 0;
    loop {
        let row = row(&mut input).map_err(unreadable)?;
        let is_last = row.is_none();
        if let Some((key, value)) = row {
            bytes += key.len() + value.len();
            rows += 1;
            batch.push((key, value));
        }
        if batch.len() >= options.commit_max_rows || bytes >= options.commit_max_bytes || is_last && !batch.is_empty() {
            engine.commit(std::mem::take(&mut batch), content.last_commit).map_err(|found| {
                let directory = engine.directory().path();
                fault(directory, &format!("could not be restored: {}; empty it and restore again", found.describe()))
            })?;
            bytes = 0;
        }
        if is_last {
            break;
        }
    }
    if rows != content.rows {
        return Err(fault(verified.path, "is no sound backup: it has another number of rows than it says"));
    }
    Ok(content)
}

/// The next row; none at the end.
fn row(input: &mut impl Read) -> io::Result<Option<(Bytes, Bytes)>> {
    let key = number(input)?;
    if key == 0 {
        return Ok(None);
    }
    let value = number(input)?;
    Ok(Some((exactly(input, key)?, exactly(input, value)?)))
}

fn number(input: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    input.read_exact(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes))
}

/// So many bytes. Memory is taken as they come.
fn exactly(input: &mut impl Read, length: u32) -> io::Result<Bytes> {
    let mut bytes = Vec::new();
    let read = input.take(length.into()).read_to_end(&mut bytes)?;
    if read as u64 == u64::from(length) { Ok(bytes.into()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// The numbers before the checksum.
fn end(verified: &Verified<'_>) -> io::Result<Content> {
    use std::os::unix::fs::FileExt;
    let mut bytes = [0; 16];
    let at = verified.length.checked_sub((CHECKSUM + bytes.len()) as u64).ok_or(io::ErrorKind::UnexpectedEof)?;
    verified.file.read_exact_at(&mut bytes, at)?;
    let number = |bytes: &[u8]| bytes.try_into().map(u64::from_be_bytes).map_err(io::Error::other);
    Ok(Content { rows: number(&bytes[..8])?, last_commit: number(&bytes[8..])? })
}
