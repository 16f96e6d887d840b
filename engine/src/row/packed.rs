//! A packed row as it is stored: see `docs/row-format.md` for every byte.
//!
//! ```text
//! format 1 | schema id 4 | event time 8 | created 8 | null bits | fixed columns | ends | variable columns | checksum 4
//! ```

use super::schema::{Place, Schema, SchemaId};
use super::{Cell, Undecodable};
use crate::dtype::Scalar;
use crate::value::{List, Value};

/// The first byte of a row.
const ROW: u8 = 1;
/// The first byte of a delete.
const DELETE: u8 = 2;
const TIMES_AT: usize = 5;
/// Where the null bits begin; a delete has its checksum there.
pub(super) const NULLS_AT: usize = 21;
const CHECKSUM: usize = 4;
/// What a column gives that its row has no room for.
const OUTSIDE: Cell<'static> = Cell::Undecodable("the stored column lies outside of its row");

/// The times of a row, in microseconds since 1970-01-01 UTC. Rows of an entity are ordered by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Times {
    /// When what the row says became true.
    pub event_time: i64,
    /// When the row was made, or first accepted.
    pub created: i64,
}

impl Times {
    /// As rows carry them: big-endian with the sign flipped, so that they compare as bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        let order = |time: i64| time.cast_unsigned() ^ (1 << 63);
        (u128::from(order(self.event_time)) << 64 | u128::from(order(self.created))).to_be_bytes()
    }

    /// The reverse of [`Times::to_bytes`].
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let both = u128::from_be_bytes(bytes);
        #[expect(clippy::cast_possible_truncation, reason = "each is one half")]
        let time = |half: u128| (half as u64 ^ (1 << 63)).cast_signed();
        Self { event_time: time(both >> 64), created: time(both) }
    }
}

/// The bytes by which a packed row is ordered among the rows of its entity: those of [`Times::to_bytes`]; rows that are equal in
/// them are ordered by all their bytes. None for what is no packed row, which is older than any.
///
/// It looks at nothing but the format and the length: stores compare rows that they don't read.
#[must_use]
pub fn order_key(stored: &[u8]) -> Option<&[u8; 16]> {
    if !matches!(stored.first(), Some(&(ROW | DELETE))) || stored.len() < NULLS_AT + CHECKSUM {
        return None;
    }
    stored.get(TIMES_AT..)?.first_chunk()
}

/// The schema that a stored value says it was written with; none for what is no packed row, or a delete. It looks at nothing else.
#[must_use]
pub fn schema_id(stored: &[u8]) -> Option<SchemaId> {
    match stored.split_first() {
        Some((&ROW, rest)) => rest.first_chunk().copied().map(SchemaId),
        Some(_) | None => None,
    }
}

/// Whether a stored value is of the JSON layout, or of none: a packed row never begins like JSON.
#[must_use]
pub fn is_json(stored: &[u8]) -> bool {
    matches!(stored.first(), Some(b'{' | b' ' | b'\t' | b'\n' | b'\r'))
}

/// Appends a delete: a row with times and no values.
pub fn write_delete(times: Times, out: &mut Vec<u8>) {
    let start = begin(DELETE, SchemaId([0; 4]), times, out);
    seal(start, out);
}

/// Begins a row; gives where it starts.
pub(super) fn begin_row(schema: SchemaId, times: Times, out: &mut Vec<u8>) -> usize {
    begin(ROW, schema, times, out)
}

fn begin(format: u8, schema: SchemaId, times: Times, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.push(format);
    out.extend_from_slice(&schema.0);
    out.extend_from_slice(&times.to_bytes());
    start
}

/// Ends the row that starts at `start` with its checksum.
pub(super) fn seal(start: usize, out: &mut Vec<u8>) {
    let checksum = crc32c::crc32c(&out[start..]);
    out.extend_from_slice(&checksum.to_le_bytes());
}

/// A stored row whose checksum is right.
#[derive(Clone, Copy, Debug)]
pub struct PackedRow<'a> {
    /// All but the checksum.
    body: &'a [u8],
    schema: SchemaId,
    times: Times,
    is_delete: bool,
}

impl<'a> PackedRow<'a> {
    /// Checks the format, the length and the checksum of stored bytes.
    ///
    /// # Errors
    /// Bytes that are no packed row, or a damaged one.
    pub fn read(stored: &'a [u8]) -> Result<Self, Undecodable> {
        let is_delete = match stored.first() {
            Some(&ROW) => false,
            Some(&DELETE) => true,
            Some(format) => {
                let why = format!("format {format} is none that this version reads; it reads 1 (row) and 2 (delete)");
                return Err(Undecodable(why.into()));
            }
            None => return Err(Undecodable::new("the stored value is empty")),
        };
        let short = Undecodable::new("the row is cut short");
        let Some((body, checksum)) = stored.split_last_chunk::<CHECKSUM>() else { return Err(short) };
        let (Some(schema), Some(times)) =
            (body.get(1..).and_then(<[u8]>::first_chunk), body.get(TIMES_AT..).and_then(<[u8]>::first_chunk))
        else {
            return Err(short);
        };
        if crc32c::crc32c(body) != u32::from_le_bytes(*checksum) {
            return Err(Undecodable::new("the row is damaged: its checksum is wrong"));
        }
        if is_delete && (body.len() != NULLS_AT || *schema != [0; 4]) {
            return Err(Undecodable::new("the row is a delete and has more than its times"));
        }
        Ok(Self { body, schema: SchemaId(*schema), times: Times::from_bytes(*times), is_delete })
    }

