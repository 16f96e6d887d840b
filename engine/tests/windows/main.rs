//! Windows against an oracle: the contract transcribed by brute force, without any code of the engine's windows.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![expect(unreachable_pub, reason = "the modules of a test binary")]
#![expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "small numbers")]

mod cell;
mod damage;
mod definition;
mod distinct;
mod engine;
mod exact;
#[expect(dead_code, unused_imports, reason = "the runners of cases use the rest")]
#[path = "../cases/format/mod.rs"]
mod format;
mod function;
mod golden;
mod joined;
mod oracle;
mod properties;
mod size;
mod stored;
mod streams;
mod sums;
mod translate;
