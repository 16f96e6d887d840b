//! A row of the JSON layout into typed values: ours, or one that any tool has set.

use std::fmt;

use bumpalo::Bump;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::{CREATED, EVENT_TIME, Origin, Typed};
use crate::dtype::{DType, Scalar};
use crate::row::{Cell, Undecodable, time};
use crate::value::Value;

/// Reads JSON rows with the features that are wanted.
#[derive(Clone, Debug)]
pub struct JsonReader {
    dtypes: Vec<DType>,
    /// Names and their indexes in `dtypes`, sorted by name.
    names: Vec<(String, usize)>,
}

/// What a JSON row is beside its features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JsonRow {
    /// When what it says became true; none for a row that a tool has set, which is older than any row that has one.
    pub event_time: Option<i64>,
    /// When it was made; none if the row does not say.
    pub created: Option<i64>,
    /// Whether it is a delete: it has an event time and no feature, wanted or not.
    pub is_deleted: bool,
}

impl JsonReader {
    /// A reader of features of those names and types.
    #[must_use]
    pub fn new<'w>(wanted: impl IntoIterator<Item = (&'w str, DType)>) -> Self {
        let (mut names, mut dtypes) = (Vec::new(), Vec::new());
        for (index, (name, dtype)) in wanted.into_iter().enumerate() {
            names.push((name.to_owned(), index));
            dtypes.push(dtype);
        }
        names.sort();
        Self { dtypes, names }
    }

    /// Reads a stored value once. `cells` is emptied, and gets what the row has for each wanted feature, in their order; of a
    /// name that stands twice the last one counts. `arena` holds what is not as it stands in the row, such as text with escapes.
    ///
    /// # Errors
    /// Bytes that are no JSON object, or an event time outside the years 1 to 9999.
    pub fn read<'v>(
        &self,
        stored: &'v [u8],
        arena: &'v Bump,
        cells: &mut Vec<Cell<'v>>,
    ) -> Result<JsonRow, Undecodable> {
        cells.clear();
        cells.resize(self.dtypes.len(), Cell::Missing);
        let text = str::from_utf8(stored).map_err(|_| Undecodable::new("the stored value is not UTF-8"))?;
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let row = (&mut deserializer)
            .deserialize_map(Members { reader: self, arena, cells })
            .and_then(|row| deserializer.end().map(|()| row))
            .map_err(|error| Undecodable(format!("the stored value is no JSON object: {error}").into()))?;
        if row.event_time.is_some_and(|event_time| !time::is_writable(event_time)) {
            return Err(Undecodable(format!("{EVENT_TIME} lies outside the years 1 to 9999").into()));
        }
        Ok(row)
    }
}

struct Members<'r, 'v> {
    reader: &'r JsonReader,
    arena: &'v Bump,
    cells: &'r mut Vec<Cell<'v>>,
}

impl<'de: 'v, 'v> Visitor<'de> for Members<'_, 'v> {
    type Value = JsonRow;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonRow, A::Error> {
        let mut row = JsonRow::default();
        let mut features = false;
        let mut position = 0;
        let time = Typed { dtype: Scalar::Int64.into(), arena: self.arena, origin: Origin::Store };
        while let Some(name) = map.next_key_seed(NameOf(self.reader))? {
            match name {
                // They count at the beginning of the row only, where stores find them without reading the rest.
                Name::EventTime if position == 0 => row.event_time = int(&map.next_value_seed(time)?),
                Name::Created if position == 1 && row.event_time.is_some() => {
                    row.created = int(&map.next_value_seed(time)?)
                }
                Name::Reserved | Name::EventTime | Name::Created => {
                    map.next_value::<IgnoredAny>()?;
                }
                Name::Other => {
                    map.next_value::<IgnoredAny>()?;
                    features = true;
                }
                Name::Wanted(index) => {
                    let dtype = self.reader.dtypes.get(index).copied().unwrap_or(DType::Scalar(Scalar::Bool));
                    let found = map.next_value_seed(Typed { dtype, arena: self.arena, origin: Origin::Store })?;
                    if let Some(cell) = self.cells.get_mut(index) {
                        *cell = match found {
                            Ok(value) => Cell::Value(value),
                            Err(why) => Cell::Undecodable(self.arena.alloc_str(&why)),
                        };
                    }
                    features = true;
                }
            }
            position += 1;
        }
        row.is_deleted = row.event_time.is_some() && !features;
        Ok(row)
    }
}

fn int(found: &Result<Value<'_>, String>) -> Option<i64> {
    match found {
        Ok(Value::Int(int)) => Some(*int),
        _ => None,
    }
}

/// What the name of a member is.
enum Name {
    /// As it stands in rows that we write, without escapes: stores compare bytes.
    EventTime,
    /// The same.
    Created,
    /// One of the two, written with escapes: no feature, and nothing else.
    Reserved,
    Wanted(usize),
    Other,
}

struct NameOf<'r>(&'r JsonReader);

impl<'de> DeserializeSeed<'de> for NameOf<'_> {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for NameOf<'_> {
    type Value = Name;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name, E> {
        Ok(match name {
            EVENT_TIME => Name::EventTime,
            CREATED => Name::Created,
            _ => self.find(name),
        })
    }

    fn visit_str<E>(self, name: &str) -> Result<Name, E> {
        Ok(if matches!(name, EVENT_TIME | CREATED) { Name::Reserved } else { self.find(name) })
    }
}

impl NameOf<'_> {
    fn find(&self, name: &str) -> Name {
        let names = &self.0.names;
        let found = names.binary_search_by(|(wanted, _)| wanted.as_str().cmp(name)).ok().and_then(|at| names.get(at));
        found.map_or(Name::Other, |(_, index)| Name::Wanted(*index))
    }
}
