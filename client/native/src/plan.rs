//! A service with its fitted parameters.

use std::ops::Range;

use numpy::{PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3_arrow::PyRecordBatch;
use serde_json::{Value as Json, json};
use unskew_engine::definitions::canonical;
use unskew_engine::plan::{self, Batch, BatchError};

use crate::errors::refused;

/// A row that is not complete: its position, the slot, its status, the reason and the message.
type Incomplete = (usize, String, &'static str, &'static str, &'static str);

/// A service with its fitted parameters: computes vectors.
#[pyclass(frozen, module = "unskew._native")]
pub(crate) struct Plan {
    plan: plan::Plan,
    parameters: Json,
}

impl Plan {
    pub(crate) fn new(plan: plan::Plan, parameters: Option<Json>) -> PyResult<Self> {
        Ok(Self { plan, parameters: parameters.unwrap_or(Json::Null) })
    }
}

/// The columns of a batch that a layout reads, with the statuses of those whose statuses are told.
pub(crate) fn read<'a>(
    layout: &plan::Layout,
    table: &'a PyRecordBatch,
    statuses: Option<&PyRecordBatch>,
) -> PyResult<Batch<'a>> {
    let batch = Batch::new(layout, table.as_ref());
    let batch = match statuses {
        Some(statuses) => batch.and_then(|batch| batch.with_statuses(layout, statuses.as_ref())),
        None => batch,
    };
    batch.map_err(|error| refused("data", error))
}

/// Rows that are worth a thread of their own.
const THREAD_ROWS: usize = 16_384;

/// Fills in the vectors of a batch, by as many threads as it is worth, and gives the rows that are not complete. A fault is that of the first
/// rows that have one.
fn fill(plan: &plan::Plan, batch: &Batch<'_>, out: &mut [f32]) -> Result<Vec<(usize, plan::Incomplete)>, BatchError> {
    let rows = batch.rows();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let parts = cores.min(rows / THREAD_ROWS).max(1);
    let part = |range: Range<usize>, out: &mut [f32]| {
        let mut incomplete = Vec::new();
        plan.fill(batch, range, out, &mut incomplete).map(|()| incomplete)
    };
    if parts == 1 {
        return part(0..rows, out);
    }
    let mut places = Vec::with_capacity(parts);
    let mut rest = out;
    for at in 0..parts {
        let range = rows * at / parts..rows * (at + 1) / parts;
        let (place, tail) = std::mem::take(&mut rest).split_at_mut(range.len() * plan.width());
        places.push((range, place));
        rest = tail;
    }
    std::thread::scope(|scope| {
        let part = &part;
        let running: Vec<_> =
            places.into_iter().map(|(range, place)| scope.spawn(move || part(range, place))).collect();
        let mut whole = Vec::new();
        for thread in running {
            match thread.join() {
                Ok(incomplete) => whole.extend(incomplete?),
                // PyO3 makes an exception of it.
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(whole)
    })
}

#[pymethods]
impl Plan {
    /// 32 bytes.
    #[getter]
    fn fingerprint<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.plan.fingerprint())
    }

    /// Positions of the vector.
    #[getter]
    fn width(&self) -> usize {
        self.plan.width()
    }

    /// What each position is.
    #[getter]
    fn names(&self) -> Vec<String> {
        self.plan.names()
    }

    /// Name and width of every slot.
    #[getter]
    fn slots(&self) -> Vec<(String, usize)> {
        (0..self.plan.slot_count())
            .map(|slot| (self.plan.slot_name(slot).to_owned(), self.plan.slot_width(slot)))
            .collect()
    }

    /// Fills in the vectors of a batch, rows × width, and gives the rows that are not complete. `statuses`: those of inputs, by their names.
    #[pyo3(signature = (batch, out, statuses=None))]
    fn transform_into(
        &self,
        py: Python<'_>,
        batch: PyRecordBatch,
        out: &Bound<'_, PyArray2<f32>>,
        statuses: Option<PyRecordBatch>,
    ) -> PyResult<Vec<Incomplete>> {
        let mut out = out.try_readwrite().map_err(|error| refused("data", error))?;
        let out = out.as_slice_mut().map_err(|error| refused("data", error))?;
        let (rows, width) = (batch.as_ref().num_rows(), self.plan.width());
        if out.len() != rows * width {
            return Err(refused("data", format!("the vectors of {rows} rows need an array of {rows} × {width}")));
        }
        let incomplete = py.detach(|| {
            let batch = read(self.plan.layout(), &batch, statuses.as_ref())?;
            fill(&self.plan, &batch, out).map_err(|error| refused("data", error))
        })?;
        let incomplete = incomplete.iter().map(|(row, first)| {
            let reason = first.state.reason.map_or("", |reason| reason.name());
            (*row, self.plan.slot_name(first.slot).to_owned(), first.state.status.name(), reason, first.state.why)
        });
        Ok(incomplete.collect())
    }

    /// The definition in canonical form and what was fitted for each step of each slot, as JSON.
    fn steps(&self) -> PyResult<String> {
        let definition: Json =
            serde_json::from_str(&canonical(self.plan.service())).map_err(|error| refused("definitions", error))?;
        Ok(json!({"definition": definition, "fitted": self.parameters}).to_string())
    }
}
