//! Counts and sums over all events up to each: what a window has of them is a difference of two, so that no event has to enter and leave it.

use std::ops::{Add, Sub};

use super::accumulator::{Accumulator, Kind, Read, Spec};
use super::events::{Events, Head, Id};
use super::strip::{Numbers, Strip};
use super::sweep::Asked;
use crate::dtype::Scalar;
use crate::numbers::{Lane, Moments};
use crate::value::Value;

/// Counts and sums of what an accumulator reads of the events before each, exact, and of the request of each row.
pub(super) struct Prefix {
    counts: Counts<u32>,
    /// How many values the request of each row has.
    requests: Counts<i64>,
    sums: Sums,
}

/// How many values there are.
enum Counts<T> {
    /// None at all.
    None,
    /// One for each.
    All,
    /// Of events so many before each, and in all; of requests so many in each.
    Each(Vec<T>),
}

enum Sums {
    None,
    /// Whole numbers whose sums fit whatever they are of.
    Small(Running<i64>),
    Ints(Running<i128>),
    Floats(Lane, Running<i128>),
}

/// The sum of the values before each event, and of all; and what the request of each row adds, empty for a view that does not include it.
struct Running<T> {
    sums: Vec<T>,
    requests: Vec<T>,
}

/// For each row the events of a window: from one position up to another.
pub(super) struct Spans<'a> {
    pub(super) from: &'a [u32],
    pub(super) to: &'a [u32],
}

/// Sums of whole numbers stay below this where they are kept in 64 bits: their differences fit then.
const SMALL: u64 = 1 << 61;

impl Prefix {
    /// Of an accumulator that counts or sums; none for others, and for floats that lie too far apart.
    pub(super) fn of(spec: &Spec, events: &Events<'_>, rows: &[Asked<'_, '_>]) -> Option<Self> {
        let is_float = is_float(spec)?;
        let has_sums = spec.kind == Kind::Sum;
        let has_requests = rows.iter().any(|row| row.request.is_some());
        let rows = if has_requests { rows } else { &[] };
        let events = || events.heads().iter().zip(events.rows()).map(|(head, row)| spec.read(head, row));
        let requests = || rows.iter().map(|row| of_request(spec, row));
        let sums = if !has_sums {
            Sums::None
        } else if is_float {
            let float = |value: Option<Value<'_>>| value.and_then(Value::as_f64);
            Sums::floats(events().map(float), requests().map(float))?
        } else {
            Sums::ints(events().map(|value| value.map(int)), requests().map(|value| value.map(int)))
        };
        Some(Self {
            counts: Counts::before(events().map(|value| value.is_some())),
            requests: if has_requests { Counts::each(requests().map(|value| value.is_some())) } else { Counts::None },
            sums,
        })
    }

    /// The same of columns of numbers, and without conditions.
    pub(super) fn of_strip(spec: &Spec, strip: &Strip<'_>) -> Option<Self> {
        let is_float = is_float(spec)?;
        let Read::Column(column, _) = spec.read else {
            let requests = if strip.requests.is_some() { Counts::All } else { Counts::None };
            return (spec.read == Read::Event).then_some(Self { counts: Counts::All, requests, sums: Sums::None });
        };
        let events = *strip.columns.get(column)?;
        let requests = strip.requests.map(|requests| requests.get(column).copied().unwrap_or(Numbers::Ints(&[])));
        let has_sums = spec.kind == Kind::Sum;
        let sums = match (events, requests) {
            _ if !has_sums => Sums::None,
            (Numbers::Floats(events), None) if is_float => Sums::floats(values(events), std::iter::empty())?,
            (Numbers::Floats(events), Some(Numbers::Floats(requests))) if is_float => {
                Sums::floats(values(events), values(requests))?
            }
            (Numbers::Ints(events), None) if !is_float => {
                Sums::ints(events.iter().copied().map(Some), std::iter::empty())
            }
            (Numbers::Ints(events), Some(Numbers::Ints(requests))) if !is_float => {
                Sums::ints(events.iter().copied().map(Some), requests.iter().copied().map(Some))
            }
            (Numbers::Ints(_) | Numbers::Floats(_), _) => return None,
        };
        let requests = match requests {
            None => Counts::None,
            Some(Numbers::Ints(_)) => Counts::All,
            Some(Numbers::Floats(floats)) => Counts::each(floats.iter().map(|float| !float.is_nan())),
        };
        let counts = match events {
            Numbers::Ints(_) => Counts::All,
            Numbers::Floats(floats) => Counts::before(floats.iter().map(|float| !float.is_nan())),
        };
        Some(Self { counts, requests, sums })
    }

