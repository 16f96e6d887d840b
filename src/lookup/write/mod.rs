//! Writing rows: a batch of JSON rows, each checked and stored on its own; a bad row never fails the others.

mod array;
pub(super) mod batch;
mod row;

pub use batch::RowFormat;

use std::time::Instant;

use bytes::Bytes;
use unskew_engine::row::Refusal;

use super::{Lookup, store_budget};
use crate::clock::Micros;
use crate::error::Error;
use crate::store::PutOutcome;
use crate::telemetry::metrics::{Stage, Written};
use crate::telemetry::trace::{self, Count, Named};

/// The name of the built-in view.
pub const DEFAULT_VIEW: &str = "default";

/// Why a row was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFault {
    /// It is not a JSON object of the form that the view takes.
    InvalidRow,
    /// Its entity id is malformed or too long.
    BadKey,
    /// Its event time lies too far ahead.
    Future,
    /// It is larger than the configuration allows.
    TooLarge,
    /// The store could not take it.
    Store,
    /// An event that a window view has let go of, or can't tell from a repeat.
    Late,
    /// An event for which the state of its entity in a window view has no room.
    StateLimit,
}

impl RowFault {
    /// The stable code.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidRow => "INVALID_ROW",
            Self::BadKey => "BAD_KEY",
            Self::Future => "FUTURE",
            Self::TooLarge => "TOO_LARGE",
            Self::Store => "STORE",
            Self::Late => "LATE",
            Self::StateLimit => "STATE_LIMIT",
        }
    }
}

/// A row that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// Its position in the batch, from 0; blank lines do not count.
    pub row: usize,
    /// Why.
    pub fault: RowFault,
    /// The member at fault; empty when it is the row as a whole.
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl From<unskew_engine::row::BadRow> for BadRow {
    fn from(bad: unskew_engine::row::BadRow) -> Self {
        let fault = match bad.refusal {
            Refusal::InvalidRow => RowFault::InvalidRow,
            Refusal::BadKey => RowFault::BadKey,
            Refusal::Future => RowFault::Future,
            Refusal::TooLarge => RowFault::TooLarge,
        };
        Self { row: bad.row, fault, field: bad.field, message: bad.message }
    }
}

/// A batch of rows, as it was sent.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    /// The view; empty: the built-in one.
    pub view: &'a str,
    /// Its rows.
    pub body: Bytes,
    /// Their form.
    pub format: RowFormat,
    /// Whether members that the view does not define are left out, instead of refusing the row.
    pub ignore_unknown: bool,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteReport {
    /// Rows that the store has now, or that lost to a newer row of their entity; events that every view has.
    pub accepted: usize,
    /// Events that are late for at least one view.
    pub late: usize,
    /// Rows that were refused.
    pub bad: Vec<BadRow>,
}

impl WriteReport {
    /// Counts in the span of the request, if it is traced.
    pub(super) fn trace(&self) {
        trace::count(Count::Accepted, self.accepted as u64);
        trace::count(Count::Late, self.late as u64);
        trace::count(Count::Refused, self.bad.len() as u64);
    }
}

impl Lookup {
    /// Stores the good rows of a batch and gives the bad ones back. `now`: the time of arrival.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for an unknown view or a body that can't be split into rows; UNAVAILABLE when the store can't say that it has any.
    pub async fn write_rows(&self, batch: Batch<'_>, now: Micros, deadline: Instant) -> Result<WriteReport, Error> {
        let Batch { view, body, format, ignore_unknown } = batch;
        let start = Instant::now();
        let (rows, positions, mut bad) = if view.is_empty() || view == DEFAULT_VIEW {
            trace::name(Named::View, DEFAULT_VIEW);
            batch::parse(&body, format, now, &self.limits)?
        } else {
            let catalog = self.catalog();
            let Some(view) = catalog.view(view) else {
                let there_is: Vec<_> =
                    [DEFAULT_VIEW].into_iter().chain(catalog.view_names()).map(|name| format!("{name:?}")).collect();
                let message = format!("there is no row view {view:?}; this gateway has {}", there_is.join(", "));
                return Err(Error::invalid("view", message));
            };
            let parsed = self.parse_typed(view, &body, format, ignore_unknown, now)?;
            if !parsed.0.is_empty() {
                self.store_schema(view, deadline).await?;
            }
            parsed
        };
        let parsed = Instant::now();
        trace::stage(Stage::Decode, start, parsed);
        let mut accepted = 0;
        if !rows.is_empty() {
            let budget = store_budget(self.limits.write_timeout, deadline);
            let outcomes = self.store.put(rows, budget).await;
            trace::stage(Stage::Store, parsed, Instant::now());
            let outcomes = outcomes.map_err(|error| self.unavailable(&error, deadline))?;
            for (row, outcome) in positions.into_iter().zip(outcomes) {
                match outcome {
                    PutOutcome::Stored => accepted += 1,
                    PutOutcome::Failed(message) => {
                        bad.push(BadRow { row, fault: RowFault::Store, field: String::new(), message });
                    }
                }
            }
            bad.sort_by_key(|bad| bad.row);
        }
        self.metrics.rows(Written::Accepted, accepted as u64);
        self.metrics.rows(Written::Bad, bad.len() as u64);
        let report = WriteReport { accepted, late: 0, bad };
        report.trace();
        Ok(report)
    }
}
