//! A validated set of definitions.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3_arrow::{PyRecordBatch, PyTable};
use unskew_engine::definitions as engine;
use unskew_engine::diagnostics::render;
use unskew_engine::training;

use crate::describe::describe;
use crate::errors::{Place, invalid, place, refused};
use crate::service::Service;
use crate::tables::{batches, numbered};

/// A validated set of definitions.
#[pyclass(frozen, module = "unskew._native")]
pub(crate) struct Definitions {
    definitions: engine::Definitions,
    /// What they were read from.
    files: Vec<(PathBuf, String)>,
    /// Where they were read from, and where fitted files lie; none for texts.
    path: Option<Arc<PathBuf>>,
}

#[pymethods]
impl Definitions {
    /// Reads a directory, or a file.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        py.detach(|| {
            let files = engine::read(&path).map_err(|found| invalid(render(&found, &[]), &found))?;
            Self::of(files, Some(Arc::new(path)))
        })
    }

    /// Reads texts. `path`: the directory in which their fitted files lie.
    #[staticmethod]
    #[pyo3(signature = (files, path=None))]
    fn parse(py: Python<'_>, files: Vec<(PathBuf, String)>, path: Option<PathBuf>) -> PyResult<Self> {
        py.detach(|| Self::of(files, path.map(Arc::new)))
    }

    /// The texts that it was read from, by the names of their files.
    #[getter]
    fn files(&self) -> Vec<(PathBuf, String)> {
        self.files.clone()
    }

    /// What is defined, as JSON.
    fn describe(&self) -> String {
        describe(&self.definitions).to_string()
    }

    /// A service.
    fn service(&self, name: &str) -> PyResult<Service> {
        match self.definitions.services.get(name) {
            Some(service) => Ok(Service { service: service.clone(), path: self.path.clone() }),
            None => Err(refused("unknown", format!("there is no service {name:?}"))),
        }
    }

    /// Which of so many parts each row of a batch belongs to, by the keys of the entity of a view. `table`: what errors call it.
    fn parts<'py>(
        &self,
        py: Python<'py>,
        view: &str,
        table: &str,
        batch: PyRecordBatch,
        count: u32,
    ) -> PyResult<Bound<'py, PyArray1<u32>>> {
        let view = self.view(view)?;
        let parts = py.detach(|| {
            training::parts(&view.entity, table, batch.as_ref(), count).map_err(|error| refused("data", error))
        })?;
        Ok(PyArray1::from_vec(py, parts))
    }

    /// The rows of a history that are the newest of their entity, those of an entity side by side.
    fn newest<'py>(&self, py: Python<'py>, view: &str, history: PyTable) -> PyResult<Bound<'py, PyArray1<u32>>> {
        let (view, history) = (self.view(view)?, batches(history));
        let rows = py.detach(|| {
            training::newest(view, &history).map_err(|error| refused("data", numbered(error, &[], &history)))
        })?;
        Ok(PyArray1::from_vec(py, rows))
    }

    /// The states of a window view that have all events of a history up to a time, in microseconds: a batch of its key columns and `state`.
    fn states(
        &self,
        py: Python<'_>,
        view: &str,
        history: PyTable,
        cut: i64,
        threads: usize,
    ) -> PyResult<PyRecordBatch> {
        let (view, history) = (self.view(view)?, batches(history));
        let states = py.detach(|| {
            training::states(view, &history, cut, threads)
                .map_err(|error| refused("data", numbered(error, &[], &history)))
        })?;
        Ok(PyRecordBatch::new(states))
    }

    /// What forbids to go over to a new set while rows of this one are stored.
    fn incompatibilities(&self, new: &Self) -> Vec<Place> {
        engine::incompatibilities(&self.definitions, &new.definitions).iter().map(place).collect()
    }
}

impl Definitions {
    pub(crate) fn view(&self, name: &str) -> PyResult<&Arc<engine::View>> {
        self.definitions.views.get(name).ok_or_else(|| refused("unknown", format!("there is no view {name:?}")))
    }

    fn of(files: Vec<(PathBuf, String)>, path: Option<Arc<PathBuf>>) -> PyResult<Self> {
        let definitions = engine::parse(&files).map_err(|found| invalid(render(&found, &files), &found))?;
        Ok(Self { definitions, files, path })
    }
}

/// The directory of a set, in which its fitted files lie.
pub(crate) fn folder(path: &Path) -> &Path {
    if path.is_dir() { path } else { path.parent().unwrap_or(path) }
}
