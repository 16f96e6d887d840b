//! Splitting the body of a write into rows.

use super::{BadRow, RowFault};
use super::{array, row};
use crate::clock::Micros;
use crate::error::{Code, Error};
use crate::lookup::Limits;
use crate::store::PutRow;

/// The form of the body of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFormat {
    /// One JSON object a line.
    Ndjson,
    /// A JSON array of objects.
    JsonArray,
    /// One stream in the IPC format of Arrow; for defined views.
    ArrowIpc,
}

/// Good rows, their positions in the batch, and the bad rows.
type Parsed = (Vec<PutRow>, Vec<usize>, Vec<BadRow>);

/// Splits and checks a batch.
pub(super) fn parse(body: &[u8], format: RowFormat, now: Micros, limits: &Limits) -> Result<Parsed, Error> {
    let mut batch = Batch { now, limits, count: 0, parsed: Parsed::default() };
    rows(body, format, |text| batch.push(text))?;
    Ok(batch.parsed)
}

/// Hands over the text of each row. Blank lines do not count.
pub(in crate::lookup) fn rows<'b>(
    body: &'b [u8],
    format: RowFormat,
    push: impl FnMut(&'b [u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    match format {
        RowFormat::Ndjson => {
            body.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()).try_for_each(push)
        }
        RowFormat::JsonArray => array::items(body, push),
        RowFormat::ArrowIpc => {
            Err(Error::invalid("arrow_ipc", "the built-in view takes rows of JSON; Arrow is for defined views"))
        }
    }
}

/// The error for a batch of too many rows.
pub(in crate::lookup) fn too_many(limit: usize) -> Error {
    let message = format!("the batch has more than {limit} rows (limits.max_batch_rows): send it in parts");
    Error::new(Code::RequestTooLarge, message)
}

struct Batch<'a> {
    now: Micros,
    limits: &'a Limits,
    count: usize,
    parsed: Parsed,
}

impl Batch<'_> {
    fn push(&mut self, text: &[u8]) -> Result<(), Error> {
        let position = self.count;
        self.count += 1;
        if self.count > self.limits.batch_rows {
            return Err(too_many(self.limits.batch_rows));
        }
        let (rows, positions, bad) = &mut self.parsed;
        match row::parse(text, self.now, self.limits) {
            Ok(row) if row.value.len() > self.limits.row_bytes => {
                let (size, limit) = (row.value.len(), self.limits.row_bytes);
                let message = format!("the row has {size} bytes, at most {limit} are allowed (limits.max_row_bytes)");
                bad.push(BadRow { row: position, fault: RowFault::TooLarge, field: String::new(), message });
            }
            Ok(row) => {
                rows.push(row);
                positions.push(position);
            }
            Err(fault) => {
                bad.push(BadRow { row: position, fault: fault.fault, field: fault.field, message: fault.message });
            }
        }
        Ok(())
    }
}
