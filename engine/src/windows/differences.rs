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
    counts: Vec<i64>,
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
        let entered = until(heads, rows, |t| bounds.end(t));
        let left = |length: &Option<i64>| until(heads, rows, |t| bounds.start(t, *length));
        let left: Vec<Vec<u32>> = self.lengths.iter().map(left).collect();
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

/// For each row how many events there are up to what `edge` makes of its time.
fn until(heads: &[Head<'_>], rows: &[Asked<'_, '_>], edge: impl Fn(i64) -> i64) -> Vec<u32> {
    let (mut counts, mut rest) = (Vec::with_capacity(rows.len()), heads.iter());
    let mut next = rest.next().map(|head| head.time);
    let mut count = 0;
    for row in rows {
        let edge = edge(row.t);
        while let Some(time) = next
            && time <= edge
        {
            count += 1;
            next = rest.next().map(|head| head.time);
        }
        counts.push(count);
    }
    counts
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
        prefix.counts(spans.from, spans.to, &mut room.counts);
        let has_ints = if self.function == Function::Count {
            fill(&room.counts, int, |_, count| Some(count), &mut room.ints)
        } else if is_sum && is(Scalar::Int64) {
            fill(&room.counts, int, |row, _| i64::try_from(spans.sum(prefix, row)).ok(), &mut room.ints)
        } else {
            false
        };
        if has_ints {
            return sink.ints(position, &room.ints);
        }
        let total = |row: usize| prefix.round(spans.sum(prefix, row));
        let has_floats = if self.function == Function::Mean {
            fill(&room.counts, float, |row, count| Some(total(row) / count as f64), &mut room.floats)
        } else if let Function::Rate(seconds) = self.function {
            fill(&room.counts, float, |_, count| Some(count as f64 / seconds), &mut room.floats)
        } else if is_sum && is(Scalar::Float64) {
            fill(&room.counts, float, |row, _| Some(total(row)), &mut room.floats)
        } else {
            false
        };
        if has_floats {
            return sink.floats(position, &room.floats);
        }
        for (row, count) in room.counts.iter().enumerate() {
            sink.value(row, position, self.of_sum(&prefix.accumulator(*count, spans.sum(prefix, row))));
        }
    }
}

impl Spans<'_> {
    /// The sum of the events of a row and of its request, in the unit of the sums.
    #[inline]
    fn sum(&self, prefix: &Prefix, row: usize) -> i128 {
        let (Some(from), Some(to)) = (self.from.get(row), self.to.get(row)) else { return 0 };
        prefix.sum(row, *from as usize, *to as usize)
    }
}

/// The values of all rows; false if one of them has none. `empty`: that of a window without values.
#[inline]
fn fill<T: Copy>(counts: &[i64], empty: Option<T>, of: impl Fn(usize, i64) -> Option<T>, out: &mut Vec<T>) -> bool {
    out.clear();
    out.reserve(counts.len());
    for (row, count) in counts.iter().enumerate() {
        let Some(value) = (if *count == 0 { empty } else { of(row, *count) }) else { return false };
        out.push(value);
    }
    true
}
