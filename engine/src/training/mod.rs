//! Training sets: what a service reads of its views, for every row of a spine, at the row's own time.
//!
//! Rows are joined point in time: a row view gives the greatest row with an event time up to t, a window view what its windows have at t.
//! With `known_at` on a source only data that was known at t is used. Every entity is computed on its own, so that threads, batches and the
//! order of the input change nothing.

mod entities;
mod outputs;
mod rows;
mod spine;
mod table;
mod windows;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::RecordBatch;

use crate::definitions::{Service, ViewKind};
use crate::plan::{Input, Layout, Origin};

pub use outputs::{JoinedFeature, to_arrow};
use spine::Spine;

/// Input that can't be joined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrainingError {
    /// A column that is missing, or of a type that can't be read as declared.
    #[error("{table}: the column `{column}` {why}")]
    Column {
        /// The source, or `the spine`.
        table: String,
        /// The column.
        column: String,
        /// What is wrong.
        why: String,
    },
    /// A value that does not fit its declared type, or is null where there must be one.
    #[error("{table}, row {row}: the column `{column}` {why}")]
    Value {
        /// The source, or `the spine`.
        table: String,
        /// The column.
        column: String,
        /// The row, from 0.
        row: usize,
        /// What is wrong.
        why: String,
    },
    /// A source whose history is needed was not given.
    #[error("the view `{view}` needs the history of the source `{source_name}`, which is not there")]
    Source {
        /// The view.
        view: String,
        /// The source.
        source_name: String,
    },
    /// A definition that can't be computed, in words.
    #[error("{0}")]
    Definition(String),
    /// More rows than one call takes.
    #[error("{0} rows are more than one call takes; give them in parts")]
    TooManyRows(usize),
}

/// Computes what a service reads of its views for every row of a spine, which has the key columns of its entities and the request columns.
/// `time_column`: the column of the spine that is t, where the service names none. `sources`: the history, by source. `threads`: how many
/// may work.
///
/// # Errors
/// Columns that are missing or of another type, values that don't fit, and definitions that can't be computed.
pub fn join(
    service: &Service,
    time_column: &str,
    spine: &[RecordBatch],
    sources: &BTreeMap<String, Vec<RecordBatch>>,
    threads: usize,
) -> Result<Vec<JoinedFeature>, TrainingError> {
    let layout = Layout::new(service).map_err(|error| TrainingError::Definition(error.to_string()))?;
    let spine = Spine::new(service, time_column, spine)?;
    let mut joined: Vec<(usize, JoinedFeature)> = Vec::new();
    for (position, view) in service.views.iter().enumerate() {
        let of_view = |input: &Input| match input.origin {
            Origin::Feature { view, feature } => (view == position).then_some(feature),
            Origin::Request(_) => None,
        };
        let wanted: Vec<(usize, usize)> = layout
            .inputs()
            .iter()
            .enumerate()
            .filter_map(|(index, input)| of_view(input).map(|feature| (index, feature)))
            .collect();
        let Some(source) = &view.source else {
            return Err(TrainingError::Definition(format!(
                "the view `{}` has no source, and so no history",
                view.name
            )));
        };
        let missing = || TrainingError::Source { view: view.name.clone(), source_name: source.name.clone() };
        let history = sources.get(&source.name).ok_or_else(missing)?;
        let features: Vec<usize> = wanted.iter().map(|(_, feature)| *feature).collect();
        let of_view = match &view.kind {
            ViewKind::Row(row) => rows::join(view, row, history, &spine, &features)?,
            ViewKind::Window(_) => windows::join(&Arc::clone(view), history, &spine, &features, threads)?,
        };
        joined.extend(wanted.iter().map(|(index, _)| *index).zip(of_view));
    }
    joined.sort_by_key(|(index, _)| *index);
    Ok(joined.into_iter().map(|(_, feature)| feature).collect())
}
