//! Finds out whether fjall cut a sealed journal.
//!
//! At the first entry that it can't read, fjall ends a journal: it cuts the rest of the file off and goes on with the next journal. A cut
//! at the end of the newest journal is a write that a crash interrupted; commits lost there are found by their numbers. A cut in an
//! older, sealed journal leaves a gap in the middle, which the number of the last commit can't show. So the end of the data of each
//! sealed journal is noted before fjall opens it, and compared after.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A sealed journal as it was before fjall opened the store. The open handle outlives the removal of the file.
struct Sealed {
    path: PathBuf,
    file: File,
    /// Length up to the last byte that is not zero; journals are created longer than their data.
    data: u64,
}

/// The sealed journals of a store.
pub(super) struct Journals(Vec<Sealed>);

impl Journals {
    /// Notes where the data of each sealed journal ends.
    pub(super) fn note(engine: &Path) -> io::Result<Self> {
        let mut paths = of(engine)?;
        // The newest is the active one.
        paths.pop();
        let sealed = paths.into_iter().map(|path| {
            let file = File::open(&path)?;
            let data = end_of_data(&file)?;
            Ok(Sealed { path, file, data })
        });
        sealed.collect::<io::Result<_>>().map(Self)
    }

    /// The journals that have become shorter than their data.
    pub(super) fn cut(&self) -> io::Result<Vec<PathBuf>> {
        let mut cut = Vec::new();
        for journal in &self.0 {
            if journal.file.metadata()?.len() < journal.data {
                cut.push(journal.path.clone());
            }
        }
        Ok(cut)
    }
}

/// Moves all journals aside, so that the store opens without them. Gives the directory that has them now.
pub(super) fn set_aside(engine: &Path) -> io::Result<PathBuf> {
    let mut number = 1;
    let aside = loop {
        let path = engine.with_file_name(format!("journals-set-aside-{number}"));
        match fs::create_dir(&path) {
            Ok(()) => break path,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    };
    for path in of(engine)? {
        if let Some(name) = path.file_name() {
            fs::rename(&path, aside.join(name))?;
        }
    }
    Ok(aside)
}

/// Undoes [`set_aside`], in place of journals that were made since.
pub(super) fn put_back(engine: &Path, aside: &Path) -> io::Result<()> {
    for path in of(engine)? {
        fs::remove_file(path)?;
    }
    for path in of(aside)? {
        if let Some(name) = path.file_name() {
            fs::rename(&path, engine.join(name))?;
        }
    }
    fs::remove_dir(aside)
}

/// The journals of a store, oldest first.
fn of(engine: &Path) -> io::Result<Vec<PathBuf>> {
    let mut numbered = Vec::new();
    let entries = match fs::read_dir(engine) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        let number = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".jnl"));
        if let Some(number) = number.and_then(|number| number.parse::<u64>().ok()) {
            numbered.push((number, path));
        }
    }
    numbered.sort();
    Ok(numbered.into_iter().map(|(_, path)| path).collect())
}

fn end_of_data(file: &File) -> io::Result<u64> {
    let mut buffer = vec![0; 1 << 16];
    let mut end = file.metadata()?.len();
    while end > 0 {
        let start = end.saturating_sub(buffer.len() as u64);
        let part = &mut buffer[..usize::try_from(end - start).unwrap_or(0)];
        file.read_exact_at(part, start)?;
        if let Some(at) = part.iter().rposition(|&byte| byte != 0) {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_into_the_data_of_a_sealed_journal_is_found_and_a_cut_of_zeros_is_not() {
        let directory = tempfile::tempdir().unwrap();
        for (name, data) in [("0.jnl", 100_000), ("3.jnl", 10), ("20.jnl", 10), ("x.txt", 1)] {
            let mut bytes = vec![7; data];
            bytes.resize(200_000, 0);
            fs::write(directory.path().join(name), bytes).unwrap();
        }
        let journals = Journals::note(directory.path()).unwrap();
        let cut = |name: &str, length| {
            let file = File::options().write(true).open(directory.path().join(name)).unwrap();
            file.set_len(length).unwrap();
        };
        cut("0.jnl", 100_000);
        cut("3.jnl", 10);
        cut("20.jnl", 0);
        assert_eq!(journals.cut().unwrap(), Vec::<PathBuf>::new());
        cut("0.jnl", 99_999);
        assert_eq!(journals.cut().unwrap(), [directory.path().join("0.jnl")]);
        let journals = Journals::note(&directory.path().join("none")).unwrap();
        assert_eq!(journals.cut().unwrap(), Vec::<PathBuf>::new());
    }
}
