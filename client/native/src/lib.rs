//! The engine as the Python module `unskew._native`: definitions, fits and vectors of Arrow data, with the GIL released while it works; and columns
//! of requests as the wire has them. Thin: what it gives is wrapped by `unskew`.

mod columns;
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
    use crate::columns::{encode_columns, encode_values};
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
        // Now, as tests put another class in the place of `datetime` for a while.
        crate::columns::epoch(module.py())?;
        module.add("SEMANTICS", unskew_engine::SEMANTICS)
    }
}
