//! One value as it flows through the engine: borrowed from a stored row, a request, an Arrow array or an arena; never owned.

use crate::dtype::Scalar;

/// A value, or null. Small and copied; text, bytes and lists are borrowed.
///
/// int32 and int64 are both [`Value::Int`], float32 and float64 both [`Value::Float`] (float32 widens exactly): the declared
/// type stands beside, in the definition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Nothing: null, missing or expired. The status beside says which.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number; may be NaN or infinite.
    Float(f64),
    /// UTF-8 text.
    Str(&'a str),
    /// Any bytes.
    Bytes(&'a [u8]),
    /// Microseconds since 1970-01-01 UTC.
    Time(i64),
    /// A list, or a fixed-size float32 vector.
    List(List<'a>),
}

impl<'a> Value<'a> {
    /// Whether it is null.
    #[must_use]
    pub const fn is_null(self) -> bool {
        matches!(self, Self::Null)
    }

    /// As float64: bool is 0 or 1, an int is rounded to nearest. None for what is no number, null included.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "the contract rounds ints to nearest, ties to even, as the cast does"
    )]
    pub const fn as_f64(self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(value),
            Self::Int(value) => Some(value as f64),
            Self::Bool(value) => Some(if value { 1.0 } else { 0.0 }),
            Self::Null | Self::Str(_) | Self::Bytes(_) | Self::Time(_) | Self::List(_) => None,
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub const fn as_str(self) -> Option<&'a str> {
        match self {
            Self::Str(text) => Some(text),
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::Bytes(_)
            | Self::Time(_)
            | Self::List(_) => None,
        }
    }
}

/// A value as an analyst reads it: `null`, `12`, `0.5`, `"text"`, `2026-01-31T09:30:00Z`, bytes in hexadecimal, lists in brackets.
#[must_use]
pub fn text(value: Value<'_>) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => number_text(value),
        Value::Str(text) => format!("{text:?}"),
        Value::Bytes(bytes) => bytes.iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02x}")),
        Value::Time(micros) => match jiff::Timestamp::from_microsecond(micros) {
            Ok(time) => time.to_string(),
            Err(_) => format!("{micros} µs"),
        },
        Value::List(list) => format!("[{}]", list.iter().map(text).collect::<Vec<_>>().join(", ")),
    }
}

/// A float64 as its shortest text, or `NaN`, `inf`, `-inf`.
#[must_use]
pub fn number_text(value: f64) -> String {
    if value.is_finite() { zmij::Buffer::new().format_finite(value).to_owned() } else { value.to_string() }
}

/// A list in its stored form: a view over bytes, read item by item without allocation.
///
/// The bytes, little-endian: `count: u32`; one null bit an item, lowest bit first, in ⌈count/8⌉ bytes (1: null); then, for items
/// of fixed width, the items one after the other, nulls as zeros; for strings and bytes, count + 1 offsets (u32) into the text
/// that follows, then the text.
#[derive(Clone, Copy, Debug)]
pub struct List<'a> {
    // Every value that flows through the engine has room for one. `form` is as wide as `count`, and its spare values are the tag of
    // `Value`: values are copied in whole words then.
    form: Form,
    count: u32,
    bytes: &'a [u8],
}

/// What the bytes of a list hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
enum Form {
    Bool,
    Int32,
    Int64,
    Float32,
    Float64,
    String,
    Bytes,
    Timestamp,
    /// A vector: its float32 items alone.
    Vector,
}

impl Form {
    const fn of(item: Scalar) -> Self {
        match item {
            Scalar::Bool => Self::Bool,
            Scalar::Int32 => Self::Int32,
            Scalar::Int64 => Self::Int64,
            Scalar::Float32 => Self::Float32,
            Scalar::Float64 => Self::Float64,
            Scalar::String => Self::String,
            Scalar::Bytes => Self::Bytes,
            Scalar::Timestamp => Self::Timestamp,
        }
    }

    const fn item(self) -> Scalar {
        match self {
            Self::Bool => Scalar::Bool,
            Self::Int32 => Scalar::Int32,
            Self::Int64 => Scalar::Int64,
            Self::Float32 | Self::Vector => Scalar::Float32,
            Self::Float64 => Scalar::Float64,
            Self::String => Scalar::String,
            Self::Bytes => Scalar::Bytes,
            Self::Timestamp => Scalar::Timestamp,
        }
    }
}

