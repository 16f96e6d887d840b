//! A service of a set of definitions.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3_arrow::{PyRecordBatch, PyTable};
use unskew_engine::arrow::RecordBatch;
use unskew_engine::definitions::fitted::{self, FittedFile, SUFFIX};
use unskew_engine::definitions::{self, canonical};
use unskew_engine::fit::target_columns;
use unskew_engine::plan::{self, Layout};
use unskew_engine::training;

use crate::definitions::folder;
use crate::errors::refused;
use crate::fitter::Fitter;
use crate::plan::Plan;
use crate::tables::{batches, numbered};

/// A service.
#[pyclass(frozen, module = "unskew._native")]
pub(crate) struct Service {
    pub(crate) service: Arc<definitions::Service>,
    pub(crate) path: Option<Arc<PathBuf>>,
}

#[pymethods]
impl Service {
    /// Its name.
    #[getter]
    fn name(&self) -> &str {
        &self.service.name
    }

    /// Whether a step takes its parameters from data.
    #[getter]
    fn needs_fit(&self) -> bool {
        self.service.slots.iter().flat_map(|slot| &slot.steps).any(|step| step.step.fit(step.input).is_some())
    }

    /// Name and type of every column that it reads.
    #[getter]
    fn inputs(&self) -> PyResult<Vec<(String, String)>> {
        let layout = self.layout()?;
        Ok(layout.inputs().iter().map(|input| (input.name.clone(), input.dtype.to_string())).collect())
    }

    /// Columns that a fit reads besides.
    #[getter]
    fn targets(&self) -> Vec<String> {
        target_columns(&self.service).into_iter().collect()
    }

    /// All that the fingerprint covers but the fitted parameters, as JSON.
    fn canonical(&self) -> String {
        canonical(&self.service)
    }

    /// Computes what it reads of a view, for every row of a spine, from the history of the view's source. `time_column`: t of each row,
    /// where the service does not name it. Gives two batches, values and statuses, with a column a feature.
    #[expect(clippy::too_many_arguments, reason = "a caller in Python gives five")]
    fn join(
        &self,
        py: Python<'_>,
        view: &str,
        spine: PyTable,
        history: PyTable,
        time_column: &str,
        threads: usize,
    ) -> PyResult<(PyRecordBatch, PyRecordBatch)> {
        let (spine, history) = (batches(spine), batches(history));
        let [values, statuses] = py.detach(|| {
            let rows = spine.iter().map(RecordBatch::num_rows).sum();
            training::join_view(&self.service, view, time_column, &spine, &history, threads)
                .and_then(|features| training::to_arrow(&features, rows))
                .map_err(|error| refused("data", numbered(error, &spine, &history)))
        })?;
        Ok((PyRecordBatch::new(values), PyRecordBatch::new(statuses)))
    }

    /// An empty fit. `time_column`: t of each row, where the service does not name it; none: the fitted file tells no interval.
    #[pyo3(signature = (time_column=None))]
    fn fitter(&self, time_column: Option<String>) -> PyResult<Fitter> {
        let time = self.service.time.clone().or(time_column);
        Fitter::new(self.service.clone(), self.layout()?, time)
    }

    /// The names of the fitted files beside the definitions, sorted; `""` for `<service>.fitted.json`.
    fn fitted(&self) -> PyResult<Vec<String>> {
        let Some(path) = &self.path else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder(path))? {
            let file = entry?.file_name();
            if let Some((service, name)) = file.to_str().and_then(fitted::name)
                && service == self.service.name
            {
                names.push(name.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// The text of such a file.
    fn load_fitted(&self, name: &str) -> PyResult<String> {
        let Some(path) = &self.path else {
            return Err(refused("not_fitted", "the definitions were not read from a directory"));
        };
        let dot = if name.is_empty() { "" } else { "." };
        let file = folder(path).join(format!("{}{dot}{name}{SUFFIX}", self.service.name));
        std::fs::read_to_string(&file)
            .map_err(|error| refused("not_fitted", format!("{}: {error}; fit the service first", file.display())))
    }

    /// The plan with the text of a fitted file, or of a service that needs none.
    #[pyo3(signature = (fitted=None))]
    fn plan(&self, py: Python<'_>, fitted: Option<String>) -> PyResult<Plan> {
        py.detach(|| {
            let parameters = match fitted {
                Some(text) => {
                    let file = FittedFile::read(&text).map_err(|why| refused("fitted", why))?;
                    file.check(&self.service).map_err(|why| refused("fitted", why))?;
                    Some(file.parameters())
                }
                None => None,
            };
            let plan = plan::Plan::new(self.service.clone(), parameters.as_ref());
            Plan::new(plan.map_err(|error| refused("not_fitted", error))?, parameters)
        })
    }
}

impl Service {
    fn layout(&self) -> PyResult<Layout> {
        Layout::new(&self.service).map_err(|error| refused("unsupported", error))
    }
}
