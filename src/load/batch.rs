//! Batches of rows on their way to the target, and where each row stands in the file.

use super::LoadError;
use crate::lookup::write::RowFault;

/// A batch ends at this size, so that it stays below every message limit in use.
const BATCH_BYTES: usize = 1 << 20;
/// A longer row is refused here, so that memory stays bounded whatever the file holds. The target's own limit is mostly smaller.
pub(super) const MAX_ROW_BYTES: usize = 16 << 20;

/// A row that was refused, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadRow {
    /// Line or row number in the file, from 1.
    pub(super) position: u64,
    /// The stable code, as the gateway would give it.
    pub(super) code: String,
    /// The column or member at fault; empty when it is the row as a whole.
    pub(super) field: String,
    /// What is wrong and what would be right.
    pub(super) message: String,
}

impl BadRow {
    /// A row that is no row of the view.
    pub(super) fn invalid(position: u64, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(position, RowFault::InvalidRow, field, message)
    }

    /// A row whose entity id is none.
    pub(super) fn bad_key(position: u64, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(position, RowFault::BadKey, field, message)
    }

    /// A row that is too large.
    pub(super) fn too_large(position: u64, message: impl Into<String>) -> Self {
        Self::new(position, RowFault::TooLarge, "", message)
    }

    fn new(position: u64, fault: RowFault, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { position, code: fault.name().to_owned(), field: field.into(), message: message.into() }
    }
}

/// What a reader came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// A row, at this position.
    Good(u64),
    /// A row that can't be one of the view.
    Bad(BadRow),
}

/// Reads the rows of a file one after the other.
pub(super) trait RowReader: Send {
    /// Appends the next row to `out` as JSON on one line, without the end of the line; none at the end of the file. What it appended for a
    /// bad row is of no use.
    fn next(&mut self, out: &mut Vec<u8>) -> Result<Option<Row>, LoadError>;

    /// How much of the file was read, in the unit of its total.
    fn progress(&self) -> u64;

    /// Values met so far that JSON can't hold, NaN and the infinities; written as null.
    fn not_in_json(&self) -> u64 {
        0
    }
}

/// Rows that are sent and acknowledged together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    /// The rows, one a line.
    pub(super) ndjson: Vec<u8>,
    /// The position of each.
    pub(super) positions: Vec<u64>,
    /// Rows of the same stretch of the file that were refused by their reader.
    pub(super) bad: Vec<BadRow>,
    /// How much of the file was read after it.
    pub(super) progress: u64,
    /// Values in it that JSON can't hold.
    pub(super) not_in_json: u64,
}

impl Batch {
    /// A row of this batch that the target refused. `index`: its place in the batch, from 0.
    pub(super) fn refused(&self, index: usize, code: String, field: String, message: String) -> BadRow {
        let position = self.positions.get(index).copied().unwrap_or_default();
        BadRow { position, code, field, message }
    }

    /// Two halves, for a target that can't take the whole; the batch again if it has only one row.
    pub(super) fn split(self) -> Result<(Self, Self), Self> {
        let half = self.positions.len() / 2;
        let Some(at) = half.checked_sub(1).and_then(|newline| memchr::memchr_iter(b'\n', &self.ndjson).nth(newline))
        else {
            return Err(self);
        };
        let mut first = self;
        let second = Self {
            ndjson: first.ndjson.split_off(at + 1),
            positions: first.positions.split_off(half),
            bad: Vec::new(),
            progress: first.progress,
            not_in_json: 0,
        };
        Ok((first, second))
    }
}

/// Fills batches from a reader.
pub(super) struct Batcher {
    rows: Box<dyn RowReader>,
    max_rows: usize,
    /// After a bad row nothing more is read.
    strict: bool,
    /// A row that did not fit into the batch before it.
    left: Option<(Vec<u8>, u64)>,
    not_in_json: u64,
    ended: bool,
    /// What was wrong with the file; told after the rows before it.
    fault: Option<LoadError>,
}

impl Batcher {
    pub(super) fn new(rows: Box<dyn RowReader>, max_rows: usize, strict: bool) -> Self {
        Self { rows, max_rows, strict, left: None, not_in_json: 0, ended: false, fault: None }
    }

    /// The next batch; none at the end. A fault of the file comes after the batch of the rows before it.
    pub(super) fn next(&mut self) -> Result<Option<Batch>, LoadError> {
        let mut batch = Batch::default();
        if let Some((row, position)) = self.left.take() {
            batch.ndjson = row;
            batch.positions.push(position);
        }
        self.fill(&mut batch);
        batch.progress = self.rows.progress();
        batch.not_in_json = self.rows.not_in_json() - self.not_in_json;
        self.not_in_json += batch.not_in_json;
        if batch.positions.is_empty() && batch.bad.is_empty() {
            return self.fault.take().map_or(Ok(None), Err);
        }
        Ok(Some(batch))
    }

    fn fill(&mut self, batch: &mut Batch) {
        while !self.ended && batch.positions.len() + batch.bad.len() < self.max_rows && batch.ndjson.len() < BATCH_BYTES
        {
            let start = batch.ndjson.len();
            match self.rows.next(&mut batch.ndjson) {
                Err(error) => {
                    batch.ndjson.truncate(start);
                    self.fault = Some(error);
                    self.ended = true;
                }
                Ok(None) => self.ended = true,
                Ok(Some(Row::Good(position))) if batch.ndjson.len() - start > MAX_ROW_BYTES => {
                    batch.ndjson.truncate(start);
                    batch.bad.push(BadRow::too_large(position, too_long("row")));
                    self.ended = self.strict;
                }
                Ok(Some(Row::Good(position))) => {
                    batch.ndjson.push(b'\n');
                    if start > 0 && batch.ndjson.len() > BATCH_BYTES {
                        self.left = Some((batch.ndjson.split_off(start), position));
                        break;
                    }
                    batch.positions.push(position);
                }
                Ok(Some(Row::Bad(bad))) => {
                    batch.ndjson.truncate(start);
                    batch.bad.push(bad);
                    self.ended = self.strict;
                }
            }
        }
    }
}

/// What is said of a row that is too long to be read.
pub(super) fn too_long(what: &str) -> String {
    format!("the {what} has more than {} MiB, which no gateway takes", MAX_ROW_BYTES >> 20)
}

#[cfg(test)]
mod tests;
