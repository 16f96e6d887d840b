//! Rows: how they are stored, how they are read, and how they are made from typed input.
//!
//! A row view keeps the newest row of an entity, packed (`docs/row-format.md`) or as JSON. Whatever the layout, a row gives each
//! wanted feature as a [`Cell`]. The write path is the reverse: an [`Intake`] takes rows of JSON or Arrow and makes the bytes.

pub mod base64;
mod encode;
pub(crate) mod intake;
pub mod json;
mod mapping;
mod packed;
mod schema;
pub mod time;

#[cfg(test)]
pub(crate) mod tests;

use std::borrow::Cow;

pub use intake::{Arrival, BadRow, Intake, Options, Refusal, WrittenRow, WrittenRows};
pub use json::{JsonReader, JsonRow};
pub use mapping::{MappedRow, Mapping};
pub use packed::{OpenRow, PackedRow, Times, is_json, order_key, schema_id, write_delete};
pub use schema::{ChangedFeature, Schema, SchemaColumn, SchemaId};

use crate::value::Value;

/// A stored value that can't be read as a row, and why: lower case, no final stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Undecodable(pub Cow<'static, str>);

impl Undecodable {
    pub(crate) const fn new(why: &'static str) -> Self {
        Self(Cow::Borrowed(why))
    }
}

/// What a stored row has for one feature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// A value, or a null that was stored.
    Value(Value<'a>),
    /// The row was written without the feature.
    Missing,
    /// Something that can't be read as the feature, and why.
    Undecodable(&'a str),
}

/// Text of a client in a message: quoted, and cut where it is long.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 40;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}
