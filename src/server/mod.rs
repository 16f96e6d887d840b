//! The process: one listener, the merged routers, the stack of layers, and an end without loss.

mod accept;
mod certificates;
mod exposure;
mod first_bytes;
mod gather;
mod handshake;
mod health;
mod shutdown;
mod stack;
mod stalled;
mod start;

pub use shutdown::Stop;
pub use start::{Listeners, RunError, run};
pub(crate) use start::{limits, store_options};
