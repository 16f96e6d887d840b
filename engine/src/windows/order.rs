//! The order of values, in which ties are broken: null first, numbers and times by value, text and bytes byte by byte, false before true.

use std::cmp::Ordering;

use crate::value::Value;

/// A value in the form in which windows see it: NaN is null, −0.0 is +0.0.
#[must_use]
pub(super) fn projected(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Float(number) if number.is_nan() => Value::Null,
        // Plus zero turns −0.0 into +0.0 and nothing else into anything.
        Value::Float(number) => Value::Float(number + 0.0),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Str(_)
        | Value::Bytes(_)
        | Value::Time(_)
        | Value::List(_) => value,
    }
}

/// Rows of projected values, one after the other, of columns.
#[must_use]
pub(super) fn projected_rows<'v>(columns: &[&[Value<'v>]]) -> Vec<Value<'v>> {
    if let [one] = columns {
        return one.iter().copied().map(projected).collect();
    }
    let rows = columns.first().map_or(0, |column| column.len());
    let row = |row: usize| columns.iter().map(move |column| projected(column.get(row).copied().unwrap_or(Value::Null)));
    (0..rows).flat_map(row).collect()
}

/// Compares two projected values of one type.
pub(super) fn compare(a: Value<'_>, b: Value<'_>) -> Ordering {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) | (Value::Time(a), Value::Time(b)) => a.cmp(&b),
        (Value::Float(a), Value::Float(b)) => a.total_cmp(&b),
        (Value::Str(a), Value::Str(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(&b),
        // Null before all others; values of two types don't meet in one column.
        (a, b) => rank(a).cmp(&rank(b)),
    }
}

const fn rank(value: Value<'_>) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Int(_) => 2,
        Value::Float(_) => 3,
        Value::Str(_) => 4,
        Value::Bytes(_) => 5,
        Value::Time(_) => 6,
        Value::List(_) => 7,
    }
}

/// Compares two rows of projected values, value by value.
pub(super) fn compare_all(a: &[Value<'_>], b: &[Value<'_>]) -> Ordering {
    a.iter().zip(b).map(|(a, b)| compare(*a, *b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// A projected value with its order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ordered<'a>(pub(super) Value<'a>);

impl PartialEq for Ordered<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ordered<'_> {}

impl PartialOrd for Ordered<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(self.0, other.0)
    }
}
