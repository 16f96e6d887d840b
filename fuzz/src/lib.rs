//! What reads bytes that others made, as functions of bytes: a stored value, a request, a file. No input may make one panic, or make the gateway
//! answer with a fault of its own.

#![expect(clippy::panic, clippy::expect_used, reason = "a finding is a panic")]

mod memory;
mod mutate;
mod targets;
mod world;

pub use mutate::Mutator;
pub use targets::{TARGETS, Target, corpus};
