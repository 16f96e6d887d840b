//! The process: one listener, the merged routers, the stack of layers, and an end without loss.

mod accept;
mod age;
mod certificates;
mod connection;
mod exposure;
mod first_bytes;
mod gather;
mod handshake;
mod health;
mod paced;
mod reading;
mod shutdown;
mod stack;
mod stalled;
mod start;

pub(crate) use exposure::check as check_exposure;
pub use shutdown::Stop;
pub use start::{Listeners, RunError, run};
pub(crate) use start::{limits, store_options};
