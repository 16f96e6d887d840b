//! Sums over all events up to each: what a window has of them is a difference of two, so that no event has to enter and leave it.

use super::accumulator::{Accumulator, Kind, Read, Spec};
use super::events::Events;
use crate::dtype::Scalar;
use crate::numbers::{Lane, Moments};
use crate::value::Value;

/// Counts and sums of what an accumulator reads of the events before each, exact.
pub(super) struct Prefix {
    counts: Counts,
    sums: Sums,
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
    pub(super) fn of(spec: &Spec, events: &Events<'_>) -> Option<Self> {
        let is_float = matches!(spec.read, Read::Column(_, Scalar::Float32 | Scalar::Float64));
        match (spec.kind, is_float) {
            (Kind::Count, _) if spec.read == Read::Event && spec.filter.is_none() => {
                Some(Self { counts: Counts::All, sums: Sums::None })
            }
            (Kind::Count, _) => Some(Self { counts: counts(spec, events), sums: Sums::None }),
            (Kind::Sum, false) => {
                let sums = sums(spec, events, |value| {
                    if let Value::Int(int) = value { int.into() } else { i128::from(value == Value::Bool(true)) }
                });
                Some(Self { counts: counts(spec, events), sums: Sums::Ints(sums) })
            }
            (Kind::Sum, true) => {
                let lane = Lane::of(read(spec, events).flatten().filter_map(Value::as_f64))?;
                let sums = sums(spec, events, |value| value.as_f64().map_or(0, |float| lane.whole(float)));
                Some(Self { counts: counts(spec, events), sums: Sums::Floats(lane, sums) })
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
            ) => None,
        }
    }

    /// What the events from one position up to another come to.
    #[inline]
    pub(super) fn between<'v>(&self, from: usize, to: usize) -> Accumulator<'v> {
        let count = match &self.counts {
            Counts::All => to as i64 - from as i64,
            Counts::Each(counts) => i64::from(at(counts, to)) - i64::from(at(counts, from)),
        };
        match &self.sums {
            Sums::None => Accumulator::Count(count),
            Sums::Ints(sums) => Accumulator::IntSum(count, at(sums, to) - at(sums, from)),
            Sums::Floats(lane, sums) => {
                Accumulator::Sum(Moments::of_sum(count, lane.sum(at(sums, to) - at(sums, from))))
            }
        }
    }
}

#[inline]
fn at<T: Copy + Default>(sums: &[T], position: usize) -> T {
    sums.get(position).copied().unwrap_or_default()
}

/// What the accumulator reads of each event.
fn read<'e, 'v>(spec: &'e Spec, events: &'e Events<'v>) -> impl Iterator<Item = Option<Value<'v>>> + use<'e, 'v> {
    events.heads().iter().enumerate().map(|(event, head)| spec.read(head, events.row(event)))
}

fn counts(spec: &Spec, events: &Events<'_>) -> Counts {
    if read(spec, events).all(|value| value.is_some()) {
        return Counts::All;
    }
    let mut counts = Vec::with_capacity(events.len() + 1);
    let mut count = 0;
    counts.push(count);
    for value in read(spec, events) {
        count += u32::from(value.is_some());
        counts.push(count);
    }
    Counts::Each(counts)
}

fn sums(spec: &Spec, events: &Events<'_>, whole: impl Fn(Value<'_>) -> i128) -> Vec<i128> {
    let mut sums = Vec::with_capacity(events.len() + 1);
    let mut sum = 0;
    sums.push(sum);
    for value in read(spec, events) {
        sum += value.map_or(0, &whole);
        sums.push(sum);
    }
    sums
}
