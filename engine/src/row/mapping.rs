//! Reading a row with the features that a reader wants, whatever schema it was written with.

use std::sync::Arc;

use super::packed::{OpenRow, PackedRow};
use super::schema::{Place, Schema};
use super::{Cell, Undecodable};
use crate::dtype::DType;
use crate::value::Value;

/// Where wanted features lie in rows of a stored schema, which may be older or newer than the reader. Made once for each pair.
#[derive(Clone, Debug)]
pub struct Mapping {
    stored: Arc<Schema>,
    found: Box<[Found]>,
}

#[derive(Clone, Debug)]
enum Found {
    /// Its index in the schema, and its place.
    Column(usize, Place),
    Missing,
    /// Stored with another type; in words.
    Incompatible(Box<str>),
}

impl Mapping {
    /// Finds each wanted feature, by name and type.
    #[must_use]
    pub fn new<'w>(wanted: impl IntoIterator<Item = (&'w str, DType)>, stored: Arc<Schema>) -> Self {
        let find = |(name, dtype): (&str, DType)| {
            let Some(index) = stored.column(name) else { return Found::Missing };
            match stored.columns().get(index) {
                Some(column) if column.dtype != dtype => {
                    Found::Incompatible(format!("`{name}` was stored as {}, and is now {dtype}", column.dtype).into())
                }
                Some(column) => Found::Column(index, column.place),
                None => Found::Missing,
            }
        };
        let found = wanted.into_iter().map(find).collect();
        Self { stored, found }
    }

    /// The schema that its rows were written with.
    #[must_use]
    pub const fn schema(&self) -> &Arc<Schema> {
        &self.stored
    }

    /// Opens a row for reading.
    ///
    /// # Errors
    /// See [`PackedRow::open`].
    pub fn open<'a>(&'a self, row: PackedRow<'a>) -> Result<MappedRow<'a>, Undecodable> {
        Ok(MappedRow { found: &self.found, row: row.open(&self.stored)? })
    }
}

/// A row, seen through a [`Mapping`].
#[derive(Clone, Copy, Debug)]
pub struct MappedRow<'a> {
    found: &'a [Found],
    row: OpenRow<'a>,
}

impl<'a> MappedRow<'a> {
    /// Hands over the value of the wanted feature of that index, if it is of fixed width and neither null nor missing; else false.
    #[inline]
    pub fn take(&self, wanted: usize, take: impl FnOnce(Value<'a>)) -> bool {
        match self.found.get(wanted) {
            Some(Found::Column(column, place)) => self.row.take(*column, place, take),
            Some(Found::Incompatible(_) | Found::Missing) | None => false,
        }
    }

    /// What it has for the wanted feature of that index.
    #[must_use]
    #[inline]
    pub fn cell(&self, wanted: usize) -> Cell<'a> {
        match self.found.get(wanted) {
            Some(Found::Column(column, place)) => self.row.read(*column, place),
            Some(Found::Incompatible(why)) => Cell::Undecodable(why),
            Some(Found::Missing) | None => Cell::Missing,
        }
    }
}
