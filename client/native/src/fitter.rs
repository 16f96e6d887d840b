//! A fit under way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bumpalo::Bump;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3_arrow::PyRecordBatch;
use unskew_engine::arrow::Column;
use unskew_engine::definitions::Service;
use unskew_engine::definitions::fitted::FittedFile;
use unskew_engine::dtype::Scalar;
use unskew_engine::fit::{Pass, ServiceFit};
use unskew_engine::plan::Layout;
use unskew_engine::transforms::Other;
use unskew_engine::value::Value;

use crate::errors::refused;
use crate::plan::read;

/// A fit under way: passes over the same batches, until [`Fitter::finish_pass`] gives the fitted file.
#[pyclass(frozen, module = "unskew._native")]
pub(crate) struct Fitter {
    service: Arc<Service>,
    layout: Layout,
    /// The column of t.
    time: Option<String>,
    fit: Mutex<ServiceFit>,
}

impl Fitter {
    pub(crate) fn new(service: Arc<Service>, layout: Layout, time: Option<String>) -> PyResult<Self> {
        let other = |name: &str| {
            let found = layout.inputs().iter().enumerate().find(|(_, input)| input.name == name);
            found.map_or(Other { index: usize::MAX, dtype: Scalar::Float64.into() }, |(index, input)| Other {
                index,
                dtype: input.dtype,
            })
        };
        let fit = ServiceFit::new(&service, &other).map_err(|error| refused("fit", error))?;
        Ok(Self { service, layout, time, fit: Mutex::new(fit) })
    }

    fn fit(&self) -> MutexGuard<'_, ServiceFit> {
        self.fit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Fitter {
    /// Takes a batch. `statuses`: those of inputs, by their names.
    #[pyo3(signature = (batch, statuses=None))]
    fn update(&self, py: Python<'_>, batch: PyRecordBatch, statuses: Option<PyRecordBatch>) -> PyResult<()> {
        py.detach(|| {
            let table = batch.as_ref();
            let batch = read(&self.layout, &batch, statuses.as_ref())?;
            let mut fit = self.fit();
            let column = |name: &str| {
                table
                    .column_by_name(name)
                    .ok_or_else(|| refused("data", format!("the column `{name}` is missing; the fit reads it")))
            };
            let mut times = Vec::new();
            if let Some(name) = &self.time {
                let array = column(name)?;
                let read = Column::new(array.as_ref(), Scalar::Timestamp.into())
                    .map_err(|why| refused("data", format!("column `{name}`: {why}")))?;
                let arena = Bump::new();
                times.reserve(table.num_rows());
                for row in 0..table.num_rows() {
                    match read.value(row, &arena) {
                        Ok(Value::Time(time)) => times.push(time),
                        Ok(_) => {
                            return Err(refused(
                                "data",
                                format!("column `{name}`, row {row}: is null, and it is the time of the row"),
                            ));
                        }
                        Err(why) => return Err(refused("data", format!("column `{name}`, row {row}: {why}"))),
                    }
                }
            }
            let mut targets = Vec::with_capacity(self.service.slots.len());
            for slot in 0..self.service.slots.len() {
                targets.push(match fit.target(slot) {
                    Some(name) => {
                        let array = column(name)?;
                        let read = Column::of_numbers(array.as_ref());
                        Some(read.map_err(|why| refused("data", format!("column `{name}`: {why}")))?)
                    }
                    None => None,
                });
            }
            self.layout.fit(&batch, &times, &targets, &mut fit).map_err(|error| refused("data", error))
        })
    }

    /// Ends a pass: the text of the fitted file, or none where another pass is needed.
    fn finish_pass(&self, py: Python<'_>) -> PyResult<Option<String>> {
        py.detach(|| match self.fit().finish_pass() {
            Ok(Pass::Again) => Ok(None),
            Ok(Pass::Done(fitted)) => {
                FittedFile::new(&self.service, fitted).write().map(Some).map_err(|why| refused("fit", why))
            }
            Err(errors) => {
                let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
                Err(refused("fit", errors.join("\n")))
            }
        })
    }

    /// The state of the pass, for [`Fitter::merge`].
    fn save<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let saved = py.detach(|| self.fit().save());
        PyBytes::new(py, &saved)
    }

    /// Takes in the state of another part of the data.
    fn merge(&self, py: Python<'_>, saved: &[u8]) -> PyResult<()> {
        py.detach(|| self.fit().merge(saved).map_err(|error| refused("fit", error)))
    }
}
