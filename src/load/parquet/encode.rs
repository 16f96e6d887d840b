//! A record batch as rows of JSON.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions, new_empty_array};
use arrow_json::writer::{EncoderOptions, NullableEncoder, make_encoder};
use arrow_schema::{FieldRef, SchemaRef};

use super::encoders::{Factory, Notes};
use crate::load::batch::{BadRow, Row};
use crate::load::columns::{Role, opening};

/// How the columns of a file become JSON.
pub(super) struct Encoding {
    columns: Vec<Column>,
    prefix: Vec<u8>,
    options: EncoderOptions,
    notes: Arc<Notes>,
}

struct Column {
    field: FieldRef,
    role: Role,
    opening: Vec<u8>,
}

/// Rows of a record batch.
#[derive(Debug, Default)]
pub(super) struct Encoded {
    text: Vec<u8>,
    at: usize,
    rows: VecDeque<EncodedRow>,
}

#[derive(Debug)]
struct EncodedRow {
    /// Where its text ends.
    end: usize,
    row: Row,
}

impl Encoded {
    /// Whether all rows were taken.
    pub(super) fn is_done(&self) -> bool {
        self.rows.is_empty()
    }

    /// Rows not yet taken.
    pub(super) fn left(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Appends the next row.
    pub(super) fn next(&mut self, out: &mut Vec<u8>) -> Option<Row> {
        let EncodedRow { end, row } = self.rows.pop_front()?;
        out.extend_from_slice(&self.text[self.at..end]);
        self.at = end;
        Some(row)
    }
}

impl Encoding {
    /// # Errors
    /// For a type that has no form in JSON.
    pub(super) fn new(schema: SchemaRef, roles: Vec<Role>, prefix: Vec<u8>) -> Result<Self, String> {
        let notes = Arc::new(Notes::default());
        let factory = Arc::new(Factory { notes: Arc::clone(&notes) });
        let options = EncoderOptions::default().with_explicit_nulls(true).with_encoder_factory(factory);
        let columns = schema.fields().iter().zip(roles).enumerate().map(|(index, (field, role))| Column {
            field: Arc::clone(field),
            role,
            opening: opening(index, field.name(), role),
        });
        let encoding = Self { columns: columns.collect(), prefix, options, notes };
        let empty = schema.fields().iter().map(|field| new_empty_array(field.data_type())).collect();
        let empty =
            RecordBatch::try_new_with_options(schema, empty, &RecordBatchOptions::new().with_row_count(Some(0)))
                .map_err(|error| error.to_string())?;
        encoding.encode(&empty, 0)?;
        Ok(encoding)
    }

    /// Values met so far that JSON can't hold.
    pub(super) fn not_in_json(&self) -> u64 {
        self.notes.not_in_json()
    }

    /// The rows of a batch. `before`: rows of the file that came before it.
    pub(super) fn encode(&self, batch: &RecordBatch, before: u64) -> Result<Encoded, String> {
        let mut columns = Vec::with_capacity(self.columns.len());
        for (column, array) in self.columns.iter().zip(batch.columns()) {
            let encoder = make_encoder(&column.field, array.as_ref(), &self.options)
                .map_err(|error| format!("column {:?}: {error}", column.field.name()))?;
            columns.push((column, encoder));
        }
        let mut encoded = Encoded::default();
        for index in 0..batch.num_rows() {
            let position = before + index as u64 + 1;
            let row = self.row(&mut columns, index, position, &mut encoded.text);
            let row = row.map_or_else(Row::Bad, |()| Row::Good(position));
            encoded.rows.push_back(EncodedRow { end: encoded.text.len(), row });
        }
        Ok(encoded)
    }

    fn row(
        &self,
        columns: &mut [(&Column, NullableEncoder<'_>)],
        index: usize,
        position: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), BadRow> {
        for (column, encoder) in columns {
            out.extend_from_slice(&column.opening);
            let name = column.field.name().as_str();
            match (column.role, encoder.is_null(index)) {
                (Role::Feature, true) => out.extend_from_slice(b"null"),
                (Role::Feature | Role::EventTime, false) => encoder.encode(index, out),
                (Role::EventTime, true) => return Err(BadRow::invalid(position, name, "the event time is null")),
                (Role::EntityId, true) => return Err(BadRow::bad_key(position, name, "the entity id is null")),
                (Role::EntityId, false) => {
                    let mut id = Vec::new();
                    encoder.encode(index, &mut id);
                    let id = id.strip_prefix(b"\"").and_then(|id| id.strip_suffix(b"\"")).unwrap_or(&id);
                    if id.is_empty() {
                        return Err(BadRow::bad_key(position, name, "the entity id is empty"));
                    }
                    out.push(b'"');
                    out.extend_from_slice(&self.prefix);
                    out.extend_from_slice(id);
                    out.push(b'"');
                }
            }
            if self.notes.take_out_of_range() {
                return Err(BadRow::invalid(position, name, "a time outside the years 1 to 9999, or no time of a day"));
            }
        }
        out.push(b'}');
        Ok(())
    }
}
