//! Fit: what steps learn from training data, in passes over rows that may come in any order and split, with the same parameters,
//! bit for bit.
//!
//! [`ServiceFit`] fits all slots of a service. A step sees what the steps before it make, so it is fitted once they are: one
//! pass for each step that learns, more for those that ask for it. Parts of the data can be fitted apart: each starts from the
//! saved state of the pass, and the saved states of all parts are merged.

mod categories;
mod number;
mod service;
mod slot;
mod stats;

#[cfg(test)]
mod tests;

pub(crate) use categories::Categories;
pub(crate) use number::{NumberFit, finite, number, number_of, numbers};
pub use service::{FitError, FittedService, Pass, ServiceFit, target_columns};
pub use slot::FittedSlot;

/// Why bytes can't be merged into a fit.
pub(crate) const TORN: &str = "the saved state is torn, or of another step, pass or version";

/// Why a step can't be fitted.
pub(crate) const EMPTY: &str = "no value to fit: the column is empty or all null";
