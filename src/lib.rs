//! The unskew gateway: online features over gRPC and REST on one port, from one lookup core.

pub mod api;
pub mod clock;
pub mod error;
pub mod lookup;
pub mod store;
pub mod telemetry;
