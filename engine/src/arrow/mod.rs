//! Arrow: columns as values, for the batch path, training and typed writes.

mod column;
mod numbers;
mod texts;
mod write;

#[cfg(test)]
mod tests;

pub use arrow_array::RecordBatch;
pub use column::Column;
