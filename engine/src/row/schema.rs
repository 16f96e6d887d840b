//! The schema of a packed row: which features it holds, of which types, and at which bytes each lies.

use std::fmt;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::packed::NULLS_AT;
use crate::definitions::{View, ViewKind};
use crate::dtype::{DType, Scalar};

/// The largest fixed part of a row, in bytes: 256 of the longest vectors.
const MAX_FIXED: usize = 1 << 26;

/// The first four bytes of the SHA-256 of a schema's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SchemaId(pub [u8; 4]);

/// Eight lower-case hexadecimal digits.
impl fmt::Display for SchemaId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:08x}", u32::from_be_bytes(self.0))
    }
}

/// What the rows of a view hold. It follows from the view's name, its version, and its features' names and types alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    view: String,
    version: u32,
    columns: Vec<SchemaColumn>,
    text: String,
    id: SchemaId,
    /// Where the ends of the variable columns begin.
    ends_at: usize,
    /// How many columns are variable.
    variable: usize,
}

/// A feature in a stored row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub dtype: DType,
    pub(super) place: Place,
}

/// A feature that is stored as one type and defined as another.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the feature `{name}` is stored as {stored}, and is now {now}")]
pub struct ChangedFeature {
    /// Its name.
    pub name: String,
    /// The type of its stored values.
    pub stored: DType,
    /// Its type by the definitions.
    pub now: DType,
}

/// Where a column lies in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A value of fixed width at an offset of the row.
    Fixed(Scalar, usize),
    /// The items of a vector at an offset of the row, and their bytes.
    Vector(usize, usize),
    /// The variable column of that number: text.
    Text(usize),
    /// The variable column of that number: bytes.
    Bytes(usize),
    /// The variable column of that number: a list.
    List(Scalar, usize),
}

impl Schema {
    /// The schema of a view of that name and version with those features, in any order.
    ///
    /// # Errors
    /// No feature, a name that stands twice, or vectors larger than any row; in words.
    pub fn new<'f>(
        view: &str,
        version: u32,
        features: impl IntoIterator<Item = (&'f str, DType)>,
    ) -> Result<Self, String> {
        let mut columns: Vec<_> = features
            .into_iter()
            .map(|(name, dtype)| SchemaColumn { name: name.to_owned(), dtype, place: Place::Bytes(0) })
            .collect();
        columns.sort_by(|a, b| a.name.cmp(&b.name));
        if columns.is_empty() {
            return Err(format!("the view `{view}` has no feature to store"));
        }
        if let Some([twice, _]) = columns.windows(2).find(|pair| matches!(pair, [a, b] if a.name == b.name)) {
            return Err(format!("the view `{view}` has the feature `{}` twice", twice.name));
        }
        let text = text(view, version, &columns);
        let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let [a, b, c, d, ..] = digest;
        let (ends_at, variable) = lay_out(&mut columns);
        if ends_at > MAX_FIXED {
            return Err(format!(
                "a row of the view `{view}` would have {ends_at} bytes; at most {MAX_FIXED} are allowed"
            ));
        }
        Ok(Self { view: view.to_owned(), version, columns, text, id: SchemaId([a, b, c, d]), ends_at, variable })
    }

    /// The schema of a row view; none for a view of another kind, which stores no rows.
    ///
    /// # Errors
    /// See [`Schema::new`].
    pub fn of(view: &View) -> Result<Option<Self>, String> {
        match &view.kind {
            ViewKind::Row(rows) => {
                let features = rows.features.iter().map(|feature| (feature.name.as_str(), feature.dtype));
                Self::new(&view.name, view.version, features).map(Some)
            }
            ViewKind::Window(_) => Ok(None),
        }
    }

    /// Reads the text of a schema of any id.
    ///
    /// # Errors
    /// Text that is no schema, in words.
    pub fn read(text: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Stored {
            view: String,
            version: u32,
            features: std::collections::BTreeMap<String, String>,
        }
        let stored: Stored =
            serde_json::from_slice(text).map_err(|error| format!("the stored schema is no schema: {error}"))?;
        let mut features = Vec::with_capacity(stored.features.len());
        for (name, dtype) in &stored.features {
            let dtype =
                dtype.parse().map_err(|error| format!("the stored schema is no schema: feature `{name}`: {error}"))?;
            features.push((name.as_str(), dtype));
        }
        Self::new(&stored.view, stored.version, features)
    }

