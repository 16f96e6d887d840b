//! The features of a view at many times, from the whole history of an entity: what [`WindowPlan::evaluate`] gives at each time to a state
//! that knows all of it, in one pass over the events.

use std::collections::HashMap;

use bumpalo::Bump;

use super::accumulator::{Accumulator, Spec, Use};
use super::events::{Events, Head, Id};
use super::finish::Feature;
use super::plan::WindowPlan;
use crate::scope::Fault;
use crate::value::Value;

/// A row that asks for features.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a, 'v> {
    /// The time t, in microseconds since 1970-01-01 UTC.
    pub t: i64,
    /// The projection of its request; none for a view that does not include it.
    pub request: Option<&'a [Value<'v>]>,
}

/// Takes the features of rows, by their positions; the rows of one feature come in order.
pub trait Sink<'v> {
    /// A feature of one row, or why it has none.
    fn value(&mut self, row: usize, feature: usize, value: Result<Value<'v>, Fault>);

    /// A feature of all rows. `present`: which have a value; none: all.
    fn ints(&mut self, feature: usize, values: &[i64], present: Option<&[bool]>) {
        let values = values.iter().map(|value| Value::Int(*value));
        each_row(values, present).for_each(|(row, value)| self.value(row, feature, Ok(value)));
    }

    /// A feature of all rows. `present`: which have a value; none: all.
    fn floats(&mut self, feature: usize, values: &[f64], present: Option<&[bool]>) {
        let values = values.iter().map(|value| Value::Float(*value));
        each_row(values, present).for_each(|(row, value)| self.value(row, feature, Ok(value)));
    }
}

/// The value of each row, null where none is present.
fn each_row<'v>(
    values: impl Iterator<Item = Value<'v>>,
    present: Option<&[bool]>,
) -> impl Iterator<Item = (usize, Value<'v>)> {
    let is_present = move |row: usize| present.is_none_or(|present| present.get(row).copied().unwrap_or(false));
    values.enumerate().map(move |(row, value)| (row, if is_present(row) { value } else { Value::Null }))
}

impl<'v, F: FnMut(usize, usize, Result<Value<'v>, Fault>)> Sink<'v> for F {
    fn value(&mut self, row: usize, feature: usize, value: Result<Value<'v>, Fault>) {
        self(row, feature, value);
    }
}

/// When events enter and leave: at the first t at which they are in the windows, and for each length at the first at which they are not.
struct Schedule {
    /// Events by the time at which they enter.
    enter: Vec<(i64, u32)>,
    /// For each length, events by the time at which they leave; those that never enter are left out.
    leave: Vec<Vec<(i64, u32)>>,
}

