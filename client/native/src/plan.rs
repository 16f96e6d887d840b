//! A service with its fitted parameters.

use numpy::ndarray::Array2;
use numpy::{IntoPyArray, PyArray2};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3_arrow::PyRecordBatch;
use serde_json::{Value as Json, json};
use unskew_engine::definitions::canonical;
use unskew_engine::plan::{self, Batch, BatchError, Matrix};

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

/// Rows that are worth a thread of their own.
const THREAD_ROWS: usize = 16_384;

/// The vectors of a batch, by as many threads as it is worth. A fault is that of the first rows that have one.
fn transform(plan: &plan::Plan, batch: &Batch<'_>) -> Result<Matrix, BatchError> {
    let rows = batch.rows();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let parts = cores.min(rows / THREAD_ROWS).max(1);
    let part = |at: usize| {
        let mut matrix = Matrix::default();
        plan.transform(batch, rows * at / parts..rows * (at + 1) / parts, &mut matrix).map(|()| matrix)
    };
    if parts == 1 {
        return part(0);
    }
    std::thread::scope(|scope| {
        let running: Vec<_> = (1..parts).map(|at| scope.spawn(move || part(at))).collect();
        let mut whole = part(0)?;
        whole.values.reserve_exact(rows * plan.width() - whole.values.len());
        for (at, thread) in running.into_iter().enumerate() {
            // A thread that panicked is run again here, where the panic becomes an exception.
            let matrix = thread.join().unwrap_or_else(|_| part(at + 1))?;
            whole.values.extend_from_slice(&matrix.values);
            whole.incomplete.extend(matrix.incomplete);
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

    /// Vectors of a batch, rows × width, and the rows that are not complete.
    fn transform<'py>(
        &self,
        py: Python<'py>,
        batch: PyRecordBatch,
    ) -> PyResult<(Bound<'py, PyArray2<f32>>, Vec<Incomplete>)> {
        let table = batch.into_inner();
        let matrix = py.detach(|| {
            let batch = Batch::new(self.plan.layout(), &table).map_err(|error| refused("data", error))?;
            transform(&self.plan, &batch).map_err(|error| refused("data", error))
        })?;
        let incomplete = matrix.incomplete.iter().map(|(row, first)| {
            let reason = first.state.reason.map_or("", |reason| reason.name());
            (*row, self.plan.slot_name(first.slot).to_owned(), first.state.status.name(), reason, first.state.why)
        });
        let incomplete = incomplete.collect();
        let values = Array2::from_shape_vec((table.num_rows(), self.plan.width()), matrix.values)
            .map_err(|error| refused("data", error))?;
        Ok((values.into_pyarray(py), incomplete))
    }

    /// The definition in canonical form and what was fitted for each step of each slot, as JSON.
    fn steps(&self) -> PyResult<String> {
        let definition: Json =
            serde_json::from_str(&canonical(self.plan.service())).map_err(|error| refused("definitions", error))?;
        Ok(json!({"definition": definition, "fitted": self.parameters}).to_string())
    }
}
