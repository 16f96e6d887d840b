//! One Arrow array, its type found once, read row by row as values of a declared type.

use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use bumpalo::Bump;

use super::numbers::{Floats, Ints, Times};
use super::texts::{Blobs, Lists, Texts};
use crate::dtype::{DType, Scalar};
use crate::row::json::{gather, item_of};
use crate::row::time;
use crate::value::{Value, float32};

/// An Arrow array as a column of a declared type.
///
/// Values convert without loss, or not at all: an int fits the int type, or is exact as the float type. Only a float64 array as a
/// float32 column rounds, to nearest, as numbers of JSON do.
#[derive(Clone, Debug)]
pub struct Column<'a> {
    dtype: DType,
    len: usize,
    nulls: Option<NullBuffer>,
    kind: Kind<'a>,
}

#[derive(Clone, Debug)]
enum Kind<'a> {
    Null,
    Bool(&'a BooleanArray),
    Int32(Ints<'a>),
    Int64(Ints<'a>),
    IntAsFloat32(Ints<'a>),
    IntAsFloat64(Ints<'a>),
    Float32(Floats<'a>),
    Float64(Floats<'a>),
    Text(Texts<'a>),
    Bytes(Blobs<'a>),
    Time(Times<'a>),
    Dictionary(Ints<'a>, Box<Column<'a>>),
    List(Lists<'a>, Box<Column<'a>>),
}

/// Values that need no conversion, and can't be wrong but for a time that is far away.
enum Plain<'a> {
    Ints(&'a [i64]),
    Floats(&'a [f64]),
    Times(&'a [i64]),
}

impl<'a> Kind<'a> {
    const fn plain(&self) -> Option<Plain<'a>> {
        match self {
            Self::Int64(Ints::I64(ints)) => Some(Plain::Ints(ints)),
            Self::Float64(Floats::F64(floats)) => Some(Plain::Floats(floats)),
            Self::Time(Times::Micros(times)) => Some(Plain::Times(times)),
            Self::Null
            | Self::Bool(_)
            | Self::Int32(_)
            | Self::Int64(_)
            | Self::IntAsFloat32(_)
            | Self::IntAsFloat64(_)
            | Self::Float32(_)
            | Self::Float64(_)
            | Self::Text(_)
            | Self::Bytes(_)
            | Self::Time(_)
            | Self::Dictionary(..)
            | Self::List(..) => None,
        }
    }
}

impl<'a> Column<'a> {
    /// An array as a column of a type.
    ///
    /// # Errors
    /// An array of a type that can't be read as the declared one, in words.
    pub fn new(array: &'a dyn Array, dtype: DType) -> Result<Self, String> {
        let kind = match array.as_any_dictionary_opt() {
            Some(dictionary) => Ints::of(dictionary.keys())
                .map(|keys| Ok::<_, String>(Kind::Dictionary(keys, Box::new(Self::new(dictionary.values(), dtype)?))))
                .transpose()?,
            None if *array.data_type() == DataType::Null => Some(Kind::Null),
            None => Self::kind(array, dtype)?,
        };
        match kind {
            Some(kind) => Ok(Self { dtype, len: array.len(), nulls: nulls_of(array), kind }),
            None => Err(format!(
                "an arrow column of type {} can't be read as {dtype}; {} can",
                array.data_type(),
                readable(dtype)
            )),
        }
    }

    /// An array of bools, whole numbers or floats as a column of the widest type of its kind.
    ///
    /// # Errors
    /// An array of another type, in words.
    pub fn of_numbers(array: &'a dyn Array) -> Result<Self, String> {
        let dtype = array.data_type();
        let scalar = if *dtype == DataType::Boolean {
            Scalar::Bool
        } else if dtype.is_integer() {
            Scalar::Int64
        } else if dtype.is_floating() {
            Scalar::Float64
        } else {
            return Err(format!("an arrow column of type {dtype} has no numbers"));
        };
        Self::new(array, scalar.into())
    }

    fn kind(array: &'a dyn Array, dtype: DType) -> Result<Option<Kind<'a>>, String> {
        let float = |of_floats: fn(Floats<'a>) -> Kind<'a>, of_ints: fn(Ints<'a>) -> Kind<'a>| {
            Floats::of(array).map(of_floats).or_else(|| Ints::of(array).map(of_ints))
        };
        Ok(match dtype {
            DType::Scalar(Scalar::Bool) => array.as_boolean_opt().map(Kind::Bool),
            DType::Scalar(Scalar::Int32) => Ints::of(array).map(Kind::Int32),
            DType::Scalar(Scalar::Int64) => Ints::of(array).map(Kind::Int64),
            DType::Scalar(Scalar::Float32) => float(Kind::Float32, Kind::IntAsFloat32),
            DType::Scalar(Scalar::Float64) => float(Kind::Float64, Kind::IntAsFloat64),
            DType::Scalar(Scalar::String) => Texts::of(array).map(Kind::Text),
            DType::Scalar(Scalar::Bytes) => Blobs::of(array).map(Kind::Bytes),
            DType::Scalar(Scalar::Timestamp) => Times::of(array).map(Kind::Time),
            DType::List(_) | DType::Vector(_) => match (Lists::of(array), item_of(dtype)) {
                (Some(lists), Some(item)) => Some(Kind::List(lists, Box::new(Self::new(lists.items(), item.into())?))),
                _ => None,
            },
        })
    }

    /// The declared type.
    #[must_use]
    pub const fn dtype(&self) -> DType {
        self.dtype
    }

    /// How many rows it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether every value is null or a number that fits the declared type, so that [`Column::numbers`] reads them.
    #[must_use]
    pub const fn is_numbers(&self) -> bool {
        match &self.kind {
            Kind::Int32(ints) => ints.fit_int32(),
            Kind::Int64(ints) => ints.fit_int64(),
            Kind::Float32(floats) => floats.fit_float32(),
            Kind::Float64(_) => true,
            Kind::Null
            | Kind::Bool(_)
            | Kind::IntAsFloat32(_)
            | Kind::IntAsFloat64(_)
            | Kind::Text(_)
            | Kind::Bytes(_)
            | Kind::Time(_)
            | Kind::Dictionary(..)
            | Kind::List(..) => false,
        }
    }

    /// Rows from `start` as float64, as many as `out` takes: what [`Value::as_f64`] gives, and NaN for null. For a column that
    /// [`Column::is_numbers`]; another gives null.
    pub fn numbers(&self, start: usize, out: &mut [f64]) {
        match &self.kind {
            Kind::Int32(ints) | Kind::Int64(ints) => ints.widen(start, out),
            Kind::Float32(floats) | Kind::Float64(floats) => floats.widen(start, out),
            Kind::Null
            | Kind::Bool(_)
            | Kind::IntAsFloat32(_)
            | Kind::IntAsFloat64(_)
            | Kind::Text(_)
            | Kind::Bytes(_)
            | Kind::Time(_)
            | Kind::Dictionary(..)
            | Kind::List(..) => out.fill(f64::NAN),
        }
        self.blank(start, out, f64::NAN);
    }

    /// The same rounded to float32, once.
    pub fn float32s(&self, start: usize, out: &mut [f32]) {
        match &self.kind {
            Kind::Int32(ints) | Kind::Int64(ints) => ints.narrow(start, out),
            Kind::Float32(floats) | Kind::Float64(floats) => floats.narrow(start, out),
            Kind::Null
            | Kind::Bool(_)
            | Kind::IntAsFloat32(_)
            | Kind::IntAsFloat64(_)
            | Kind::Text(_)
            | Kind::Bytes(_)
            | Kind::Time(_)
            | Kind::Dictionary(..)
            | Kind::List(..) => out.fill(f32::NAN),
        }
        self.blank(start, out, f32::NAN);
    }

    /// Puts `null` where rows from `start` are null.
    fn blank<N: Copy>(&self, start: usize, out: &mut [N], null: N) {
        if let Some(nulls) = &self.nulls {
            for (at, number) in out.iter_mut().enumerate() {
                if nulls.is_null(start + at) {
                    *number = null;
                }
            }
        }
    }

    /// The value of a row; null behind the end. Lists take room in `arena`.
    ///
    /// # Errors
    /// A value that does not fit the declared type, in words.
    #[inline]
    pub fn value<'v>(&self, row: usize, arena: &'v Bump) -> Result<Value<'v>, String>
    where
        'a: 'v,
    {
        if row >= self.len || self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return Ok(Value::Null);
        }
        match &self.kind {
            Kind::Null => Ok(Value::Null),
            Kind::Bool(array) => Ok(Value::Bool(array.value(row))),
            Kind::Int32(ints) => {
                let int = ints.get(row);
                i32::try_from(int).map(|int| Value::Int(int.into())).map_err(|_| self.outside(int))
            }
            Kind::Int64(ints) => {
                let int = ints.get(row);
                i64::try_from(int).map(Value::Int).map_err(|_| self.outside(int))
            }
            Kind::IntAsFloat32(ints) => {
                exact(ints.get(row), 24).map(Value::Float).ok_or_else(|| self.inexact(ints, row))
            }
            Kind::IntAsFloat64(ints) => {
                exact(ints.get(row), 53).map(Value::Float).ok_or_else(|| self.inexact(ints, row))
            }
            Kind::Float32(floats) => {
                let float = floats.get(row);
                float32(float)
                    .map(|float| Value::Float(float.into()))
                    .ok_or_else(|| self.outside(format_args!("{float:e}")))
            }
            Kind::Float64(floats) => Ok(Value::Float(floats.get(row))),
            Kind::Text(texts) => Ok(Value::Str(texts.get(row))),
            Kind::Bytes(blobs) => Ok(Value::Bytes(blobs.get(row))),
            Kind::Time(times) => {
                times.get(row).map(Value::Time).ok_or_else(|| "is outside the years 1 to 9999".to_owned())
            }
            Kind::Dictionary(keys, values) => match usize::try_from(keys.get(row)) {
                Ok(key) => values.value(key, arena),
                Err(_) => Ok(Value::Null),
            },
            Kind::List(lists, items) => {
                let mut values = Vec::new();
                for item in lists.get(row) {
                    values.push(items.value(item, arena).map_err(|why| format!("item {}: {why}", values.len()))?);
                }
                gather(self.dtype, &values, arena)
            }
        }
    }

    /// All values, if they are int64 or times, none of them null and all of them fit: what [`Column::value`] gives for each row.
    #[must_use]
    pub fn plain_ints(&self) -> Option<&'a [i64]> {
        match self.plain()? {
            Plain::Ints(ints) => Some(ints),
            Plain::Times(times) => times.iter().all(|micros| time::is_writable(*micros)).then_some(times),
            Plain::Floats(_) => None,
        }
    }

    /// All values, if they are float64 and none of them null.
    #[must_use]
    pub fn plain_floats(&self) -> Option<&'a [f64]> {
        if let Plain::Floats(floats) = self.plain()? { Some(floats) } else { None }
    }

    const fn plain(&self) -> Option<Plain<'a>> {
        if self.nulls.is_none() { self.kind.plain() } else { None }
    }

    /// Appends the values of these rows: what [`Column::value`] gives for each, with the type looked at once. A row that is not there is null.
    ///
    /// # Errors
    /// The first row whose value does not fit the declared type, by its place among these, and why.
    pub fn gather<'v>(
        &self,
        rows: impl Iterator<Item = usize> + Clone,
        arena: &'v Bump,
        out: &mut Vec<Value<'v>>,
    ) -> Result<(), (usize, String)>
    where
        'a: 'v,
    {
        match self.plain() {
            Some(Plain::Ints(ints)) => {
                out.extend(rows.map(|row| ints.get(row).map_or(Value::Null, |int| Value::Int(*int))))
            }
            Some(Plain::Floats(floats)) => {
                out.extend(rows.map(|row| floats.get(row).map_or(Value::Null, |float| Value::Float(*float))));
            }
            Some(Plain::Times(times)) => {
                for (place, row) in rows.enumerate() {
                    out.push(match times.get(row) {
                        Some(micros) if time::is_writable(*micros) => Value::Time(*micros),
                        Some(_) | None => self.value(row, arena).map_err(|why| (place, why))?,
                    });
                }
            }
            None => {
                for (place, row) in rows.enumerate() {
                    out.push(self.value(row, arena).map_err(|why| (place, why))?);
                }
            }
        }
        Ok(())
    }

    fn outside(&self, value: impl std::fmt::Display) -> String {
        format!("{value} does not fit {}", self.dtype)
    }

    fn inexact(&self, ints: &Ints<'_>, row: usize) -> String {
        format!("{} is not exact as {}; declare the column as int64", ints.get(row), self.dtype)
    }
}

/// Which values are null, if any is.
fn nulls_of(array: &dyn Array) -> Option<NullBuffer> {
    array.logical_nulls().filter(|nulls| nulls.null_count() > 0)
}

/// A whole number as a float that has `bits` of precision, if it is exact.
#[expect(clippy::cast_precision_loss, reason = "it is exact when it is taken")]
fn exact(int: i128, bits: u32) -> Option<f64> {
    let magnitude = int.unsigned_abs();
    let needed = (128 - magnitude.leading_zeros()).saturating_sub(magnitude.trailing_zeros().min(127));
    (needed <= bits).then_some(int as f64)
}

/// Which Arrow types can be read as a type.
const fn readable(dtype: DType) -> &'static str {
    match dtype {
        DType::Scalar(Scalar::Bool) => "Boolean",
        DType::Scalar(Scalar::Int32 | Scalar::Int64) => "Int8 to Int64 and UInt8 to UInt64",
        DType::Scalar(Scalar::Float32 | Scalar::Float64) => "Float16 to Float64, and ints that are exact,",
        DType::Scalar(Scalar::String) => "Utf8, LargeUtf8, Utf8View and dictionaries of them",
        DType::Scalar(Scalar::Bytes) => "Binary, LargeBinary, BinaryView, FixedSizeBinary and dictionaries of them",
        DType::Scalar(Scalar::Timestamp) => "Timestamp and Date32",
        DType::List(_) | DType::Vector(_) => "List, LargeList and FixedSizeList of items that can",
    }
}
