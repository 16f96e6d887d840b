//! Rows of an Arrow batch into the bytes that a store keeps.

use arrow_array::RecordBatch;
use bumpalo::Bump;

use super::Column;
use crate::row::intake::{Draft, EVENT_TIME, Fault, Member};
use crate::row::{Arrival, Intake, WrittenRows};

/// A column of the batch, and what it is in the view.
struct Named<'a> {
    name: &'a str,
    member: Member,
    column: Column<'a>,
}

impl Intake {
    /// Takes the rows of a batch; the first is at position `first`. A row without a value for a feature that the batch has stores
    /// null, and the rows of a batch that has no feature at all are deletes.
    ///
    /// # Errors
    /// A batch none of whose rows could be taken, because its columns don't fit the view: a column is missing, unknown, there
    /// twice, or of a type that can't be read as declared; in words.
    pub fn arrow(
        &self,
        first: usize,
        batch: &RecordBatch,
        arrival: Arrival,
        written: &mut WrittenRows,
    ) -> Result<(), String> {
        let columns = self.columns(batch)?;
        let mut arena = Bump::new();
        for index in 0..batch.num_rows() {
            let row = first + index;
            let done = self.read(&columns, index, &arena).and_then(|draft| self.finish(row, &draft, arrival, written));
            if let Err(fault) = done {
                written.bad.push(fault.at(row));
            }
            arena.reset();
        }
        Ok(())
    }

    fn columns<'a>(&self, batch: &'a RecordBatch) -> Result<Vec<Named<'a>>, String> {
        let mut columns: Vec<Named<'a>> = Vec::with_capacity(batch.num_columns());
        let mut ignored = false;
        for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            let name = field.name().as_str();
            let Some(member) = self.member(name) else {
                if !self.options().ignore_unknown {
                    return Err(self.unknown(name));
                }
                ignored = true;
                continue;
            };
            if columns.iter().any(|column| column.member == member) {
                return Err(format!("the batch gives `{name}` twice"));
            }
            let column = Column::new(array, self.dtype(member)).map_err(|why| format!("`{name}`: {why}"))?;
            columns.push(Named { name, member, column });
        }
        let has = |wanted: &dyn Fn(Member) -> bool| columns.iter().any(|column| wanted(column.member));
        for (index, key) in self.keys().enumerate() {
            if !has(&|member| member == Member::Key(index)) {
                return Err(format!("the batch lacks the key column `{key}`"));
            }
        }
        let has_features = has(&|member| matches!(member, Member::Feature(_)));
        let has_time = has(&|member| member == Member::EventTime) || (has_features && self.has_time_feature());
        if !has_time {
            return Err(format!("the batch lacks the column `{EVENT_TIME}`"));
        }
        if ignored && !has_features {
            return Err(
                "the batch has none of the features, but columns that are ignored; a batch of deletes has keys and \
                        event_time alone"
                    .to_owned(),
            );
        }
        Ok(columns)
    }

    fn read<'v>(&self, columns: &[Named<'v>], row: usize, arena: &'v Bump) -> Result<Draft<'v>, Fault> {
        let mut draft = Draft::new(self);
        for Named { name, member, column } in columns {
            let value = column.value(row, arena).map_err(|why| Fault::of_member(*member, name, why))?;
            draft.set(*member, value);
        }
        Ok(draft)
    }
}