    /// For each row how many values it has, of its request and of the events of its span.
    pub(super) fn counts(&self, spans: &Spans<'_>, out: &mut Vec<i64>) {
        out.clear();
        let each = spans.from.iter().zip(spans.to);
        match &self.counts {
            Counts::None => out.extend(each.map(|_| 0)),
            Counts::All => out.extend(each.map(|(from, to)| i64::from(*to) - i64::from(*from))),
            Counts::Each(counts) => out.extend(
                each.map(|(from, to)| i64::from(at(counts, *to as usize)) - i64::from(at(counts, *from as usize))),
            ),
        }
        match &self.requests {
            Counts::None => {}
            Counts::All => out.iter_mut().for_each(|count| *count += 1),
            Counts::Each(requests) => out.iter_mut().zip(requests).for_each(|(count, more)| *count += more),
        }
    }

    /// The sums of those values as floats, each rounded once.
    pub(super) fn floats(&self, spans: &Spans<'_>, out: &mut Vec<f64>) {
        out.clear();
        match &self.sums {
            Sums::None => out.resize(spans.from.len(), 0.0),
            Sums::Small(sums) => sums.put(spans, out, |sum| sum as f64),
            Sums::Ints(sums) => sums.put(spans, out, |sum| sum as f64),
            Sums::Floats(lane, sums) => sums.put(spans, out, |sum| lane.round(sum)),
        }
    }

    /// The sums of those values, which are whole numbers; false if one does not fit, or they are no whole numbers.
    pub(super) fn ints(&self, spans: &Spans<'_>, out: &mut Vec<i64>) -> bool {
        out.clear();
        match &self.sums {
            Sums::None | Sums::Floats(..) => return false,
            Sums::Small(sums) => sums.put(spans, out, |sum| sum),
            Sums::Ints(sums) => {
                let whole = sums.all(spans).into_iter().map_while(|sum| i64::try_from(sum).ok());
                out.extend(whole);
            }
        }
        out.len() == spans.from.len()
    }

    /// For each row an accumulator to which as many values with the same sum were added. `counts`: how many each row has.
    pub(super) fn accumulators<'v>(&self, spans: &Spans<'_>, counts: &[i64]) -> Vec<Accumulator<'v>> {
        let counts = counts.iter().copied();
        match &self.sums {
            Sums::None => counts.map(Accumulator::Count).collect(),
            Sums::Small(sums) => {
                counts.zip(sums.all(spans)).map(|(count, sum)| Accumulator::IntSum(count, sum.into())).collect()
            }
            Sums::Ints(sums) => {
                counts.zip(sums.all(spans)).map(|(count, sum)| Accumulator::IntSum(count, sum)).collect()
            }
            Sums::Floats(lane, sums) => {
                let of = |(count, sum)| Accumulator::Sum(Moments::of_sum(count, lane.sum(sum)));
                counts.zip(sums.all(spans)).map(of).collect()
            }
        }
    }
}

impl Counts<u32> {
    /// How many are true before each, and in all.
    fn before(mut is_there: impl Iterator<Item = bool> + Clone) -> Self {
        if is_there.clone().all(|is| is) {
            return Self::All;
        }
        let mut count = 0;
        let next = std::iter::from_fn(|| {
            count += u32::from(is_there.next()?);
            Some(count)
        });
        Self::Each(std::iter::once(0).chain(next).collect())
    }
}

impl Counts<i64> {
    fn each(is_there: impl Iterator<Item = bool> + Clone) -> Self {
        if is_there.clone().all(|is| is) { Self::All } else { Self::Each(is_there.map(i64::from).collect()) }
    }
}

