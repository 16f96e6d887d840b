//! States that were computed from history: each takes the place of what the stored one knew up to the cut, and live events go on from
//! there.

use std::sync::Arc;
use std::time::Instant;

use arrow_array::{Array, RecordBatch};
use bumpalo::Bump;
use bytes::Bytes;
use unskew_engine::arrow::Column;
use unskew_engine::dtype::Scalar;
use unskew_engine::keys;
use unskew_engine::value::Value;
use unskew_engine::windows::{LoadError, LoadedState};

use super::StateBatch;
use crate::error::Error;
use crate::lookup::defined::{ServedWindow, arrow_batches};
use crate::lookup::write::{BadRow, RowFault, WriteReport};
use crate::lookup::{Lookup, time};
use crate::telemetry::trace::{self, Named};

/// The column of the states.
const STATE: &str = "state";

/// The good rows of a batch: store keys, states and positions.
#[derive(Default)]
struct Parsed {
    keys: Vec<Bytes>,
    /// None: the entity is to be forgotten.
    states: Vec<Option<Bytes>>,
    rows: Vec<usize>,
    bad: Vec<BadRow>,
}

impl Lookup {
    /// Loads the good states of a batch and gives the bad ones back. The last batch of a load makes its view complete, unless one of its
    /// states is bad.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for an unknown view, a cut that is no edge of its tiles, or a body whose columns don't fit; FAILED_PRECONDITION for
    /// a view whose stored states hold something else; UNAVAILABLE when the store can't say that it has any, or too many batches are
    /// worked on.
    pub async fn write_states(&self, batch: StateBatch, deadline: Instant) -> Result<WriteReport, Error> {
        let catalog = self.catalog();
        let Some(view) = catalog.window(&batch.view).cloned() else {
            let there_is: Vec<_> = catalog.windows().map(|view| format!("{:?}", view.name())).collect();
            let there_is = if there_is.is_empty() { "none".to_owned() } else { there_is.join(", ") };
            let message = format!("there is no window view {:?}; this gateway has {there_is}", batch.view);
            return Err(Error::invalid("view", message));
        };
        if let Some((before, after)) = view.plan.edges_around(batch.cut) {
            let [cut, before, after] = [batch.cut, before, after].map(time::format);
            let message = format!(
                "{cut} is no edge of the view's tiles, which its `resolution` sets; the nearest are {before} and {after}"
            );
            return Err(Error::invalid("cut", message));
        }
        self.know_windows(&catalog, std::iter::once(&view), deadline).await?;
        trace::name(Named::View, view.name());
        let job = async move |lookup: Self| lookup.store_states(&view, &batch, deadline).await;
        let report = self.work(deadline, job).await?;
        report.trace();
        Ok(report)
    }

    async fn store_states(
        &self,
        view: &Arc<ServedWindow>,
        batch: &StateBatch,
        deadline: Instant,
    ) -> Result<WriteReport, Error> {
        let mut parsed = Parsed::default();
        let mut first = 0;
        if !batch.arrow.is_empty() {
            for rows in arrow_batches(&batch.arrow, self.limits.batch_rows)? {
                parse(view, first, &rows, &mut parsed).map_err(|why| Error::invalid("arrow_ipc", why))?;
                first += rows.num_rows();
            }
        }
        let Parsed { keys, states, rows, mut bad } = parsed;
        let mut faults: Vec<Option<RowFault>> = vec![None; keys.len()];
        let mut sizes: Vec<Option<usize>> = vec![None; keys.len()];
        let derive = |at: usize, stored: Option<&[u8]>| -> Result<Option<Vec<u8>>, String> {
            let loaded = LoadedState {
                bytes: states.get(at).and_then(Option::as_deref),
                cut: batch.cut,
                complete_since: batch.complete_since.unwrap_or(i64::MIN),
            };
            let loaded = view.plan.load(stored, loaded, self.limits.state_bytes).map_err(|error| {
                if let Some(place) = faults.get_mut(at) {
                    *place = Some(fault(&error));
                }
                describe(&error)
            })?;
            if let Some(place) = sizes.get_mut(at) {
                *place = loaded.too_large;
            }
            Ok(loaded.value)
        };
        let failed = self.swap_all(&keys, deadline, derive).await?;
        let mut accepted = 0;
        for (((row, failed), fault), bytes) in rows.into_iter().zip(failed).zip(faults).zip(sizes) {
            let (fault, message) = match (failed, bytes) {
                (Some(message), _) => (fault.unwrap_or(RowFault::Store), message),
                (None, Some(bytes)) => (RowFault::StateLimit, self.too_large(bytes)),
                (None, None) => {
                    accepted += 1;
                    continue;
                }
            };
            bad.push(BadRow { row, fault, field: STATE.to_owned(), message });
        }
        bad.sort_by_key(|bad| bad.row);
        if batch.is_last && bad.is_empty() {
            self.set_complete_since(view, batch.complete_since, deadline).await?;
        }
        Ok(WriteReport { accepted, late: 0, bad })
    }

