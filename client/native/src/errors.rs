//! What the engine refuses, as one Python exception that says its kind.

use pyo3::PyErr;
use pyo3::create_exception;
use pyo3::exceptions::PyException;
use unskew_engine::diagnostics::Diagnostic;

create_exception!(
    _native,
    EngineError,
    PyException,
    "What the engine refuses: its kind, the message, and the places of faults in definitions."
);

/// A fault in definitions: file, line, column, message, help. The line is 0 where there is no place.
pub(crate) type Place = (String, usize, usize, String, String);

/// Definitions that are not valid, as a compiler prints them.
pub(crate) fn invalid(text: String, found: &[Diagnostic]) -> PyErr {
    let places: Vec<Place> = found.iter().map(place).collect();
    EngineError::new_err(("definitions", text, places))
}

/// Anything else: `kind` is what the Python side makes an exception class of.
pub(crate) fn refused(kind: &'static str, message: impl ToString) -> PyErr {
    EngineError::new_err((kind, message.to_string()))
}

pub(crate) fn place(diagnostic: &Diagnostic) -> Place {
    let (file, line, column) = match &diagnostic.span {
        Some(span) => (span.file.display().to_string(), span.line, span.column),
        None => (String::new(), 0, 0),
    };
    (file, line, column, diagnostic.message.clone(), diagnostic.help.clone().unwrap_or_default())
}
