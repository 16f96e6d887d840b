//! A service with its fitted parameters.

use numpy::ndarray::Array2;
use numpy::{IntoPyArray, PyArray2};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3_arrow::PyRecordBatch;
use serde_json::{Value as Json, json};
use unskew_engine::definitions::canonical;
use unskew_engine::plan::{self, Batch, Matrix};

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
            let mut matrix = Matrix::default();
            self.plan.transform(&batch, 0..batch.rows(), &mut matrix).map_err(|error| refused("data", error))?;
            Ok::<_, PyErr>(matrix)
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