    /// Reads what a store keeps under the schema's key.
    ///
    /// # Errors
    /// Text that is no schema, or that of another id; in words.
    pub fn parse(text: &[u8], id: SchemaId) -> Result<Self, String> {
        let schema = Self::read(text)?;
        // The id is the hash of the text, so a schema that says the same in other words is a foreign one.
        if schema.text.as_bytes() != text || schema.id != id {
            return Err(format!("the stored schema is not the one of id {id}"));
        }
        Ok(schema)
    }

    /// The features of this schema and of an older one of the same view.
    ///
    /// # Errors
    /// The features whose type is not the one it was: rows of the older schema can't be read as this one.
    pub fn with(&self, older: &Self) -> Result<Self, Vec<ChangedFeature>> {
        let mut features: std::collections::BTreeMap<&str, DType> =
            older.columns.iter().map(|column| (column.name.as_str(), column.dtype)).collect();
        let mut changed = Vec::new();
        for SchemaColumn { name, dtype, .. } in &self.columns {
            match features.insert(name, *dtype) {
                Some(stored) if stored != *dtype => {
                    changed.push(ChangedFeature { name: name.clone(), stored, now: *dtype });
                }
                Some(_) | None => {}
            }
        }
        if !changed.is_empty() {
            return Err(changed);
        }
        // Too many features for one row only when most of them are gone: then what is gone is forgotten.
        Ok(Self::new(&self.view, self.version, features).unwrap_or_else(|_| self.clone()))
    }

    /// The name of the view.
    #[must_use]
    pub fn view(&self) -> &str {
        &self.view
    }

    /// The version of the view.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// Its features, sorted by the bytes of their names.
    #[must_use]
    pub fn columns(&self) -> &[SchemaColumn] {
        &self.columns
    }

    /// The index of a feature in [`Schema::columns`].
    #[must_use]
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.binary_search_by(|column| column.name.as_str().cmp(name)).ok()
    }

    /// What rows that were written with it say of their schema.
    #[must_use]
    pub const fn id(&self) -> SchemaId {
        self.id
    }

    /// What a store keeps under `schema:{view}:{id}`, so that a reader that does not know the id can read the row.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the ends of the variable columns begin, and how many variable columns there are.
    pub(super) const fn variable_part(&self) -> (usize, usize) {
        (self.ends_at, self.variable)
    }
}

/// The canonical text: JSON without spaces, its members in this order, the features sorted.
fn text(view: &str, version: u32, columns: &[SchemaColumn]) -> String {
    // As a JSON value, a string prints with JSON's shortest escapes.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let features: Vec<_> =
        columns.iter().map(|column| format!("{}:\"{}\"", quoted(&column.name), column.dtype)).collect();
    format!("{{\"view\":{},\"version\":{version},\"features\":{{{}}}}}", quoted(view), features.join(","))
}

/// Gives each column its place: fixed ones by width, the widest first, then the variable ones; by name among equals. Gives where
/// the fixed ones end, and how many are variable.
fn lay_out(columns: &mut [SchemaColumn]) -> (usize, usize) {
    let mut at = NULLS_AT + columns.len().div_ceil(8);
    for width in [8, 4, 1] {
        for column in &mut *columns {
            match column.dtype {
                DType::Scalar(scalar) if scalar.width() == Some(width) => {
                    column.place = Place::Fixed(scalar, at);
                    at = at.saturating_add(width);
                }
                DType::Vector(length) if width == 4 => {
                    let bytes = usize::try_from(length).unwrap_or(usize::MAX).saturating_mul(4);
                    column.place = Place::Vector(at, bytes);
                    at = at.saturating_add(bytes);
                }
                DType::Scalar(_) | DType::Vector(_) | DType::List(_) => {}
            }
        }
    }
    let mut variable = 0;
    for column in columns {
        column.place = match column.dtype {
            DType::Scalar(Scalar::String) => Place::Text(variable),
            DType::Scalar(Scalar::Bytes) => Place::Bytes(variable),
            DType::List(item) => Place::List(item, variable),
            DType::Scalar(_) | DType::Vector(_) => continue,
        };
        variable += 1;
    }
    (at, variable)
}
