//! What a fitted file tells of the values of every slot, fitted or not.

use serde_json::Value as Json;

use crate::numbers::Reader;
use crate::scope::Fault;
use crate::value::Value;

/// Counts and range of the values of a slot before its first step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct SlotStats {
    pub(super) rows: u64,
    /// Null, missing, withheld, or NaN.
    pub(super) nulls: u64,
    /// ERROR.
    pub(super) errors: u64,
    range: Range,
}

/// The least and the greatest value. Texts, bytes and lists have none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Range {
    #[default]
    None,
    Int(i64, i64),
    Float(f64, f64),
    Time(i64, i64),
}

impl SlotStats {
    pub(super) fn add(&mut self, value: Result<Value<'_>, Fault>) {
        self.rows += 1;
        match value {
            Err(_) => self.errors += 1,
            Ok(Value::Null) => self.nulls += 1,
            Ok(Value::Float(value)) if value.is_nan() => self.nulls += 1,
            Ok(Value::Float(value)) => self.widen(Range::Float(value + 0.0, value + 0.0)),
            Ok(Value::Int(value)) => self.widen(Range::Int(value, value)),
            Ok(Value::Bool(value)) => self.widen(Range::Int(value.into(), value.into())),
            Ok(Value::Time(micros)) => self.widen(Range::Time(micros, micros)),
            Ok(Value::Str(_) | Value::Bytes(_) | Value::List(_)) => {}
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.nulls += other.nulls;
        self.errors += other.errors;
        self.widen(other.range);
    }

    fn widen(&mut self, other: Range) {
        self.range = match (self.range, other) {
            (Range::None, range) | (range, Range::None) => range,
            (Range::Int(a, b), Range::Int(c, d)) => Range::Int(a.min(c), b.max(d)),
            (Range::Float(a, b), Range::Float(c, d)) => Range::Float(a.min(c), b.max(d)),
            (Range::Time(a, b), Range::Time(c, d)) => Range::Time(a.min(c), b.max(d)),
            // All values of a slot are of its one type.
            (range, Range::Int(..) | Range::Float(..) | Range::Time(..)) => range,
        };
    }

    /// The least and the greatest value for the fitted file: times in microseconds; null where there is none, or an infinite one.
    pub(super) fn range(&self) -> [Json; 2] {
        match self.range {
            Range::None => [Json::Null, Json::Null],
            Range::Int(min, max) | Range::Time(min, max) => [min.into(), max.into()],
            Range::Float(min, max) => [min.into(), max.into()],
        }
    }

    pub(super) fn save(&self, out: &mut Vec<u8>) {
        for count in [self.rows, self.nulls, self.errors] {
            out.extend_from_slice(&count.to_le_bytes());
        }
        let (kind, bounds) = match self.range {
            Range::None => (0, [[0; 8]; 2]),
            Range::Int(min, max) => (1, [min.to_le_bytes(), max.to_le_bytes()]),
            Range::Float(min, max) => (2, [min.to_le_bytes(), max.to_le_bytes()]),
            Range::Time(min, max) => (3, [min.to_le_bytes(), max.to_le_bytes()]),
        };
        out.push(kind);
        bounds.iter().for_each(|bound| out.extend_from_slice(bound));
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut count = || reader.array().map(u64::from_le_bytes);
        let (rows, nulls, errors) = (count()?, count()?, count()?);
        let kind = reader.u8()?;
        let range = match kind {
            2 => Range::Float(reader.f64()?, reader.f64()?),
            0 | 1 | 3 => {
                let (min, max) = (reader.i64()?, reader.i64()?);
                match kind {
                    1 => Range::Int(min, max),
                    3 => Range::Time(min, max),
                    _ => Range::None,
                }
            }
            _ => return None,
        };
        Some(Self { rows, nulls, errors, range })
    }
}