    fn too_large(&self, bytes: usize) -> String {
        format!(
            "with the stored events after the cut the state would have {bytes} bytes, at most {} are allowed (limits.max_state_bytes); windows \
             with its times are errors from now on",
            self.limits.state_bytes
        )
    }
}

fn describe(error: &LoadError) -> String {
    match error {
        LoadError::Stored(bad) => format!("the stored state can't be read (UNDECODABLE): {bad}"),
        LoadError::Bad(_) | LoadError::AfterCut(_) | LoadError::Merged(_) => error.to_string(),
    }
}

const fn fault(error: &LoadError) -> RowFault {
    match error {
        LoadError::Bad(_) | LoadError::AfterCut(_) => RowFault::InvalidRow,
        LoadError::Stored(_) => RowFault::Store,
        LoadError::Merged(_) => RowFault::Late,
    }
}

/// Reads the rows of a batch; the first is at position `first`. An error is that of the batch as a whole.
fn parse(view: &ServedWindow, first: usize, batch: &RecordBatch, parsed: &mut Parsed) -> Result<(), String> {
    let wanted = view.key.columns().iter().map(|(name, scalar)| (name.as_str(), *scalar));
    let wanted: Vec<_> = wanted.chain([(STATE, Scalar::Bytes)]).collect();
    for field in batch.schema_ref().fields() {
        if !wanted.iter().any(|(name, _)| name == field.name()) {
            let names: Vec<_> = wanted.iter().map(|(name, _)| format!("`{name}`")).collect();
            return Err(format!("the batch has the column {:?}; states have {}", field.name(), names.join(", ")));
        }
    }
    let mut columns = Vec::with_capacity(wanted.len());
    for (name, scalar) in wanted {
        let array: &dyn Array =
            batch.column_by_name(name).ok_or_else(|| format!("the batch lacks the column `{name}`"))?;
        columns.push((name, Column::new(array, scalar.into()).map_err(|why| format!("`{name}`: {why}"))?));
    }
    let mut arena = Bump::new();
    for index in 0..batch.num_rows() {
        match row(view, &columns, index, &arena) {
            Ok((key, state)) => {
                parsed.keys.push(key);
                parsed.states.push(state);
                parsed.rows.push(first + index);
            }
            Err((fault, field, message)) => {
                parsed.bad.push(BadRow { row: first + index, fault, field, message });
            }
        }
        arena.reset();
    }
    Ok(())
}

/// The store key and the state of a row; null is none.
fn row(
    view: &ServedWindow,
    columns: &[(&str, Column<'_>)],
    index: usize,
    arena: &Bump,
) -> Result<(Bytes, Option<Bytes>), (RowFault, String, String)> {
    let mut parts = Vec::with_capacity(columns.len());
    for (name, column) in columns {
        let fault = if *name == STATE { RowFault::InvalidRow } else { RowFault::BadKey };
        let value = column.value(index, arena);
        parts.push(value.map_err(|why| (fault, (*name).to_owned(), format!("`{name}`: {why}")))?);
    }
    let state = match parts.pop() {
        Some(Value::Bytes(state)) => Some(Bytes::copy_from_slice(state)),
        _ => None,
    };
    let mut encoded = Vec::new();
    let done = view.key.encode(&parts, &mut encoded);
    done.map_err(|bad| (RowFault::BadKey, bad.column.unwrap_or_default(), bad.message))?;
    let mut key = Vec::new();
    keys::append_store_key(&encoded, view.name(), view.plan.view().version, &mut key);
    Ok((key.into(), state))
}
