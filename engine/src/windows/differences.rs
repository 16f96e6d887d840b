//! Features that are differences of what all events up to two of them come to, for many rows at once.

use super::bounds::Bounds;
use super::events::Events;
use super::finish::{Feature, Function};
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
        let entered = self.entered(&times, &asked);
        let left = |length: &Option<i64>| Some(self.left(&times, &asked, *length));
        let left: Vec<Option<Vec<u32>>> = self.lengths.iter().map(left).collect();
        let prefixes: Vec<Option<Prefix>> = self.specs.iter().map(|spec| Prefix::of(spec, events, rows)).collect();
        let all = self.finishers().iter().enumerate().filter(|(_, feature)| feature.is_difference());
        self.give(all, &prefixes, (&left, &entered), sink)
    }

    /// For each row how many events have entered the windows.
    pub(super) fn entered(&self, times: &[i64], asked: &[i64]) -> Vec<u32> {
        match self.bounds.hop {
            // The compiler is told what does not change from row to row.
            None => {
                let bounds = Bounds { hop: None, ..self.bounds };
                until(times, asked, |t| bounds.end(t))
            }
            Some(_) => until(times, asked, |t| self.bounds.end(t)),
        }
    }

    /// For each row how many events have left the windows of a length.
    pub(super) fn left(&self, times: &[i64], asked: &[i64], length: Option<i64>) -> Vec<u32> {
        match (self.bounds.hop, length) {
            (None, Some(length)) => {
                let bounds = Bounds { hop: None, ..self.bounds };
                until(times, asked, |t| bounds.start(t, Some(length)))
            }
            (None | Some(_), _) => until(times, asked, |t| self.bounds.start(t, length)),
        }
    }

    /// Gives those of these features whose sums there are, and tells which those are. `left` and `entered`: for each row how many events have left the
    /// windows of each length, and how many have entered.
    pub(super) fn give<'v>(
        &'v self,
        features: impl Iterator<Item = (usize, &'v Feature)>,
        prefixes: &[Option<Prefix>],
        (left, entered): (&[Option<Vec<u32>>], &[u32]),
        sink: &mut impl Sink<'v>,
    ) -> Vec<usize> {
        let (mut room, mut given) = (Room::default(), Vec::new());
        for (position, feature) in features {
            if let (Some(Some(prefix)), Some(Some(left))) = (prefixes.get(feature.spec), left.get(feature.length)) {
                feature.give(position, prefix, &Spans { from: left, to: entered }, &mut room, sink);
                given.push(position);
            }
        }
        given
    }
}

/// For each row how many events there are up to what `edge` makes of its time. Both stand in the order of time.
#[inline]
fn until(times: &[i64], asked: &[i64], edge: impl Fn(i64) -> i64) -> Vec<u32> {
    let mut count = 0;
    let of_row = |t: &i64| {
        let edge = edge(*t);
        while let Some(time) = times.get(count)
            && *time <= edge
        {
            count += 1;
        }
        count as u32
    };
    asked.iter().map(of_row).collect()
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
