//! One Tower layer a file. The order in which they are stacked, and why, is in `server/stack.rs`.

pub mod auth;
pub mod catch_panic;
pub mod compression;
pub mod cors;
pub mod deadline;
pub mod measure;
pub mod protocol;
pub mod request_id;
pub mod respond;
pub mod shed;
pub mod span;
pub mod trace;