impl PartialEq for List<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.item() == other.item() && self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<'a> List<'a> {
    /// Views `bytes` as a list of `item`; none if they are not exactly one, or if a text is not UTF-8.
    #[must_use]
    pub fn read(item: Scalar, bytes: &'a [u8]) -> Option<Self> {
        let count = u32::from_le_bytes(*bytes.first_chunk()?);
        let list = Self { form: Form::of(item), count, bytes };
        let items = bytes.get(list.items_at()..)?;
        match item.width() {
            Some(width) => (Some(items.len()) == list.len().checked_mul(width)).then_some(list),
            None => list.texts_are_whole().then_some(list),
        }
    }

    /// Views the float32 items of a vector, which has neither count nor nulls.
    #[must_use]
    pub fn vector(items: &'a [u8]) -> Option<Self> {
        let count = u32::try_from(items.len() / 4).ok()?;
        items.len().is_multiple_of(4).then_some(Self { form: Form::Vector, count, bytes: items })
    }

    /// Where the items begin: behind the count and the null bits.
    const fn items_at(&self) -> usize {
        if self.is_vector() { 0 } else { 4 + self.len().div_ceil(8) }
    }

    /// Fixed items, or offsets and text.
    fn items(&self) -> &'a [u8] {
        self.bytes.get(self.items_at()..).unwrap_or_default()
    }

    fn texts_are_whole(&self) -> bool {
        let Some(table) = self.len().checked_add(1).and_then(|count| count.checked_mul(4)) else { return false };
        let Some((_, text)) = self.items().split_at_checked(table) else { return false };
        let mut from = 0;
        if self.offset(0) != 0 || self.offset(self.len()) != text.len() {
            return false;
        }
        (1..=self.len()).all(|index| {
            let to = self.offset(index);
            let whole =
                text.get(from..to).is_some_and(|part| self.form != Form::String || str::from_utf8(part).is_ok());
            from = to;
            whole
        })
    }

    /// Offset `index` of a list of texts, within its text.
    fn offset(&self, index: usize) -> usize {
        let bytes = self.items().get(index * 4..).and_then(|rest| rest.first_chunk::<4>());
        bytes.and_then(|bytes| usize::try_from(u32::from_le_bytes(*bytes)).ok()).unwrap_or(usize::MAX)
    }

    /// The type of its items.
    #[must_use]
    pub const fn item(&self) -> Scalar {
        self.form.item()
    }

    pub(crate) const fn is_vector(&self) -> bool {
        matches!(self.form, Form::Vector)
    }

    /// How many items it has, nulls included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Item `index`; null behind the end.
    #[must_use]
    pub fn get(&self, index: usize) -> Value<'a> {
        let is_null =
            !self.is_vector() && self.bytes.get(4 + index / 8).is_none_or(|bits| bits & (1 << (index % 8)) != 0);
        if is_null || index >= self.len() {
            return Value::Null;
        }
        match self.item() {
            Scalar::Bool => self.fixed(index).map_or(Value::Null, |[byte]: [u8; 1]| Value::Bool(byte != 0)),
            Scalar::Int32 => {
                self.fixed(index).map_or(Value::Null, |bytes| Value::Int(i32::from_le_bytes(bytes).into()))
            }
            Scalar::Int64 => self.fixed(index).map_or(Value::Null, |bytes| Value::Int(i64::from_le_bytes(bytes))),
            Scalar::Float32 => {
                self.fixed(index).map_or(Value::Null, |bytes| Value::Float(f32::from_le_bytes(bytes).into()))
            }
            Scalar::Float64 => self.fixed(index).map_or(Value::Null, |bytes| Value::Float(f64::from_le_bytes(bytes))),
            Scalar::Timestamp => self.fixed(index).map_or(Value::Null, |bytes| Value::Time(i64::from_le_bytes(bytes))),
            Scalar::String => {
                self.text(index).and_then(|text| str::from_utf8(text).ok()).map_or(Value::Null, Value::Str)
            }
            Scalar::Bytes => self.text(index).map_or(Value::Null, Value::Bytes),
        }
    }

    fn fixed<const N: usize>(&self, index: usize) -> Option<[u8; N]> {
        self.items().get(index * N..)?.first_chunk().copied()
    }

    fn text(&self, index: usize) -> Option<&'a [u8]> {
        let text = self.items().get((self.len() + 1) * 4..)?;
        text.get(self.offset(index)..self.offset(index + 1))
    }

    /// Its items in order.
    pub fn iter(&self) -> impl Iterator<Item = Value<'a>> + Clone + use<'a> {
        let list = *self;
        (0..list.len()).map(move |index| list.get(index))
    }
}

