//! From a stored row of a view to the inputs of a service: where a value becomes PRESENT, NULL, MISSING, EXPIRED or ERROR.

use super::input::{InputRow, State};
use super::layout::{Layout, Origin};
use crate::definitions::{Constant, Service, ViewKind};
use crate::dtype::DType;
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
}

#[derive(Clone, Debug)]
struct Read {
    input: usize,
    /// Position among the features of the view.
    feature: usize,
    dtype: DType,
    ttl: Option<i64>,
    default: Option<Constant>,
}

const LATER: State = State::error(Reason::NewerThanAsOf, "the row kept is later than the time of the request");
const UNREADABLE: State = State::error(Reason::Undecodable, "what is stored can't be read as the feature");

impl ViewReader {
    /// The reader of the view at a position of [`Service::views`].
    #[must_use]
    pub fn new(service: &Service, layout: &Layout, position: usize) -> Self {
        let mut reads = Vec::new();
        if let Some(ViewKind::Row(row)) = service.views.get(position).map(|view| &view.kind) {
            for (index, input) in layout.inputs().iter().enumerate() {
                if let Origin::Feature { view, feature } = input.origin
                    && view == position
                    && let Some(defined) = row.features.get(feature)
                {
                    let (ttl, default) = (defined.ttl, defined.default.clone());
                    reads.push(Read { input: index, feature, dtype: defined.dtype, ttl, default });
                }
            }
        }
        Self { reads }
    }

    /// Sets the inputs from a row, for a request at t, and gives the row's event time. `stored` gives the features in the order of the view.
    pub fn read<'v>(&'v self, stored: Stored<'v>, t: i64, out: &mut InputRow<'v>) -> Option<i64> {
        let (event_time, all) = match stored {
            Stored::Packed(_, time) => (Some(time), None),
            Stored::Json(_, time) => (time, None),
            Stored::Deleted(time) => (time, Some(State::MISSING)),
            Stored::Missing => (None, Some(State::MISSING)),
            Stored::Error(reason, why) => (None, Some(State::error(reason, why))),
        };
        let all = if event_time.is_some_and(|time| time > t) { Some(LATER) } else { all };
        for read in &self.reads {
            let cell = match all {
                Some(state) if state == State::MISSING => Cell::Missing,
                Some(state) => {
                    out.put(read.input, Value::Null, state);
                    continue;
                }
                None => match stored {
                    Stored::Packed(row, _) => row.cell(read.feature),
                    Stored::Json(cells, _) => cells.get(read.feature).copied().unwrap_or(Cell::Missing),
                    Stored::Deleted(_) | Stored::Missing | Stored::Error(..) => Cell::Missing,
                },
            };
            let (value, state) = status_of(cell, event_time, t, read.ttl);
            match (&read.default, state == State::MISSING) {
                (Some(default), true) => out.put(read.input, default.value(read.dtype), state),
                (Some(_) | None, _) => out.put(read.input, value, state),
            }
        }
        event_time
    }
}

/// The status of what a row that is not later than t has for a feature.
#[must_use]
pub fn status_of(cell: Cell<'_>, event_time: Option<i64>, t: i64, ttl: Option<i64>) -> (Value<'_>, State) {
    match cell {
        Cell::Missing => (Value::Null, State::MISSING),
        Cell::Undecodable(_) => (Value::Null, UNREADABLE),
        Cell::Value(value) => match (ttl, event_time) {
            // Zero is for ever, as is none.
            (Some(ttl @ 1..), Some(time)) if t.saturating_sub(time) > ttl => (Value::Null, State::EXPIRED),
            _ if value.is_null() => (Value::Null, State::NULL),
            _ => (value, State::PRESENT),
        },
    }
}
