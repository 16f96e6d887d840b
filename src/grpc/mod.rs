//! gRPC: decode, call the lookup core, encode; nothing else.

pub mod codec;
mod definitions;
pub mod reply;
pub mod request;
mod service;
pub mod status;
mod streams;
mod vectors;
pub mod wire;
mod writes;

#[cfg(test)]
mod tests;

pub use service::FeatureService;
pub use streams::{Allowed, Streams};

/// The server that `build.rs` generates.
#[expect(clippy::allow_attributes, clippy::allow_attributes_without_reason, unreachable_pub, reason = "generated code")]
mod generated {
    tonic::include_proto!("server/feature_store");
}

pub use generated::feature_store_server::FeatureStoreServer;

/// The descriptors of the wire contract, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/feature_store.bin"));
