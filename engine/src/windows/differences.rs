//! Features that are differences of what all events up to two of them come to, for many rows at once.

use super::events::Events;
use super::finish::{Feature, Function};
use super::passed::Passed;
use super::plan::WindowPlan;
use super::prefix::{Prefix, Spans};
use super::sweep::{Asked, Sink};
use crate::dtype::{DType, Scalar};
use crate::value::Value;

/// Room for the values of one feature.
#[derive(Default)]
struct Room {
    counts: Vec<i64>,
    ints: Vec<i64>,
    floats: Vec<f64>,
    present: Vec<bool>,
}

impl WindowPlan {
    /// Gives the features that are differences, and tells which those are. It takes settled events, which enter in the order in which they stand.
    pub(super) fn differences<'v>(
        &'v self,
        events: &Events<'v>,
        rows: &[Asked<'_, 'v>],
        sink: &mut impl Sink<'v>,
    ) -> Vec<usize> {
        let times: Vec<i64> = events.heads().iter().map(|head| head.time).collect();
        let asked: Vec<i64> = rows.iter().map(|row| row.t).collect();
        let passed = self.passed(&times, &asked, |_| true);
        let prefixes: Vec<Option<Prefix>> = self.specs.iter().map(|spec| Prefix::of(spec, events, rows)).collect();
        let all = self.finishers().iter().enumerate().filter(|(_, feature)| feature.is_difference());
        self.give(all, &prefixes, &passed, sink)
    }

    /// Gives those of these features whose sums there are, and tells which those are.
    pub(super) fn give<'v>(
        &'v self,
        features: impl Iterator<Item = (usize, &'v Feature)>,
        prefixes: &[Option<Prefix>],
        passed: &Passed,
        sink: &mut impl Sink<'v>,
    ) -> Vec<usize> {
        let (mut room, mut given) = (Room::default(), Vec::new());
        for (position, feature) in features {
            if let (Some(Some(prefix)), Some(Some(left))) =
                (prefixes.get(feature.spec), passed.left.get(feature.length))
            {
                feature.give(position, prefix, &Spans { from: left, to: &passed.entered }, &mut room, sink);
                given.push(position);
            }
        }
        given
    }
}

impl Feature {
    /// Whether it is a difference, if what it reads is.
    pub(super) const fn is_difference(&self) -> bool {
        matches!(self.function, Function::Count | Function::Rate(_) | Function::Mean | Function::Sum)
    }

    /// Gives the feature of all rows: at once if none is a fault, else one by one.
    fn give<'v>(
        &'v self,
        position: usize,
        prefix: &Prefix,
        spans: &Spans<'_>,
        room: &mut Room,
        sink: &mut impl Sink<'v>,
    ) {
        let Room { counts, ints, floats, present } = room;
        prefix.counts(spans, counts);
        let is_sum_of = |scalar: Scalar| self.function == Function::Sum && self.dtype == DType::Scalar(scalar);
        let has_ints = if self.function == Function::Count {
            ints.clone_from(counts);
            true
        } else {
            is_sum_of(Scalar::Int64) && prefix.ints(spans, ints)
        };
        let empty = self.of_empty();
        if has_ints && let Ok(empty) = int_of(empty) {
            let present = filled(ints, counts, empty, present);
            return sink.ints(position, ints, present);
        }
        let has_floats = if let Function::Rate(seconds) = self.function {
            floats.clear();
            floats.extend(counts.iter().map(|count| *count as f64 / seconds));
            true
        } else if self.function == Function::Mean {
            prefix.floats(spans, floats);
            floats.iter_mut().zip(&*counts).for_each(|(sum, count)| *sum /= *count as f64);
            true
        } else if is_sum_of(Scalar::Float64) {
            prefix.floats(spans, floats);
            true
        } else {
            false
        };
        if has_floats && let Ok(empty) = float_of(empty) {
            let present = filled(floats, counts, empty, present);
            return sink.floats(position, floats, present);
        }
        for (row, accumulator) in prefix.accumulators(spans, counts).iter().enumerate() {
            sink.value(row, position, self.of_sum(accumulator));
        }
    }
}

/// A whole number, or null as none; an error if it is something else.
const fn int_of(value: Value<'_>) -> Result<Option<i64>, ()> {
    if value.is_null() {
        return Ok(None);
    }
    if let Value::Int(int) = value { Ok(Some(int)) } else { Err(()) }
}

/// A float, or null as none; an error if it is something else.
const fn float_of(value: Value<'_>) -> Result<Option<f64>, ()> {
    if value.is_null() {
        return Ok(None);
    }
    if let Value::Float(float) = value { Ok(Some(float)) } else { Err(()) }
}

/// Puts what an empty window gives where there is no value, and tells which rows have one; none: all do.
fn filled<'r, T: Copy + Default>(
    values: &mut [T],
    counts: &[i64],
    empty: Option<T>,
    present: &'r mut Vec<bool>,
) -> Option<&'r [bool]> {
    if !counts.contains(&0) {
        return None;
    }
    let put = empty.unwrap_or_default();
    for (value, count) in values.iter_mut().zip(counts) {
        *value = if *count == 0 { put } else { *value };
    }
    if empty.is_some() {
        return None;
    }
    present.clear();
    present.extend(counts.iter().map(|count| *count != 0));
    Some(present)
}