/// Appends a list of `item` in the form that [`List::read`] reads; false (and nothing appended) if an item is of another type or
/// the list is larger than its form can say.
#[must_use]
pub fn write_list<'v>(item: Scalar, values: impl Iterator<Item = Value<'v>> + Clone, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let count = values.clone().count();
    let Ok(header) = u32::try_from(count) else { return false };
    out.extend_from_slice(&header.to_le_bytes());
    let nulls = out.len();
    out.resize(nulls + count.div_ceil(8), 0);
    let offsets = out.len();
    if item.width().is_none() {
        out.resize(offsets + (count + 1) * 4, 0);
    }
    let text = out.len();
    for (index, value) in values.enumerate() {
        if value.is_null() {
            out[nulls + index / 8] |= 1 << (index % 8);
        }
        if !write_item(item, value, out) {
            out.truncate(start);
            return false;
        }
        if item.width().is_none() {
            let Ok(end) = u32::try_from(out.len() - text) else {
                out.truncate(start);
                return false;
            };
            out[offsets + (index + 1) * 4..][..4].copy_from_slice(&end.to_le_bytes());
        }
    }
    true
}

/// Appends one value of fixed width (null as zeros) or the bytes of a text; false if it is of another type or out of range.
///
/// float32 rounds to nearest; every NaN becomes the quiet one, so that equal values have equal bytes.
#[must_use]
pub fn write_item(item: Scalar, value: Value<'_>, out: &mut Vec<u8>) -> bool {
    match (item, value) {
        (_, Value::Null) => out.resize(out.len() + item.width().unwrap_or(0), 0),
        (Scalar::Bool, Value::Bool(value)) => out.push(u8::from(value)),
        (Scalar::Int32, Value::Int(value)) => {
            let Ok(value) = i32::try_from(value) else { return false };
            out.extend_from_slice(&value.to_le_bytes());
        }
        (Scalar::Int64, Value::Int(value)) | (Scalar::Timestamp, Value::Time(value)) => {
            out.extend_from_slice(&value.to_le_bytes());
        }
        (Scalar::Float32, Value::Float(value)) => {
            let Some(value) = float32(value) else { return false };
            out.extend_from_slice(&value.to_le_bytes());
        }
        (Scalar::Float64, Value::Float(value)) => out.extend_from_slice(&float64(value).to_le_bytes()),
        (Scalar::String, Value::Str(text)) => out.extend_from_slice(text.as_bytes()),
        (Scalar::Bytes, Value::Bytes(bytes)) => out.extend_from_slice(bytes),
        _ => return false,
    }
    true
}

/// Rounded to nearest; none for a finite number that would be infinite.
#[expect(clippy::cast_possible_truncation, reason = "the rounding that is wanted")]
pub(crate) fn float32(value: f64) -> Option<f32> {
    if value.is_nan() {
        return Some(f32::from_bits(0x7fc0_0000));
    }
    let rounded = value as f32;
    (rounded.is_finite() || value.is_infinite()).then_some(rounded)
}

/// As it is, but every NaN is the quiet one.
pub(crate) const fn float64(value: f64) -> f64 {
    if value.is_nan() { f64::from_bits(0x7ff8_0000_0000_0000) } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(item: Scalar, values: &[Value<'_>]) -> Vec<u8> {
        let mut out = Vec::new();
        assert!(write_list(item, values.iter().copied(), &mut out));
        out
    }

    #[test]
    fn a_value_is_small() {
        assert!(size_of::<Value<'_>>() <= 24);
    }

    #[test]
    fn lists_read_back() {
        let cases: [(Scalar, &[Value<'_>]); 5] = [
            (Scalar::Int64, &[Value::Int(1), Value::Null, Value::Int(-3)]),
            (Scalar::String, &[Value::Str("a"), Value::Str(""), Value::Null, Value::Str("ü")]),
            (Scalar::Bool, &[Value::Bool(true); 9]),
            (Scalar::Float32, &[Value::Float(0.5)]),
            (Scalar::Bytes, &[]),
        ];
        for (item, values) in cases {
            let bytes = written(item, values);
            let list = List::read(item, &bytes).unwrap();
            assert_eq!(list.iter().collect::<Vec<_>>(), values);
            for end in 0..bytes.len() {
                assert!(List::read(item, &bytes[..end]).is_none(), "{item} cut at {end}");
            }
        }
    }

    #[test]
    fn a_text_that_is_not_utf8_is_no_list() {
        let bytes = written(Scalar::Bytes, &[Value::Bytes(&[0xff])]);
        assert!(List::read(Scalar::Bytes, &bytes).is_some());
        assert!(List::read(Scalar::String, &bytes).is_none());
    }

    #[test]
    fn an_item_of_another_type_is_refused_and_leaves_nothing() {
        let mut out = vec![7];
        assert!(!write_list(Scalar::Int32, [Value::Int(1), Value::Int(1 << 40)].into_iter(), &mut out));
        assert_eq!(out, [7]);
    }
}
