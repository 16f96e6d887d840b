//! Training sets: what a service reads of its views, for every row of a spine, at the row's own time.
//!
//! Rows are joined point in time: a row view gives the greatest row with an event time up to t, a window view what its windows have at t.
//! With `known_at` on a source only data that was known at t is used. Every entity is computed on its own, so that threads, batches and the
//! order of the input change nothing.

mod dense;
mod entities;
mod grid;
mod groups;
mod history;
mod marks;
mod newest;
mod outputs;
mod parts;
mod rows;
mod shares;
mod spine;
mod states;
mod table;
mod windows;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::RecordBatch;

use crate::definitions::{Service, View, ViewKind};
use crate::plan::{Input, Layout, Origin};

pub use newest::newest;
pub use outputs::{JoinedFeature, to_arrow};
pub use parts::parts;
pub use spine::SPINE;
use spine::Spine;
pub use states::states;

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
    let mut joined = Vec::new();
    for (position, view) in service.views.iter().enumerate() {
        let source = source_of(view)?;
        let missing = || TrainingError::Source { view: view.name.clone(), source_name: source.to_owned() };
        let history = sources.get(source).ok_or_else(missing)?;
        joined.extend(of_view((view, position), &layout, &spine, history, threads)?);
    }
    joined.sort_by_key(|(index, _)| *index);
    Ok(joined.into_iter().map(|(_, feature)| feature).collect())
}

/// The same for one view of the service. `history`: that of its source.
///
/// # Errors
/// As [`join`], and a view that the service does not read.
pub fn join_view(
    service: &Service,
    view: &str,
    time_column: &str,
    spine: &[RecordBatch],
    history: &[RecordBatch],
    threads: usize,
) -> Result<Vec<JoinedFeature>, TrainingError> {
    let layout = Layout::new(service).map_err(|error| TrainingError::Definition(error.to_string()))?;
    let spine = Spine::new(service, time_column, spine)?;
    let found = service.views.iter().enumerate().find(|(_, known)| known.name == view);
    let unknown = || TrainingError::Definition(format!("the service `{}` reads no view `{view}`", service.name));
    let (position, view) = found.ok_or_else(unknown)?;
    source_of(view)?;
    let joined = of_view((view, position), &layout, &spine, history, threads)?;
    Ok(joined.into_iter().map(|(_, feature)| feature).collect())
}

fn source_of(view: &View) -> Result<&str, TrainingError> {
    let missing = || TrainingError::Definition(format!("the view `{}` has no source, and so no history", view.name));
    view.source.as_ref().map(|source| source.name.as_str()).ok_or_else(missing)
}

/// The features that are read of a view, each with its position among the inputs.
fn of_view(
    (view, position): (&Arc<View>, usize),
    layout: &Layout,
    spine: &Spine<'_>,
    history: &[RecordBatch],
    threads: usize,
) -> Result<Vec<(usize, JoinedFeature)>, TrainingError> {
    let feature = |input: &Input| match input.origin {
        Origin::Feature { view, feature } => (view == position).then_some(feature),
        Origin::Request(_) => None,
    };
    let read = layout.inputs().iter().enumerate().filter_map(|(index, input)| Some((index, feature(input)?)));
    let (inputs, features): (Vec<usize>, Vec<usize>) = read.unzip();
    let joined = match &view.kind {
        ViewKind::Row(row) => rows::join(view, row, history, spine, &features)?,
        ViewKind::Window(_) => windows::join(view, history, spine, &features, threads)?,
    };
    Ok(inputs.into_iter().zip(joined).collect())
}
