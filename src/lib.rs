//! The unskew gateway: online features over gRPC and REST on one port, from one lookup core.

pub mod api;
pub mod auth;
pub mod capacity;
pub mod cli;
pub mod clock;
pub mod config;
pub mod deadline;
pub mod ending;
pub mod error;
pub mod grpc;
pub mod load;
pub mod lookup;
pub mod middleware;
pub mod rest;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod tls;
