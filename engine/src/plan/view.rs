//! From a stored row of a view to the inputs of a service: where a value becomes PRESENT, NULL, MISSING, EXPIRED or ERROR.

use super::input::{InputRow, State};
use super::layout::{Layout, Origin};
use crate::definitions::{Feature, Service, ViewKind};
use crate::row::{Cell, MappedRow};
use crate::status::Reason;
use crate::value::Value;

/// What a store has under the key of a view's row.
#[derive(Clone, Copy, Debug)]
pub enum Stored<'v> {
    /// A packed row, and its event time.
    Packed(MappedRow<'v>, i64),
    /// What a row of the JSON layout has for each feature, and its event time; none is older than any, and never expires.
    Json(&'v [Cell<'v>], Option<i64>),
    /// A delete, and its event time.
    Deleted(Option<i64>),
    /// Nothing.
    Missing,
    /// Something that can't be served, and why.
    Error(Reason, &'static str),
}

/// Reads the features of one view that a service reads.
#[derive(Clone, Debug)]
pub struct ViewReader {
    reads: Vec<Read>,
    /// The feature of each, apart: most reads don't need it, and a row walks over all of them.
    defined: Vec<Feature>,
}

#[derive(Clone, Copy, Debug)]
struct Read {
    input: usize,
    /// Position among the features of the view.
    feature: usize,
    /// Older values have expired.
    ttl: i64,
}

const LATER: State = State::error(Reason::NewerThanAsOf, "the row kept is later than the time of the request");
const UNREADABLE: State = State::error(Reason::Undecodable, "what is stored can't be read as the feature");

impl ViewReader {
    /// The reader of the view at a position of [`Service::views`].
    #[must_use]
    pub fn new(service: &Service, layout: &Layout, position: usize) -> Self {
        let (mut reads, mut features) = (Vec::new(), Vec::new());
        if let Some(ViewKind::Row(row)) = service.views.get(position).map(|view| &view.kind) {
            for (index, input) in layout.inputs().iter().enumerate() {
                if let Origin::Feature { view, feature } = input.origin
                    && view == position
                    && let Some(defined) = row.features.get(feature)
                {
                    // Zero is for ever, as is none.
                    let ttl = defined.ttl.filter(|ttl| *ttl > 0).unwrap_or(i64::MAX);
                    reads.push(Read { input: index, feature, ttl });
                    features.push(defined.clone());
                }
            }
        }
        Self { reads, defined: features }
    }

    /// Sets the inputs from a row, for a request at t, and gives the row's event time. `stored` gives the features in the order of the view.
    pub fn read<'v>(&'v self, stored: Stored<'v>, t: i64, out: &mut InputRow<'v>) -> Option<i64> {
        let age = match (stored, stored.event_time()) {
            (Stored::Packed(..), Some(time)) if time <= t => Some(t.saturating_sub(time)),
            _ => None,
        };
        for (read, defined) in self.reads.iter().zip(&self.defined) {
            if let (Stored::Packed(row, _), Some(age)) = (&stored, age)
                && age <= read.ttl
                && row.take(read.feature, |value| out.present(read.input, value))
            {
                continue;
            }
            let (value, state) = stored.feature(read.feature, defined, t);
            out.put(read.input, value, state);
        }
        stored.event_time()
    }
}

impl<'v> Stored<'v> {
    /// The event time of the row, if it has one.
    #[must_use]
    pub const fn event_time(&self) -> Option<i64> {
        match self {
            Self::Packed(_, time) => Some(*time),
            Self::Json(_, time) | Self::Deleted(time) => *time,
            Self::Missing | Self::Error(..) => None,
        }
    }

    /// What the row has for the feature at a position of its view, for a request at t: the value, or the default where it is MISSING.
    #[must_use]
    pub fn feature(&self, position: usize, defined: &'v Feature, t: i64) -> (Value<'v>, State) {
        let event_time = self.event_time();
        if event_time.is_some_and(|time| time > t) {
            return (Value::Null, LATER);
        }
        let cell = match *self {
            Self::Packed(row, _) => row.cell(position),
            Self::Json(cells, _) => cells.get(position).copied().unwrap_or(Cell::Missing),
            Self::Deleted(_) | Self::Missing => Cell::Missing,
            Self::Error(reason, why) => return (Value::Null, State::error(reason, why)),
        };
        status_of(cell, event_time, t, defined)
    }
}

/// The value and the status of a cell of a row, for a request at t.
pub(crate) fn status_of<'v>(
    cell: Cell<'v>,
    event_time: Option<i64>,
    t: i64,
    defined: &'v Feature,
) -> (Value<'v>, State) {
    match cell {
        Cell::Missing => {
            (defined.default.as_ref().map_or(Value::Null, |default| default.value(defined.dtype)), State::MISSING)
        }
        Cell::Undecodable(_) => (Value::Null, UNREADABLE),
        Cell::Value(value) => match (defined.ttl, event_time) {
            // Zero is for ever, as is none.
            (Some(ttl @ 1..), Some(time)) if t.saturating_sub(time) > ttl => (Value::Null, State::EXPIRED),
            _ if value.is_null() => (Value::Null, State::NULL),
            _ => (value, State::PRESENT),
        },
    }
}
