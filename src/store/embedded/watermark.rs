//! The number of the last acknowledged commit, in a side file of sixteen bytes.
//!
//! After a flipped byte in a journal, fjall drops the commits from there on without a word. Each commit therefore carries its number in
//! the store itself, and this file has the number of the last one that a client was told of: a store that opens with a lesser number has
//! lost acknowledged writes. The file needs no fsync of its own: it is written after the commit's, so after a power cut it is at most
//! behind the store, never ahead of it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

const NAME: &str = "watermark";
const MAGIC: [u8; 4] = *b"uskw";
const LENGTH: usize = 16;

/// The open side file.
#[derive(Debug)]
pub(super) struct Watermark {
    file: File,
}

impl Watermark {
    /// Opens or creates the file in this directory, and reads the number in it; none when the file is new or torn.
    pub(super) fn open(directory: &Path) -> io::Result<(Self, Option<u64>)> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(directory.join(NAME))?;
        let mut bytes = [0; LENGTH];
        let number = match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => decode(&bytes),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
            Err(error) => return Err(error),
        };
        Ok((Self { file }, number))
    }

    /// Writes the number of the last acknowledged commit.
    pub(super) fn set(&self, number: u64) -> io::Result<()> {
        self.file.write_all_at(&encode(number), 0)
    }
}

fn encode(number: u64) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    bytes[..4].copy_from_slice(&MAGIC);
    bytes[4..12].copy_from_slice(&number.to_be_bytes());
    let checksum = crc32c::crc32c(&bytes[..12]);
    bytes[12..].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

fn decode(bytes: &[u8; LENGTH]) -> Option<u64> {
    let number = u64::from_be_bytes(bytes[4..12].try_into().ok()?);
    (encode(number) == *bytes).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_was_set_and_nothing_from_a_torn_file() {
        let directory = tempfile::tempdir().unwrap();
        let (mark, number) = Watermark::open(directory.path()).unwrap();
        assert_eq!(number, None);
        mark.set(7).unwrap();
        mark.set(u64::MAX).unwrap();
        assert_eq!(Watermark::open(directory.path()).unwrap().1, Some(u64::MAX));
        let path = directory.path().join(NAME);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[6] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(Watermark::open(directory.path()).unwrap().1, None);
        std::fs::write(&path, &bytes[..5]).unwrap();
        assert_eq!(Watermark::open(directory.path()).unwrap().1, None);
    }
}
