//! The engine as the Python module `unskew._native`: definitions, fits and vectors of Arrow data, with the GIL released while it works. Thin:
//! what it gives is wrapped by `unskew`.

mod definitions;
mod describe;
mod errors;
mod fitter;
mod plan;
mod service;
mod tables;

/// The engine, compiled.
#[pyo3::pymodule]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::definitions::Definitions;
    #[pymodule_export]
    use crate::errors::EngineError;
    #[pymodule_export]
    use crate::fitter::Fitter;
    #[pymodule_export]
    use crate::plan::Plan;
    #[pymodule_export]
    use crate::service::Service;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("SEMANTICS", unskew_engine::SEMANTICS)
    }
}
