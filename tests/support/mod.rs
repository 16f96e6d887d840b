//! Parts that several test binaries share. A binary that does not use all of them says so where it declares the module.

pub mod gateway;
pub mod redis;