impl Sums {
    /// Of whole numbers; null adds nothing.
    fn ints(
        events: impl Iterator<Item = Option<i64>> + Clone,
        requests: impl Iterator<Item = Option<i64>> + Clone,
    ) -> Self {
        let size = |sum: u64, value: Option<i64>| sum.saturating_add(value.unwrap_or(0).unsigned_abs());
        let greatest = requests.clone().fold(0, |greatest: u64, value| greatest.max(size(0, value)));
        if events.clone().fold(0, size) < SMALL && greatest < SMALL {
            let whole = |value: Option<i64>| value.unwrap_or(0);
            return Self::Small(Running::new(events.map(whole), requests.map(whole)));
        }
        let whole = |value: Option<i64>| i128::from(value.unwrap_or(0));
        Self::Ints(Running::new(events.map(whole), requests.map(whole)))
    }

    /// Of floats; none if they lie too far apart.
    fn floats(
        events: impl Iterator<Item = Option<f64>> + Clone,
        requests: impl Iterator<Item = Option<f64>> + Clone,
    ) -> Option<Self> {
        let lane = Lane::of(events.clone().chain(requests.clone()).flatten())?;
        let whole = |value: Option<f64>| value.map_or(0, |value| lane.whole(value));
        Some(Self::Floats(lane, Running::new(events.map(whole), requests.map(whole))))
    }
}

impl<T: Copy + Default + Add<Output = T> + Sub<Output = T>> Running<T> {
    fn new(events: impl Iterator<Item = T>, requests: impl Iterator<Item = T>) -> Self {
        let mut sums = Vec::with_capacity(events.size_hint().0 + 1);
        let mut sum = T::default();
        sums.push(sum);
        sums.extend(events.map(|value| {
            sum = sum + value;
            sum
        }));
        Self { sums, requests: requests.collect() }
    }

    /// Adds for each row what `of` makes of the sum of the events of its span and of its request.
    #[inline]
    fn put<N>(&self, spans: &Spans<'_>, out: &mut Vec<N>, of: impl Fn(T) -> N) {
        let spans = spans.from.iter().zip(spans.to);
        let sum = |(from, to): (&u32, &u32)| at(&self.sums, *to as usize) - at(&self.sums, *from as usize);
        if self.requests.is_empty() {
            out.extend(spans.map(|span| of(sum(span))));
        } else {
            out.extend(spans.zip(&self.requests).map(|(span, more)| of(sum(span) + *more)));
        }
    }

    /// Those sums as they are.
    fn all(&self, spans: &Spans<'_>) -> Vec<T> {
        let mut sums = Vec::with_capacity(spans.from.len());
        self.put(spans, &mut sums, |sum| sum);
        sums
    }
}

/// Whether an accumulator that counts or sums reads floats; none for others.
const fn is_float(spec: &Spec) -> Option<bool> {
    match spec.kind {
        Kind::Count | Kind::Sum => Some(matches!(spec.read, Read::Column(_, Scalar::Float32 | Scalar::Float64))),
        Kind::Squares
        | Kind::Powers
        | Kind::Least
        | Kind::Greatest
        | Kind::Ends(..)
        | Kind::Tally
        | Kind::Distinct
        | Kind::Bins => None,
    }
}

#[inline]
fn at<T: Copy + Default>(values: &[T], position: usize) -> T {
    values.get(position).copied().unwrap_or_default()
}

/// Floats as values, of which NaN is none.
fn values(floats: &[f64]) -> impl Iterator<Item = Option<f64>> + Clone {
    floats.iter().map(|float| (!float.is_nan()).then_some(*float))
}

fn int(value: Value<'_>) -> i64 {
    if let Value::Int(int) = value { int } else { i64::from(value == Value::Bool(true)) }
}

/// What it reads of the request of a row.
#[inline]
fn of_request<'v>(spec: &Spec, row: &Asked<'_, 'v>) -> Option<Value<'v>> {
    spec.read(&Head { time: row.t, id: Id::None, version: 0 }, row.request?)
}
