//! Compares fjall's lists of tables with their checksums.
//!
//! Each keyspace has a file `v<number>` that lists its tables in their order, and a file `current` with the number of the newest list and its
//! checksum, which fjall 3.1 writes and does not compare. Over a damaged list it may give older values, lose tables, delete a keyspace
//! that its own list no longer has, or panic where no panic can be caught. So the lists are compared before fjall opens them.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_128;

const CURRENT: &str = "current";
/// The keyspace in which fjall lists the others.
const OF_KEYSPACES: &str = "0";
/// The only kind of checksum there is.
const XXH3: u8 = 0;

/// What is damaged of the lists of an engine that nobody has open, and how; none: they are as they were written.
pub(super) fn damage(engine: &Path) -> io::Result<Option<String>> {
    let keyspaces = match fs::read_dir(engine.join("keyspaces")) {
        Ok(keyspaces) => keyspaces,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut paths = Vec::new();
    for entry in keyspaces {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            paths.push(entry.path());
        }
    }
    for path in &paths {
        let is_used = path.ends_with(OF_KEYSPACES) && paths.len() > 1;
        let how = match path.file_name().and_then(OsStr::to_str).map(str::parse::<u64>) {
            Some(Ok(_)) => of_keyspace(path, is_used)?,
            Some(Err(_)) | None => Some("is no directory of the store"),
        };
        if let Some(how) = how {
            return Ok(Some(format!("{} {how}", path.display())));
        }
    }
    Ok(None)
}

/// How the list of one keyspace is damaged, if it is. One that was not finished when the process ended has no list yet, and no tables.
fn of_keyspace(path: &Path, is_used: bool) -> io::Result<Option<&'static str>> {
    let current = match fs::read(path.join(CURRENT)) {
        Ok(current) => current,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let is_lost = is_used || has_tables(path)?;
            return Ok(is_lost.then_some("has lost its file `current`, which names the list of its tables"));
        }
        Err(error) => return Err(error),
    };
    let Some((number, [sum @ .., XXH3])) = current.split_first_chunk::<8>() else {
        return Ok(Some("has a damaged file `current`, which names the list of its tables"));
    };
    let list = path.join(format!("v{}", u64::from_le_bytes(*number)));
    let list = match fs::read(list) {
        Ok(list) => list,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Some("lacks the list of its tables that its file `current` names"));
        }
        Err(error) => return Err(error),
    };
    Ok((xxh3_128(&list).to_le_bytes() != sum).then_some("has a list of tables that fails its checksum"))
}

fn has_tables(path: &Path) -> io::Result<bool> {
    match fs::read_dir(path.join("tables")) {
        Ok(mut tables) => Ok(tables.next().is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
