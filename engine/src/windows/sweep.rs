//! The features of a view at many times, from the whole history of an entity: what [`WindowPlan::evaluate`] gives at each time to a state
//! that knows all of it, in one pass over the events.

use std::collections::HashMap;

use bumpalo::Bump;

use super::accumulator::{Accumulator, Read, Spec, Use};
use super::events::{Events, Head, Id};
use super::plan::WindowPlan;
use super::prefix::Prefix;
use crate::scope::Fault;
use crate::value::Value;

/// A row that asks for features.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a, 'v> {
    /// The time t, in microseconds since 1970-01-01 UTC.
    pub t: i64,
    /// The projection of its request, for a view that includes it.
    pub request: Option<&'a [Value<'v>]>,
}

/// When events enter and leave: at the first t at which they are in the windows, and for each length at the first at which they are not.
struct Schedule {
    /// Events by the time at which they enter.
    enter: Vec<(i64, u32)>,
    /// For each length, events by the time at which they leave; those that never enter are left out.
    leave: Vec<Vec<(i64, u32)>>,
}

impl WindowPlan {
    /// Computes every feature for every row, in the order of the rows, whose times ascend. `known_at`: the time from which on each event may be used,
    /// as the events stand; then `events` has every version, unsettled. Without it `events` are settled.
    ///
    /// `give` takes the row, the position of the feature and its value or fault. `arena` keeps lists until it is reset.
    pub fn sweep<'a, 'v: 'a>(
        &'v self,
        events: &'v Events<'v>,
        known_at: Option<&[i64]>,
        rows: impl Iterator<Item = Asked<'a, 'v>>,
        arena: &'v Bump,
        mut give: impl FnMut(usize, usize, Result<Value<'v>, Fault>),
    ) {
        let mut windows: Vec<Vec<Accumulator<'v>>> =
            self.lengths.iter().map(|_| self.specs.iter().map(|spec| spec.start(Use::Sliding)).collect()).collect();
        let schedule = known_at.map(|known| self.schedule(events, known));
        // Events that enter in the order in which they stand need not be added one by one where a difference says the same.
        let prefix = |spec: &Spec| if schedule.is_none() { Prefix::of(spec, events) } else { None };
        let prefixes: Vec<Option<Prefix>> = self.specs.iter().map(prefix).collect();
        let specs: Vec<(usize, &Spec)> =
            self.specs.iter().enumerate().filter(|(position, _)| prefixes[*position].is_none()).collect();
        let mut entered = 0;
        let mut left = vec![0; self.lengths.len()];
        for (row, asked) in rows.enumerate() {
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
                for (accumulator, prefix) in window.iter_mut().zip(&prefixes) {
                    if let Some(prefix) = prefix {
                        *accumulator = prefix.between(*left, entered);
                    }
                }
            }
            let head = Head { time: asked.t, id: Id::None, version: 0 };
            let request = asked.request.filter(|_| self.include_request());
            for window in &mut windows {
                self.of_request(request, &head, |spec, value| {
                    if let Some(accumulator) = window.get_mut(spec) {
                        accumulator.add(&head, value);
                    }
                });
            }
            for (position, feature) in self.finishers().iter().enumerate() {
                if let Some(window) = windows.get(feature.length) {
                    give(row, position, feature.finish(window, asked.t, arena));
                }
            }
            for window in &mut windows {
                self.of_request(request, &head, |spec, value| {
                    if let Some(accumulator) = window.get_mut(spec) {
                        accumulator.remove(&head, value);
                    }
                });
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

    fn of_request<'v>(&self, request: Option<&[Value<'v>]>, head: &Head<'v>, mut change: impl FnMut(usize, Value<'v>)) {
        let Some(request) = request else { return };
        for (position, spec) in self.specs.iter().enumerate().filter(|(_, spec)| spec.read != Read::Time) {
            if let Some(value) = spec.read(head, request) {
                change(position, value);
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
    Bytes(&'a [u8]),
}

impl<'a> Key<'a> {
    const fn of(id: Id<'a>) -> Option<Self> {
        match id {
            Id::None => None,
            Id::Int(id) => Some(Self::Int(id)),
            Id::Bytes(id) => Some(Self::Bytes(id)),
        }
    }
}
