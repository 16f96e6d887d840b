//! A history and a spine as numbers, laid out entity by entity in the order of time: how a view of sums and counts is joined, without looking at
//! events one by one.

use std::ops::Range;

use super::groups::Groups;
use super::history::History;
use super::spine::{Asking, Request};
use super::table::{Table, is_float};
use crate::dtype::Scalar;
use crate::windows::{Numbers, Sink, Strip};

/// What the windows of a view read of its history and of the rows that ask.
pub(super) struct Dense {
    events: Laid,
    /// Whether the events have ids; where they have none every event counts.
    has_ids: bool,
    requests: Option<Laid>,
}

/// Columns of numbers, row by row.
struct Laid {
    /// Of each column whether it has floats.
    are_floats: Vec<bool>,
    bits: Vec<u64>,
}

/// Room for the columns of one entity.
#[derive(Default)]
pub(super) struct Room {
    events: Vec<Column>,
    requests: Vec<Column>,
    ids: Vec<i64>,
}

/// One column of one entity.
enum Column {
    Ints(Vec<i64>),
    Floats(Vec<f64>),
}

impl Laid {
    /// Columns of a table, by position and type; none if one has no numbers, or a null among whole numbers.
    fn of(table: &Table<'_>, columns: &[(usize, Scalar)], rows: &Groups) -> Option<Self> {
        let are_floats = columns.iter().map(|(_, dtype)| is_float(*dtype)).collect::<Option<_>>()?;
        Some(Self { are_floats, bits: table.laid(columns, rows.places(), rows.rows())? })
    }

    /// The rows of a range, column by column.
    fn read(&self, range: Range<usize>, room: &mut Vec<Column>) {
        let width = self.are_floats.len();
        let rows = self.bits.get(range.start * width..range.end * width).unwrap_or_default();
        if room.is_empty() {
            let column =
                |is_float: &bool| if *is_float { Column::Floats(Vec::new()) } else { Column::Ints(Vec::new()) };
            room.extend(self.are_floats.iter().map(column));
        }
        for (at, column) in room.iter_mut().enumerate() {
            let bits = rows.iter().skip(at).step_by(width).copied();
            match column {
                Column::Ints(ints) => {
                    ints.clear();
                    ints.extend(bits.map(u64::cast_signed));
                }
                Column::Floats(floats) => {
                    floats.clear();
                    floats.extend(bits.map(f64::from_bits));
                }
            }
        }
    }
}

impl Column {
    fn numbers(&self) -> Numbers<'_> {
        match self {
            Self::Ints(ints) => Numbers::Ints(ints),
            Self::Floats(floats) => Numbers::Floats(floats),
        }
    }

    fn ints(&self) -> &[i64] {
        match self {
            Self::Ints(ints) => ints,
            Self::Floats(_) => &[],
        }
    }
}

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
        if !history.table.is_sorted(history.time) {
            let mut times = history.table.ints_at(history.time, events.places(), events.rows())?;
            events.sort_each_by(&mut times);
        }
        let of_request = |request: &Request<'_>| {
            let found = columns.iter().map(|(column, dtype)| Some((request.column(*column)?, *dtype)));
            let found = found.collect::<Option<Vec<(usize, Scalar)>>>()?;
            Laid::of(request.table(), &found, &asking.rows)
        };
        let requests = match request {
            Some(request) => Some(of_request(request)?),
            None => None,
        };
        let heads = std::iter::once(history.time).chain(history.id).map(|column| (column, Scalar::Int64));
        let all: Vec<(usize, Scalar)> = heads.chain(columns).collect();
        let events = Laid::of(&history.table, &all, events)?;
        Some(Self { events, has_ids: history.id.is_some(), requests })
    }

    /// Computes these features for the rows of an entity; false, and nothing is given, where its events have to be looked at one by one.
    pub(super) fn sweep<'v>(
        &self,
        (history, features): (&'v History<'v>, &[usize]),
        (events, asking): (&Groups, &Asking),
        entity: usize,
        room: &mut Room,
        sink: impl Sink<'v>,
    ) -> bool {
        let (events, rows) = (events.range(entity), asking.rows.range(entity));
        self.events.read(events, &mut room.events);
        let (heads, columns) = room.events.split_at(1 + usize::from(self.has_ids));
        if self.has_ids && !heads.last().is_some_and(|ids| are_different(ids.ints(), &mut room.ids)) {
            return false;
        }
        if let Some(requests) = &self.requests {
            requests.read(rows.clone(), &mut room.requests);
        }
        let requests: Vec<Numbers<'_>> = room.requests.iter().map(Column::numbers).collect();
        let strip = Strip {
            times: heads.first().map(Column::ints).unwrap_or_default(),
            columns: &columns.iter().map(Column::numbers).collect::<Vec<_>>(),
            asked: asking.times.get(rows).unwrap_or_default(),
            requests: self.requests.as_ref().map(|_| requests.as_slice()),
        };
        history.plan.sweep_strip(&strip, features, sink)
    }
}

/// Whether no id comes twice.
fn are_different(ids: &[i64], room: &mut Vec<i64>) -> bool {
    let grows = |ids: &[i64]| ids.windows(2).all(|pair| pair[0] < pair[1]);
    // Most ids grow with time.
    grows(ids) || {
        room.clear();
        room.extend_from_slice(ids);
        room.sort_unstable();
        grows(room)
    }
}
