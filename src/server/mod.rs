//! The process: one listener, the merged routers, the stack of layers, and an end without loss.

mod accept;
mod first_bytes;
mod gather;
mod health;
mod shutdown;
mod stack;
mod start;

pub use shutdown::Stop;
pub use start::{RunError, run};
pub(crate) use start::{limits, store_options};
