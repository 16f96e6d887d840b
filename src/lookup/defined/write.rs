//! Typed writes: rows of a defined view, from JSON or Arrow, each checked on its own.

use bytes::Bytes;
use unskew_engine::row::{Arrival, Intake, Options, WrittenRows};

use super::arrow::arrow_batches;
use super::view::ServedView;
use crate::clock::Micros;
use crate::error::Error;
use crate::lookup::Lookup;
use crate::lookup::write::{BadRow, RowFormat, batch};
use crate::store::PutRow;
use crate::telemetry::trace::{self, Named};

/// Good rows, their positions in the batch, and the bad rows.
type Parsed = (Vec<PutRow>, Vec<usize>, Vec<BadRow>);

impl Lookup {
    /// Reads a batch for a defined view.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a body that can't be split into rows, REQUEST_TOO_LARGE for too many rows.
    pub(in crate::lookup) fn parse_typed(
        &self,
        view: &ServedView,
        body: &Bytes,
        format: RowFormat,
        ignore_unknown: bool,
        now: Micros,
    ) -> Result<Parsed, Error> {
        trace::name(Named::View, &view.view.name);
        let options = Options {
            ignore_unknown,
            max_key_bytes: self.limits.request.id_bytes,
            max_row_bytes: self.limits.row_bytes,
        };
        let intake = Intake::new(&view.view, options).map_err(|why| Error::invalid("view", why))?;
        let latest = now.saturating_add(i64::try_from(self.limits.max_future.as_micros()).unwrap_or(i64::MAX));
        let arrival = Arrival { now, latest };
        let mut written = WrittenRows::default();
        match format {
            RowFormat::ArrowIpc => self.read_arrow(&intake, body, arrival, &mut written)?,
            RowFormat::Ndjson | RowFormat::JsonArray => {
                let mut count = 0;
                batch::rows(body, format, |text| {
                    if count == self.limits.batch_rows {
                        return Err(batch::too_many(self.limits.batch_rows));
                    }
                    intake.json(count, text, arrival, &mut written);
                    count += 1;
                    Ok(())
                })?;
            }
        }
        Ok(parsed(written))
    }

    fn read_arrow(
        &self,
        intake: &Intake,
        body: &Bytes,
        arrival: Arrival,
        written: &mut WrittenRows,
    ) -> Result<(), Error> {
        let mut first = 0;
        for batch in arrow_batches(body, self.limits.batch_rows)? {
            intake.arrow(first, &batch, arrival, written).map_err(|why| Error::invalid("arrow_ipc", why))?;
            first += batch.num_rows();
        }
        Ok(())
    }
}

fn parsed(written: WrittenRows) -> Parsed {
    let bytes = Bytes::from(written.bytes);
    let bad = written.bad.into_iter().map(BadRow::from);
    let positions = written.rows.iter().map(|row| row.row).collect();
    let rows = written.rows.iter().map(|row| PutRow {
        key: bytes.slice(row.key.clone()),
        event_time: row.times.event_time,
        created: row.times.created,
        value: bytes.slice(row.value.clone()),
    });
    (rows.collect(), positions, bad.collect())
}
