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
}

/// Good rows, their positions in the batch, and the bad rows.
type Parsed = (Vec<PutRow>, Vec<usize>, Vec<BadRow>);

/// Splits and checks a batch.
pub(super) fn parse(body: &[u8], format: RowFormat, now: Micros, limits: &Limits) -> Result<Parsed, Error> {
    let mut batch = Batch { now, limits, count: 0, parsed: Parsed::default() };
    match format {
        RowFormat::Ndjson => {
            for line in body.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
                batch.push(line)?;
            }
        }
        RowFormat::JsonArray => array::items(body, |item| batch.push(item))?,
    }
    Ok(batch.parsed)
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
            let limit = self.limits.batch_rows;
            let message = format!("the batch has more than {limit} rows (limits.max_batch_rows): send it in parts");
            return Err(Error::new(Code::RequestTooLarge, message));
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
