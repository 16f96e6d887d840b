//! Columns of a request as both protocols bring them, read as values of the declared types.

use bumpalo::Bump;
use serde::de::value::{BorrowedStrDeserializer, Error as NoDocument};
use serde::de::{DeserializeSeed, IntoDeserializer};
use unskew_engine::dtype::{DType, Scalar};
use unskew_engine::row::json::{self, Origin, Typed};
use unskew_engine::value::Value;

use crate::lookup::time;

/// A column: one value a row.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its values.
    pub cells: Cells,
    /// Positions of the rows whose value is null, ascending.
    pub nulls: Vec<u32>,
}

/// The values of a column, as they were sent.
#[derive(Clone, Debug)]
pub enum Cells {
    /// True or false.
    Bools(Vec<bool>),
    /// Whole numbers.
    Ints(Vec<i64>),
    /// Numbers.
    Floats(Vec<f64>),
    /// Text.
    Texts(Vec<String>),
    /// Bytes.
    Blobs(Vec<bytes::Bytes>),
    /// Microseconds since 1970-01-01 UTC.
    Times(Vec<i64>),
    /// Anything that JSON can say.
    Json(Vec<serde_json::Value>),
}

impl Column {
    /// How many rows it has.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.cells {
            Cells::Bools(values) => values.len(),
            Cells::Ints(values) | Cells::Times(values) => values.len(),
            Cells::Floats(values) => values.len(),
            Cells::Texts(values) => values.len(),
            Cells::Blobs(values) => values.len(),
            Cells::Json(values) => values.len(),
        }
    }

    /// Whether it has no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a row in the declared type.
    ///
    /// # Errors
    /// A value that can't be it without loss, in words.
    pub(super) fn value<'v>(&'v self, row: usize, dtype: DType, arena: &'v Bump) -> Result<Value<'v>, String> {
        let is_null =
            !self.nulls.is_empty() && u32::try_from(row).is_ok_and(|row| self.nulls.binary_search(&row).is_ok());
        if is_null {
            return Ok(Value::Null);
        }
        let typed = Typed { dtype, arena, origin: Origin::Client };
        match &self.cells {
            Cells::Bools(values) => read(typed, values.get(row).copied()),
            Cells::Ints(values) => read(typed, values.get(row).copied()),
            Cells::Floats(values) => read(typed, values.get(row).copied()),
            Cells::Texts(values) => read(typed, values.get(row).map(String::as_str).map(BorrowedStrDeserializer::new)),
            Cells::Blobs(values) => match values.get(row) {
                Some(bytes) if dtype == Scalar::Bytes.into() => Ok(Value::Bytes(bytes)),
                Some(_) => Err(format!("must be {dtype}, not bytes")),
                None => Ok(Value::Null),
            },
            Cells::Times(values) => match values.get(row) {
                Some(time) if dtype == Scalar::Timestamp.into() && time::is_writable(*time) => Ok(Value::Time(*time)),
                Some(time) if dtype == Scalar::Timestamp.into() => {
                    Err(format!("{time} lies outside the years 1 to 9999"))
                }
                Some(_) => Err(format!("must be {dtype}, not a timestamp")),
                None => Ok(Value::Null),
            },
            Cells::Json(values) => values.get(row).map_or(Ok(Value::Null), |json| json::value(json, dtype, arena)),
        }
    }
}

/// Reads what was sent by the one reading of typed values; nothing is null.
fn read<'v, T: IntoDeserializer<'v, NoDocument>>(typed: Typed<'v>, given: Option<T>) -> Result<Value<'v>, String> {
    match given {
        None => Ok(Value::Null),
        Some(given) => typed.deserialize(given.into_deserializer()).unwrap_or_else(|error| Err(error.to_string())),
    }
}
