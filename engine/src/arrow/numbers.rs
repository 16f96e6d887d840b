//! Arrow arrays of numbers and times, whatever their width.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrowPrimitiveType, Float16Array};

use crate::row::time;

/// The values of a primitive array.
fn values<T: ArrowPrimitiveType>(array: &dyn Array) -> Option<&[T::Native]> {
    array.as_primitive_opt::<T>().map(|array| &**array.values())
}

/// Whole numbers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ints<'a> {
    I8(&'a [i8]),
    I16(&'a [i16]),
    I32(&'a [i32]),
    I64(&'a [i64]),
    U8(&'a [u8]),
    U16(&'a [u16]),
    U32(&'a [u32]),
    U64(&'a [u64]),
}

impl<'a> Ints<'a> {
    pub(super) fn of(array: &'a dyn Array) -> Option<Self> {
        let signed = values::<Int64Type>(array)
            .map(Self::I64)
            .or_else(|| values::<Int32Type>(array).map(Self::I32))
            .or_else(|| values::<Int16Type>(array).map(Self::I16))
            .or_else(|| values::<Int8Type>(array).map(Self::I8));
        signed
            .or_else(|| values::<UInt8Type>(array).map(Self::U8))
            .or_else(|| values::<UInt16Type>(array).map(Self::U16))
            .or_else(|| values::<UInt32Type>(array).map(Self::U32))
            .or_else(|| values::<UInt64Type>(array).map(Self::U64))
    }

    /// Whether an int32 holds every value that the array can.
    pub(super) const fn fit_int32(self) -> bool {
        matches!(self, Self::I8(_) | Self::I16(_) | Self::I32(_) | Self::U8(_) | Self::U16(_))
    }

    /// Whether an int64 holds every value that the array can.
    pub(super) const fn fit_int64(self) -> bool {
        self.fit_int32() || matches!(self, Self::I64(_) | Self::U32(_))
    }

    /// Rows from `start`, rounded to float64; behind the end nothing is written.
    pub(super) fn widen(self, start: usize, out: &mut [f64]) {
        match self {
            Self::I8(values) => copy(values, start, out, f64::from),
            Self::I16(values) => copy(values, start, out, f64::from),
            Self::I32(values) => copy(values, start, out, f64::from),
            Self::I64(values) => copy(values, start, out, |value| value as f64),
            Self::U8(values) => copy(values, start, out, f64::from),
            Self::U16(values) => copy(values, start, out, f64::from),
            Self::U32(values) => copy(values, start, out, f64::from),
            Self::U64(values) => copy(values, start, out, |value| value as f64),
        }
    }

    /// The same rounded to float32.
    pub(super) fn narrow(self, start: usize, out: &mut [f32]) {
        match self {
            Self::I8(values) => copy(values, start, out, f32::from),
            Self::I16(values) => copy(values, start, out, f32::from),
            Self::I32(values) => copy(values, start, out, |value| value as f32),
            Self::I64(values) => copy(values, start, out, |value| value as f32),
            Self::U8(values) => copy(values, start, out, f32::from),
            Self::U16(values) => copy(values, start, out, f32::from),
            Self::U32(values) => copy(values, start, out, |value| value as f32),
            Self::U64(values) => copy(values, start, out, |value| value as f32),
        }
    }

    /// The number of a row that the array has.
    #[inline]
    pub(super) fn get(self, row: usize) -> i128 {
        match self {
            Self::I8(values) => values[row].into(),
            Self::I16(values) => values[row].into(),
            Self::I32(values) => values[row].into(),
            Self::I64(values) => values[row].into(),
            Self::U8(values) => values[row].into(),
            Self::U16(values) => values[row].into(),
            Self::U32(values) => values[row].into(),
            Self::U64(values) => values[row].into(),
        }
    }
}

fn copy<T: Copy, N>(values: &[T], start: usize, out: &mut [N], convert: impl Fn(T) -> N) {
    for (number, value) in out.iter_mut().zip(values.get(start..).unwrap_or_default()) {
        *number = convert(*value);
    }
}

/// Numbers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Floats<'a> {
    F16(&'a Float16Array),
    F32(&'a [f32]),
    F64(&'a [f64]),
}

impl<'a> Floats<'a> {
    pub(super) fn of(array: &'a dyn Array) -> Option<Self> {
        values::<Float64Type>(array)
            .map(Self::F64)
            .or_else(|| values::<Float32Type>(array).map(Self::F32))
            .or_else(|| array.as_primitive_opt::<Float16Type>().map(Self::F16))
    }

    /// Whether a float32 holds every value that the array can.
    pub(super) const fn fit_float32(self) -> bool {
        matches!(self, Self::F16(_) | Self::F32(_))
    }

    /// Rows from `start`; behind the end nothing is written.
    pub(super) fn widen(self, start: usize, out: &mut [f64]) {
        match self {
            Self::F16(array) => copy(array.values(), start, out, |value| value.to_f64()),
            Self::F32(values) => copy(values, start, out, f64::from),
            Self::F64(values) => copy(values, start, out, |value| value),
        }
    }

    /// The same rounded to float32.
    #[expect(clippy::cast_possible_truncation, reason = "rounding is what it does")]
    pub(super) fn narrow(self, start: usize, out: &mut [f32]) {
        match self {
            Self::F16(array) => copy(array.values(), start, out, |value| value.to_f32()),
            Self::F32(values) => copy(values, start, out, |value| value),
            Self::F64(values) => copy(values, start, out, |value| value as f32),
        }
    }

    /// The number of a row that the array has.
    #[inline]
    pub(super) fn get(self, row: usize) -> f64 {
        match self {
            Self::F16(array) => array.value(row).to_f64(),
            Self::F32(values) => values[row].into(),
            Self::F64(values) => values[row],
        }
    }
}

/// Times. Those without a zone are UTC.
#[derive(Clone, Copy, Debug)]
pub(super) enum Times<'a> {
    Seconds(&'a [i64]),
    Millis(&'a [i64]),
    Micros(&'a [i64]),
    Nanos(&'a [i64]),
    /// Days, at midnight UTC.
    Days(&'a [i32]),
}

impl<'a> Times<'a> {
    pub(super) fn of(array: &'a dyn Array) -> Option<Self> {
        values::<TimestampMicrosecondType>(array)
            .map(Self::Micros)
            .or_else(|| values::<TimestampNanosecondType>(array).map(Self::Nanos))
            .or_else(|| values::<TimestampMillisecondType>(array).map(Self::Millis))
            .or_else(|| values::<TimestampSecondType>(array).map(Self::Seconds))
            .or_else(|| values::<Date32Type>(array).map(Self::Days))
    }

    /// The time of a row that the array has, in microseconds since 1970-01-01 UTC; finer is floored. None outside the years 1 to
    /// 9999.
    #[inline]
    pub(super) fn get(self, row: usize) -> Option<i64> {
        let time = match self {
            Self::Seconds(values) => values[row].checked_mul(1_000_000)?,
            Self::Millis(values) => values[row].checked_mul(1000)?,
            Self::Micros(values) => values[row],
            Self::Nanos(values) => values[row].div_euclid(1000),
            Self::Days(values) => i64::from(values[row]) * 86_400_000_000,
        };
        time::is_writable(time).then_some(time)
    }
}
