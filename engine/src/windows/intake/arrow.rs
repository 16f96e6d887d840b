//! Events of an Arrow batch.

use arrow_array::RecordBatch;
use bumpalo::Bump;

use super::{EventIntake, TakenEvents};
use crate::arrow::Column;
use crate::row::Arrival;
use crate::row::intake::Fault;

impl EventIntake {
    /// Takes the events of a batch; the first is at position `first`.
    ///
    /// # Errors
    /// A batch none of whose events could be taken, because its columns don't fit the source: one that every event needs is missing, or
    /// one is unknown, there twice, or of a type that can't be read as declared; in words.
    pub fn arrow<'v>(
        &'v self,
        first: usize,
        batch: &'v RecordBatch,
        arrival: Arrival,
        arena: &'v Bump,
        taken: &mut TakenEvents<'v>,
    ) -> Result<(), String> {
        let columns = self.columns(batch)?;
        for index in 0..batch.num_rows() {
            self.begin(taken);
            let read = self.read(&columns, index, arena, taken);
            if let Err(fault) = read.and_then(|()| self.finish(first + index, arrival, arena, taken)) {
                taken.refuse(fault.at(first + index));
            }
        }
        Ok(())
    }

    fn columns<'v>(&self, batch: &'v RecordBatch) -> Result<Vec<(usize, Column<'v>)>, String> {
        let mut columns: Vec<(usize, Column<'v>)> = Vec::with_capacity(batch.num_columns());
        for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            let name = field.name();
            let Some(position) = self.column(name) else {
                if self.options.ignore_unknown {
                    continue;
                }
                return Err(self.unknown(name));
            };
            if columns.iter().any(|(known, _)| *known == position) {
                return Err(format!("the batch gives `{name}` twice"));
            }
            let column = Column::new(array, self.dtype(position)).map_err(|why| format!("`{name}`: {why}"))?;
            columns.push((position, column));
        }
        let keys = self.views.iter().flat_map(|reader| &reader.key);
        for needed in [self.time].iter().chain(&self.id).chain(keys) {
            if !columns.iter().any(|(position, _)| position == needed) {
                let (source, name) = (&self.source.name, self.name(*needed));
                return Err(format!(
                    "the batch lacks the column `{name}`, which every event of the source `{source}` needs"
                ));
            }
        }
        Ok(columns)
    }

    fn read<'v>(
        &self,
        columns: &[(usize, Column<'v>)],
        row: usize,
        arena: &'v Bump,
        taken: &mut TakenEvents<'v>,
    ) -> Result<(), Fault> {
        for (position, column) in columns {
            let value = column.value(row, arena).map_err(|why| self.unreadable(*position, &why))?;
            if let Some(place) = taken.scratch.columns.get_mut(*position) {
                *place = value;
            }
        }
        Ok(())
    }
}
