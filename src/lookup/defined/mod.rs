//! What definitions add to the core: typed rows of defined views, vectors of services, and their explanation.

mod arrow;
mod catalog;
pub mod columns;
mod describe;
mod explain;
mod features;
mod records;
mod rows;
mod schemas;
mod vectors;
mod view;
mod window;
mod write;

pub(super) use arrow::arrow_batches;
pub(super) use features::{DefinedNames, DefinedRows, split};
pub(super) use window::ServedWindow;

pub use unskew_engine::definitions::hex;
pub use unskew_engine::plan::SlotTrace;

pub use catalog::Catalog;
pub use describe::{Described, DescribedColumn, DescribedService, DescribedView};
pub use explain::{Explained, ExplainedInput};
pub use vectors::{IncompleteRow, Vectors, VectorsAsked, ViewTimes};
