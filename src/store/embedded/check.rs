//! Checks the directory of an embedded store, for `unskew-gateway check-store`.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::directory::{Directory, fault};
use super::engine::Sizes;
use super::journals;
use super::open::{Opened, open};
use crate::store::StoreError;

/// Damaged keys that a report lists.
const LISTED: usize = 100;
/// Entries that can't be read, one after the other, before the check gives up.
const UNREADABLE_LIMIT: u64 = 1000;
/// Memory of the check. The write buffer counts only where a store is made, which a check never does.
pub(super) const SIZES: Sizes = Sizes { cache_bytes: 8 << 20, write_buffer_bytes: 8 << 20 };

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Values that are as they were written.
    pub values: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
    /// Values that fail their checksum.
    pub damaged: u64,
    /// Keys of the first hundred of them.
    pub damaged_keys: Vec<Bytes>,
    /// Blocks that can't be read, so that their keys are not known.
    pub unreadable: u64,
    /// What is wrong with the first block that can't be read.
    pub unreadable_cause: Option<String>,
    /// The number of the last commit.
    pub last_commit: u64,
    /// The number of the last acknowledged commit; none when the file that says so is missing or torn.
    pub acknowledged_commit: Option<u64>,
    /// What acknowledged writes are lost, if any are.
    pub lost: Option<String>,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damaged == 0 && self.unreadable == 0 && self.lost.is_none()
    }
}

/// Reads every value of a store that no process has open.
///
/// # Errors
/// When the store can't be opened: no store there, in use, damaged, of a newer format.
pub fn check(directory: &Path) -> Result<Report, StoreError> {
    let Opened { engine, last, acknowledged, lost, .. } = open(directory, SIZES, false)?;
    let mut report = Report { last_commit: last, acknowledged_commit: acknowledged, lost, ..Report::default() };
    let view = engine.view().map_err(|found| fault(directory, &format!("can't be read: {}", found.describe())))?;
    let mut failures = 0;
    for entry in view.all() {
        match entry {
            Ok((key, Some(value))) => {
                report.values += 1;
                report.bytes += (key.len() + value.len()) as u64;
                failures = 0;
            }
            Ok((key, None)) => {
                report.damaged += 1;
                if report.damaged_keys.len() < LISTED {
                    report.damaged_keys.push(key);
                }
                failures = 0;
            }
            Err(found) => {
                report.unreadable += 1;
                report.unreadable_cause.get_or_insert_with(|| found.describe());
                failures += 1;
                if failures == UNREADABLE_LIMIT {
                    break;
                }
            }
        }
    }
    Ok(report)
}

/// Goes on with what a damaged store still has: forgets that writes are lost, and puts journals that can't be read aside, beside the
/// engine's files. Gives what was lost, in words; none when nothing was.
///
/// # Errors
/// When the store can't be opened even so.
pub fn accept_loss(directory: &Path) -> Result<Option<String>, StoreError> {
    let (opened, aside) = match open(directory, SIZES, false) {
        Ok(opened) => (opened, None),
        Err(error) => {
            let (opened, aside) = without_journals(directory, error)?;
            (opened, Some(aside))
        }
    };
    opened.engine.directory().set_lost(None)?;
    opened.watermark.set(opened.last).map_err(|error| fault(directory, &format!("can't be written: {error}")))?;
    let aside = aside.map(|path| format!("what was in its journals, which are now in {}", path.display()));
    Ok(match (aside, opened.lost) {
        (Some(aside), Some(lost)) => Some(format!("{aside}; {lost}")),
        (aside, lost) => aside.or(lost),
    })
}

/// Opens a store without its journals, when that is what it takes. Otherwise they are put back, and the error stays what it was.
fn without_journals(directory: &Path, error: StoreError) -> Result<(Opened, PathBuf), StoreError> {
    // A directory that can't even be taken has nothing wrong with its journals.
    let taken = Directory::take(directory, false)?;
    let engine = taken.engine();
    let aside =
        journals::set_aside(&engine).map_err(|cause| fault(directory, &format!("can't be written: {cause}")))?;
    drop(taken);
    match open(directory, SIZES, false) {
        Ok(opened) => Ok((opened, aside)),
        Err(_) => {
            journals::put_back(&engine, &aside)
                .map_err(|cause| fault(&aside, &format!("has the journals, and they can't be put back: {cause}")))?;
            Err(error)
        }
    }
}
