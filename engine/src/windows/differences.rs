//! Features that are differences of what all events up to two of them come to, for many rows at once.

use super::events::{Events, Head};
use super::finish::{Feature, Function};
use super::plan::WindowPlan;
use super::prefix::Prefix;
use super::sweep::{Asked, Sink};
use crate::dtype::{DType, Scalar};
use crate::value::Value;

/// Room for the values of one feature.
#[derive(Default)]
struct Room {
    ints: Vec<i64>,
    floats: Vec<f64>,
}

/// For each row the events of a window: from one position up to another.
struct Spans<'a> {
    from: &'a [u32],
    to: &'a [u32],
}

impl WindowPlan {
    /// Gives the features that are differences, and tells which those are. It takes settled events, which enter in the order in which they stand.
    pub(super) fn differences<'v>(
        &'v self,
        events: &Events<'v>,
        rows: &[Asked<'_, 'v>],
        sink: &mut impl Sink<'v>,
    ) -> Vec<usize> {
        let heads = events.heads();
        let bounds = self.bounds;
        let entered = passed(heads, rows, |time| bounds.enters(time));
        let leaves = |length: &Option<i64>| passed(heads, rows, |time| bounds.leaves(time, *length));
        let left: Vec<Vec<u32>> = self.lengths.iter().map(leaves).collect();
        let prefixes: Vec<Option<Prefix>> = self.specs.iter().map(|spec| Prefix::of(spec, events, rows)).collect();
        let (mut room, mut given) = (Room::default(), Vec::new());
        for (position, feature) in self.finishers().iter().enumerate().filter(|(_, feature)| feature.is_difference()) {
            if let (Some(Some(prefix)), Some(left)) = (prefixes.get(feature.spec), left.get(feature.length)) {
                feature.give(position, prefix, &Spans { from: left, to: &entered }, &mut room, sink);
                given.push(position);
            }
        }
        given
    }
}

/// For each row how many events have come so far that what `moment` makes of their time has passed.
fn passed(heads: &[Head<'_>], rows: &[Asked<'_, '_>], moment: impl Fn(i64) -> i64) -> Vec<u32> {
    let (mut passed, mut at) = (Vec::with_capacity(rows.len()), 0_u32);
    for row in rows {
        while heads.get(at as usize).is_some_and(|head| moment(head.time) <= row.t) {
            at += 1;
        }
        passed.push(at);
    }
    passed
}

impl Feature {
    /// Whether it is a difference, if what it reads is.
    const fn is_difference(&self) -> bool {
        matches!(self.function, Function::Count | Function::Rate(_) | Function::Mean | Function::Sum)
    }

    /// Gives the feature of all rows: at once if none is null and none a fault, else one by one.
    fn give<'v>(
        &'v self,
        position: usize,
        prefix: &Prefix,
        spans: &Spans<'_>,
        room: &mut Room,
        sink: &mut impl Sink<'v>,
    ) {
        let is = |scalar: Scalar| self.dtype == DType::Scalar(scalar);
        let empty = self.of_empty();
        let (int, float) = (if let Value::Int(int) = empty { Some(int) } else { None }, empty.as_f64());
        let is_sum = self.function == Function::Sum;
        let has_ints = if self.function == Function::Count {
            run(prefix, spans, int, |count, _| Some(count), &mut room.ints)
        } else if is_sum && is(Scalar::Int64) {
            run(prefix, spans, int, |_, sum| i64::try_from(sum).ok(), &mut room.ints)
        } else {
            false
        };
        if has_ints {
            return sink.ints(position, &room.ints);
        }
        let has_floats = if self.function == Function::Mean {
            run(prefix, spans, float, |count, sum| Some(prefix.round(sum) / count as f64), &mut room.floats)
        } else if let Function::Rate(seconds) = self.function {
            run(prefix, spans, float, |count, _| Some(count as f64 / seconds), &mut room.floats)
        } else if is_sum && is(Scalar::Float64) {
            run(prefix, spans, float, |_, sum| Some(prefix.round(sum)), &mut room.floats)
        } else {
            false
        };
        if has_floats {
            return sink.floats(position, &room.floats);
        }
        for (row, (from, to)) in spans.from.iter().zip(spans.to).enumerate() {
            let (count, sum) = prefix.between(row, *from as usize, *to as usize);
            sink.value(row, position, self.of_sum(&prefix.accumulator(count, sum)));
        }
    }
}

/// The values of all rows; false if one of them has none. `empty`: that of a window without values.
fn run<T: Copy>(
    prefix: &Prefix,
    spans: &Spans<'_>,
    empty: Option<T>,
    of: impl Fn(i64, i128) -> Option<T>,
    out: &mut Vec<T>,
) -> bool {
    out.clear();
    out.reserve(spans.to.len());
    for (row, (from, to)) in spans.from.iter().zip(spans.to).enumerate() {
        let (count, sum) = prefix.between(row, *from as usize, *to as usize);
        let Some(value) = (if count == 0 { empty } else { of(count, sum) }) else { return false };
        out.push(value);
    }
    true
}