impl WindowPlan {
    /// Computes every feature for every row; the times of the rows ascend. `known_at`: the time from which on each event may be used, as the events
    /// stand; then `events` has every version, unsettled. Without it `events` are settled.
    ///
    /// `arena` keeps lists until it is reset.
    pub fn sweep<'v>(
        &'v self,
        events: &'v Events<'v>,
        known_at: Option<&[i64]>,
        rows: &[Asked<'_, 'v>],
        arena: &'v Bump,
        mut sink: impl Sink<'v>,
    ) {
        let given = if known_at.is_none() { self.differences(events, rows, &mut sink) } else { Vec::new() };
        let left: Vec<(usize, &Feature)> =
            self.finishers().iter().enumerate().filter(|(feature, _)| !given.contains(feature)).collect();
        if !left.is_empty() {
            self.slide((events, known_at), rows, &left, arena, &mut sink);
        }
    }

    /// Gives features from accumulators that events enter and leave.
    fn slide<'v>(
        &'v self,
        (events, known_at): (&'v Events<'v>, Option<&[i64]>),
        rows: &[Asked<'_, 'v>],
        features: &[(usize, &'v Feature)],
        arena: &'v Bump,
        sink: &mut impl Sink<'v>,
    ) {
        let mut windows: Vec<Vec<Accumulator<'v>>> =
            self.lengths.iter().map(|_| self.specs.iter().map(|spec| spec.start(Use::Sliding)).collect()).collect();
        let schedule = known_at.map(|known| self.schedule(events, known));
        let is_read = |spec: usize| features.iter().any(|(_, it)| it.spec == spec || it.second == Some(spec));
        let specs: Vec<(usize, &Spec)> = self.specs.iter().enumerate().filter(|(spec, _)| is_read(*spec)).collect();
        let mut entered = 0;
        let mut left = vec![0; self.lengths.len()];
        for (row, asked) in rows.iter().enumerate() {
            while let Some(event) = self.entering(events, schedule.as_ref(), entered, asked.t) {
                each(&specs, events, event, |spec, head, value| {
                    windows.iter_mut().filter_map(|window| window.get_mut(spec)).for_each(|it| it.add(head, value));
                });
                entered += 1;
            }
            for (length, (window, left)) in windows.iter_mut().zip(&mut left).enumerate() {
                while let Some(event) = self.leaving(events, schedule.as_ref(), length, *left, asked.t) {
                    each(&specs, events, event, |spec, head, value| {
                        if let Some(accumulator) = window.get_mut(spec) {
                            accumulator.remove(head, value);
                        }
                    });
                    *left += 1;
                }
            }
            let head = Head { time: asked.t, id: Id::None, version: 0 };
            if let Some(request) = asked.request {
                windows.iter_mut().for_each(|window| self.of_request(request, &head, window, Accumulator::add));
            }
            for (position, feature) in features {
                if let Some(window) = windows.get(feature.length) {
                    sink.value(row, *position, feature.finish(window, asked.t, arena));
                }
            }
            if let Some(request) = asked.request {
                windows.iter_mut().for_each(|window| self.of_request(request, &head, window, Accumulator::remove));
            }
        }
    }

    /// The event that enters at or before t, if one is left to.
    fn entering(&self, events: &Events<'_>, schedule: Option<&Schedule>, entered: usize, t: i64) -> Option<usize> {
        match schedule {
            None => (self.bounds.enters(events.heads().get(entered)?.time) <= t).then_some(entered),
            Some(schedule) => schedule.enter.get(entered).filter(|(at, _)| *at <= t).map(|(_, event)| *event as usize),
        }
    }

    /// The event that leaves the windows of a length at or before t, if one is left to. One that leaves has entered before.
    fn leaving(
        &self,
        events: &Events<'_>,
        schedule: Option<&Schedule>,
        length: usize,
        left: usize,
        t: i64,
    ) -> Option<usize> {
        match schedule {
            None => {
                let of_length = self.lengths.get(length).copied().flatten();
                (self.bounds.leaves(events.heads().get(left)?.time, of_length) <= t).then_some(left)
            }
            Some(schedule) => {
                let next = schedule.leave.get(length)?.get(left);
                next.filter(|(at, _)| *at <= t).map(|(_, event)| *event as usize)
            }
        }
    }

    /// An event counts from when it is known until a greater version of it is.
    fn schedule(&self, events: &Events<'_>, known_at: &[i64]) -> Schedule {
        let superseded = superseded(events, known_at);
        let mut schedule = Schedule { enter: Vec::new(), leave: vec![Vec::new(); self.lengths.len()] };
        for (event, head) in events.heads().iter().enumerate() {
            let known = known_at.get(event).copied().unwrap_or(head.time);
            let until = superseded.get(event).copied().unwrap_or(i64::MAX);
            let enters = self.bounds.enters(head.time).max(known);
            if enters >= until {
                continue;
            }
            let event = event as u32;
            schedule.enter.push((enters, event));
            for (leave, length) in schedule.leave.iter_mut().zip(&self.lengths) {
                // Not before it enters: it may be known only when it is too old already.
                leave.push((self.bounds.leaves(head.time, *length).min(until).max(enters), event));
            }
        }
        schedule.enter.sort_unstable();
        schedule.leave.iter_mut().for_each(|leave| leave.sort_unstable());
        schedule
    }
}

/// What each accumulator reads of an event.
#[inline]
fn each<'v>(
    specs: &[(usize, &Spec)],
    events: &Events<'v>,
    event: usize,
    mut change: impl FnMut(usize, &Head<'v>, Value<'v>),
) {
    let Some(head) = events.heads().get(event) else { return };
    let row = events.row(event);
    for (position, spec) in specs {
        if let Some(value) = spec.read(head, row) {
            change(*position, head, value);
        }
    }
}

/// For each event the time from which on a greater version of it is known.
fn superseded(events: &Events<'_>, known_at: &[i64]) -> Vec<i64> {
    let mut until = vec![i64::MAX; events.len()];
    let mut by_id: HashMap<Key<'_>, Vec<usize>> = HashMap::new();
    for (event, head) in events.heads().iter().enumerate() {
        if let Some(key) = Key::of(head.id) {
            by_id.entry(key).or_default().push(event);
        }
    }
    for (_, mut versions) in by_id {
        // From the greatest down: each ends when the first of the greater ones is known.
        versions.sort_by(|a, b| events.precedence(*b, *a));
        let mut first = i64::MAX;
        for event in versions {
            if let Some(until) = until.get_mut(event) {
                *until = first;
            }
            first = first.min(known_at.get(event).copied().unwrap_or(i64::MAX));
        }
    }
    until
}

/// An id by which events are found.
#[derive(PartialEq, Eq, Hash)]
enum Key<'a> {
    Int(i64),
    Text(&'a str),
}

impl<'a> Key<'a> {
    const fn of(id: Id<'a>) -> Option<Self> {
        match id {
            Id::None => None,
            Id::Int(id) => Some(Self::Int(id)),
            Id::Text(id) => Some(Self::Text(id)),
        }
    }
}
