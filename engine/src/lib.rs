//! The unskew engine: features are declared once, and this crate computes them everywhere: in the gateway at request time, in
//! Python when a model is trained, in Spark over history.
//!
//! It is pure: values in, values out. It reads no clock, no network, no random source, and no file but those of the definitions
//! that [`definitions::load`] is asked for. What it computes depends on nothing but its arguments, to the bit.

pub mod arrow;
pub mod definitions;
pub mod diagnostics;
pub mod dtype;
pub mod expr;
pub mod fit;
pub mod keys;
pub mod numbers;
pub mod plan;
pub mod row;
pub mod scope;
pub mod status;
pub mod training;
pub mod transforms;
pub mod value;
pub mod windows;

/// The number of the engine's semantics. It is part of every fingerprint, and is raised whenever any definition would give
/// other bits than before.
pub const SEMANTICS: u32 = 1;
