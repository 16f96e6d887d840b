//! JSON: rows of `layout: json`, and any JSON value as a value of a declared type.

mod read;
mod typed;
mod write;

pub use read::{JsonReader, JsonRow};
pub use typed::{Origin, Typed, value};
pub(crate) use typed::{gather, item_of};
pub use write::write_delete;

/// The reserved member that holds the event time of a stored JSON row, in microseconds; the first of the object.
pub const EVENT_TIME: &str = "__event_time";
/// The reserved member that holds when a stored JSON row was made; the second of the object.
pub const CREATED: &str = "__created";