    /// When what it says became true; microseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn event_time(&self) -> i64 {
        self.times.event_time
    }

    /// When it was made; microseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn created(&self) -> i64 {
        self.times.created
    }

    /// Whether it is a delete: it has times and no values.
    #[must_use]
    pub const fn is_deleted(&self) -> bool {
        self.is_delete
    }

    /// What it was written with; zeros for a delete.
    #[must_use]
    pub const fn schema_id(&self) -> SchemaId {
        self.schema
    }

    /// The row as its schema reads it.
    ///
    /// # Errors
    /// A row of another schema, or one that its schema's columns don't fit: whoever wrote it does not follow the format.
    pub fn open(self, schema: &'a Schema) -> Result<OpenRow<'a>, Undecodable> {
        if self.is_delete || self.schema != schema.id() {
            return Err(Undecodable::new("the row is of another schema"));
        }
        let (ends_at, variable) = schema.variable_part();
        let row = OpenRow { schema, body: self.body };
        let end = match variable.checked_sub(1) {
            Some(last) => row.end(last).and_then(|end| end.checked_add(ends_at)?.checked_add(variable * 4)),
            None => Some(ends_at),
        };
        if end == Some(self.body.len()) {
            Ok(row)
        } else {
            Err(Undecodable::new("the row has not the length of its schema"))
        }
    }
}

/// A row and its schema: reading one column touches no other, and allocates nothing.
#[derive(Clone, Copy, Debug)]
pub struct OpenRow<'a> {
    schema: &'a Schema,
    body: &'a [u8],
}

impl<'a> OpenRow<'a> {
    /// The value of a column of [`Schema::columns`].
    #[must_use]
    pub fn value(&self, column: usize) -> Cell<'a> {
        self.schema.columns().get(column).map_or(Cell::Missing, |found| self.read(column, &found.place))
    }

    /// Hands over the value of a column of fixed width, in one arm for each type: so that it goes from the row to where it belongs and not by way of
    /// memory. False: it is null, of another width, or can't be read.
    #[inline]
    pub(super) fn take(&self, column: usize, place: &Place, take: impl FnOnce(Value<'a>)) -> bool {
        let Place::Fixed(scalar, at) = *place else { return false };
        if self.body.get(NULLS_AT + column / 8).is_none_or(|bits| bits & (1 << (column % 8)) != 0) {
            return false;
        }
        match scalar {
            Scalar::Float32 => self.hand(at, |bytes| take(Value::Float(f32::from_le_bytes(bytes).into()))),
            Scalar::Float64 => self.hand(at, |bytes| take(Value::Float(f64::from_le_bytes(bytes)))),
            Scalar::Int32 => self.hand(at, |bytes| take(Value::Int(i32::from_le_bytes(bytes).into()))),
            Scalar::Int64 => self.hand(at, |bytes| take(Value::Int(i64::from_le_bytes(bytes)))),
            Scalar::Timestamp => self.hand(at, |bytes| take(Value::Time(i64::from_le_bytes(bytes)))),
            Scalar::Bool => self.hand(at, |[byte]| take(Value::Bool(byte != 0))),
            Scalar::String | Scalar::Bytes => false,
        }
    }

    #[inline]
    fn hand<const N: usize>(&self, at: usize, take: impl FnOnce([u8; N])) -> bool {
        self.bytes(at).map(take).is_some()
    }

    /// The value of a column at its place.
    #[inline]
    pub(super) fn read(&self, column: usize, place: &Place) -> Cell<'a> {
        if self.body.get(NULLS_AT + column / 8).is_none_or(|bits| bits & (1 << (column % 8)) != 0) {
            return Cell::Value(Value::Null);
        }
        let mut found = OUTSIDE;
        if self.take(column, place, |value| found = Cell::Value(value)) { found } else { self.slice(place) }
    }

    fn slice(&self, place: &Place) -> Cell<'a> {
        let value = match *place {
            Place::Vector(at, bytes) => {
                self.body.get(at..).and_then(|rest| List::vector(rest.get(..bytes)?)).map(Value::List)
            }
            Place::Bytes(index) => self.variable(index).map(Value::Bytes),
            Place::Text(index) => match self.variable(index).map(str::from_utf8) {
                Some(Ok(text)) => Some(Value::Str(text)),
                Some(Err(_)) => return Cell::Undecodable("the stored text is not UTF-8"),
                None => None,
            },
            Place::List(item, index) => match self.variable(index).map(|bytes| List::read(item, bytes)) {
                Some(Some(list)) => Some(Value::List(list)),
                Some(None) => return Cell::Undecodable("the stored list is not of its form"),
                None => None,
            },
            Place::Fixed(..) => None,
        };
        value.map_or(OUTSIDE, Cell::Value)
    }

    #[inline]
    fn bytes<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.body.get(at..)?.first_chunk().copied()
    }

    /// The bytes of a variable column.
    fn variable(&self, index: usize) -> Option<&'a [u8]> {
        let (ends_at, variable) = self.schema.variable_part();
        let from = index.checked_sub(1).map_or(Some(0), |before| self.end(before))?;
        self.body.get(ends_at + variable * 4..)?.get(from..self.end(index)?)
    }

    /// Where a variable column ends, counted from where the first begins.
    fn end(&self, index: usize) -> Option<usize> {
        let (ends_at, _) = self.schema.variable_part();
        usize::try_from(u32::from_le_bytes(self.bytes(ends_at + index * 4)?)).ok()
    }
}
