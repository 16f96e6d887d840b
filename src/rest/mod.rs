//! REST: decode, call the lookup core, encode; nothing else.

mod backup;
mod body;
mod definitions;
pub mod docs;
mod feature_vectors;
mod names;
mod online_features;
mod ops;
mod reply;
mod router;
mod schema;
mod write_events;
mod write_rows;

pub use router::{Gateway, document, metrics_router, router};
