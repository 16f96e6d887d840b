//! A history and a spine as columns of numbers, laid out entity by entity in the order of time: how a view of sums and counts is joined, without looking at
//! events one by one.

use std::ops::Range;

use super::groups::Groups;
use super::history::History;
use super::spine::{Asking, Request};
use super::table::Table;
use crate::dtype::Scalar;
use crate::windows::{Numbers, Sink, Strip};

/// What the windows of a view read of its history and of the rows that ask.
pub(super) struct Dense {
    times: Vec<i64>,
    /// None: every event counts.
    ids: Option<Vec<i64>>,
    /// Each value of the projection.
    columns: Vec<Laid>,
    requests: Option<Vec<Laid>>,
}

/// One column.
enum Laid {
    Ints(Vec<i64>),
    Floats(Vec<f64>),
}

impl Laid {
    /// The column as `dtype` of a table, laid down at these places; none if it has no numbers, or a whole number is null.
    fn of(table: &Table<'_>, (column, dtype): (usize, Scalar), rows: &Groups) -> Option<Self> {
        match dtype {
            Scalar::Float32 | Scalar::Float64 => table.floats_at(column, rows.places(), rows.rows()).map(Self::Floats),
            Scalar::Bool | Scalar::Int32 | Scalar::Int64 | Scalar::Timestamp => {
                table.ints_at(column, rows.places(), rows.rows()).map(Self::Ints)
            }
            Scalar::String | Scalar::Bytes => None,
        }
    }

    /// Those at a range.
    fn of_range(&self, range: Range<usize>) -> Numbers<'_> {
        match self {
            Self::Ints(ints) => Numbers::Ints(ints.get(range).unwrap_or_default()),
            Self::Floats(floats) => Numbers::Floats(floats.get(range).unwrap_or_default()),
        }
    }
}

fn all_of<'l>(columns: &'l [Laid], range: &Range<usize>) -> Vec<Numbers<'l>> {
    columns.iter().map(|column| column.of_range(range.clone())).collect()
}

/// Room for the ids of one entity.
pub(super) type Ids = Vec<i64>;

impl Dense {
    /// None where the history is not of this kind. `events`: those of the history, which get into the order of time.
    pub(super) fn new(
        history: &History<'_>,
        events: &mut Groups,
        asking: &Asking,
        request: Option<&Request<'_>>,
    ) -> Option<Self> {
        let plan = history.plan;
        let columns: Vec<(usize, Scalar)> = plan.plain_projection()?.into_iter().zip(plan.dtypes()).collect();
        if history.known_at.is_some() {
            return None;
        }
        let mut times = history.table.ints_at(history.time, events.places(), events.rows())?;
        events.sort_each_by(&mut times);
        let events = &*events;
        let ids = match history.id {
            Some(id) => Some(history.table.ints_at(id, events.places(), events.rows())?),
            None => None,
        };
        let of_event = |column: &(usize, Scalar)| Laid::of(&history.table, *column, events);
        let of_request = |request: &Request<'_>| {
            let one = |(column, dtype): &(usize, Scalar)| {
                let (table, column) = request.column(*column)?;
                Laid::of(table, (column, *dtype), &asking.rows)
            };
            columns.iter().map(one).collect::<Option<Vec<Laid>>>()
        };
        let requests = match request {
            Some(request) => Some(of_request(request)?),
            None => None,
        };
        Some(Self { times, ids, columns: columns.iter().map(of_event).collect::<Option<_>>()?, requests })
    }

    /// Computes these features for the rows of an entity; false, and nothing is given, where its events have to be looked at one by one.
    pub(super) fn sweep<'v>(
        &self,
        (history, features): (&'v History<'v>, &[usize]),
        (events, asking): (&Groups, &Asking),
        entity: usize,
        room: &mut Ids,
        sink: impl Sink<'v>,
    ) -> bool {
        let (events, rows) = (events.range(entity), asking.rows.range(entity));
        let ids = self.ids.as_ref().map(|ids| ids.get(events.clone()).unwrap_or_default());
        if ids.is_some_and(|ids| !are_different(ids, room)) {
            return false;
        }
        let requests = self.requests.as_ref().map(|requests| all_of(requests, &rows));
        let strip = Strip {
            times: self.times.get(events.clone()).unwrap_or_default(),
            columns: &all_of(&self.columns, &events),
            asked: asking.times.get(rows.clone()).unwrap_or_default(),
            requests: requests.as_deref(),
        };
        history.plan.sweep_strip(&strip, features, sink)
    }
}

/// Whether no id comes twice.
fn are_different(ids: &[i64], room: &mut Ids) -> bool {
    let grows = |ids: &[i64]| ids.windows(2).all(|pair| pair[0] < pair[1]);
    // Most ids grow with time.
    grows(ids) || {
        room.clear();
        room.extend_from_slice(ids);
        room.sort_unstable();
        grows(room)
    }
}
