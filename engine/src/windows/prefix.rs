//! Counts and sums over all events up to each: what a window has of them is a difference of two, so that no event has to enter and leave it.

use super::accumulator::{Accumulator, Kind, Read, Spec};
use super::events::{Events, Head, Id};
use super::sweep::Asked;
use crate::dtype::Scalar;
use crate::numbers::{Lane, Moments};
use crate::value::Value;

/// Counts and sums of what an accumulator reads of the events before each, exact, and of the request of each row.
pub(super) struct Prefix {
    counts: Counts,
    sums: Sums,
    /// What the request of each row adds; empty for a view that does not include it.
    requests: Vec<(i64, i128)>,
}

enum Counts {
    /// Every event counts.
    All,
    Each(Vec<u32>),
}

enum Sums {
    None,
    Ints(Vec<i128>),
    Floats(Lane, Vec<i128>),
}

impl Prefix {
    /// Of an accumulator that counts or sums; none for others, and for floats that lie too far apart.
    pub(super) fn of(spec: &Spec, events: &Events<'_>, rows: &[Asked<'_, '_>]) -> Option<Self> {
        let is_float = matches!(spec.read, Read::Column(_, Scalar::Float32 | Scalar::Float64));
        let values = || -> Vec<Option<Value<'_>>> {
            let rows = events.heads().iter().zip(events.rows());
            rows.map(|(head, row)| spec.read(head, row)).collect()
        };
        let (counts, sums) = match (spec.kind, is_float) {
            (Kind::Count, _) if spec.read == Read::Event && spec.filter.is_none() => (Counts::All, Sums::None),
            (Kind::Count, _) => (counts(&values()), Sums::None),
            (Kind::Sum, false) => {
                let values = values();
                (counts(&values), Sums::Ints(sums(&values, int)))
            }
            (Kind::Sum, true) => {
                let values = values();
                let requests = rows.iter().filter_map(|row| of_request(spec, row));
                let lane = Lane::of(values.iter().copied().flatten().chain(requests).filter_map(Value::as_f64))?;
                (counts(&values), Sums::Floats(lane, sums(&values, |value| float(lane, value))))
            }
            (
                Kind::Squares
                | Kind::Powers
                | Kind::Least
                | Kind::Greatest
                | Kind::Ends(..)
                | Kind::Tally
                | Kind::Distinct
                | Kind::Bins,
                _,
            ) => return None,
        };
        let of_row = |row: &Asked<'_, '_>| match (of_request(spec, row), &sums) {
            (None, _) => (0, 0),
            (Some(_), Sums::None) => (1, 0),
            (Some(value), Sums::Ints(_)) => (1, int(value)),
            (Some(value), Sums::Floats(lane, _)) => (1, float(*lane, value)),
        };
        let has_requests = rows.iter().any(|row| row.request.is_some());
        let requests = if has_requests { rows.iter().map(of_row).collect() } else { Vec::new() };
        Some(Self { counts, sums, requests })
    }

    /// For each row how many values it has, of its request and of the events from one position up to another.
    pub(super) fn counts(&self, from: &[u32], to: &[u32], out: &mut Vec<i64>) {
        out.clear();
        let spans = from.iter().zip(to);
        match &self.counts {
            Counts::All => out.extend(spans.map(|(from, to)| i64::from(*to) - i64::from(*from))),
            Counts::Each(counts) => out.extend(
                spans.map(|(from, to)| i64::from(at(counts, *to as usize)) - i64::from(at(counts, *from as usize))),
            ),
        }
        out.iter_mut().zip(&self.requests).for_each(|(count, (more, _))| *count += more);
    }

    /// The sum of those values, in a unit of its own.
    #[inline]
    pub(super) fn sum(&self, row: usize, from: usize, to: usize) -> i128 {
        let (_, added) = at(&self.requests, row);
        added
            + match &self.sums {
                Sums::None => 0,
                Sums::Ints(sums) | Sums::Floats(_, sums) => at(sums, to) - at(sums, from),
            }
    }

    /// Such a sum as a float, rounded once.
    #[inline]
    pub(super) fn round(&self, sum: i128) -> f64 {
        match &self.sums {
            Sums::None | Sums::Ints(_) => sum as f64,
            Sums::Floats(lane, _) => lane.round(sum),
        }
    }

    /// An accumulator to which so many values with such a sum were added.
    pub(super) fn accumulator<'v>(&self, count: i64, sum: i128) -> Accumulator<'v> {
        match &self.sums {
            Sums::None => Accumulator::Count(count),
            Sums::Ints(_) => Accumulator::IntSum(count, sum),
            Sums::Floats(lane, _) => Accumulator::Sum(Moments::of_sum(count, lane.sum(sum))),
        }
    }
}

#[inline]
fn at<T: Copy + Default>(values: &[T], position: usize) -> T {
    values.get(position).copied().unwrap_or_default()
}

fn int(value: Value<'_>) -> i128 {
    if let Value::Int(int) = value { int.into() } else { i128::from(value == Value::Bool(true)) }
}

fn float(lane: Lane, value: Value<'_>) -> i128 {
    value.as_f64().map_or(0, |float| lane.whole(float))
}

/// What it reads of the request of a row.
#[inline]
fn of_request<'v>(spec: &Spec, row: &Asked<'_, 'v>) -> Option<Value<'v>> {
    spec.read(&Head { time: row.t, id: Id::None, version: 0 }, row.request?)
}

fn counts(values: &[Option<Value<'_>>]) -> Counts {
    if values.iter().all(Option::is_some) {
        return Counts::All;
    }
    let mut counts = Vec::with_capacity(values.len() + 1);
    let mut count = 0;
    counts.push(count);
    for value in values {
        count += u32::from(value.is_some());
        counts.push(count);
    }
    Counts::Each(counts)
}

/// The sum of the values before each, and of all.
fn sums(values: &[Option<Value<'_>>], whole: impl Fn(Value<'_>) -> i128) -> Vec<i128> {
    let mut sums = Vec::with_capacity(values.len() + 1);
    let mut sum = 0;
    sums.push(sum);
    for value in values {
        sum += value.map_or(0, &whole);
        sums.push(sum);
    }
    sums
}
