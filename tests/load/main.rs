//! Tests of `load`: the real binary loads real files, and what it stored is read back from a real gateway.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]
#![expect(unreachable_pub, reason = "the modules of a test binary")]

mod bad_rows;
mod broken;
mod files;
mod formats;
mod process;
mod unusable;
