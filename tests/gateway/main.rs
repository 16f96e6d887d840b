//! Tests of the whole gateway: the real binary, over an embedded store and a real Redis, asked over REST and gRPC.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![expect(unreachable_pub, reason = "the modules of a test binary")]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod support;

mod clients;
mod commands;
mod connections;
mod discovery;
mod embedded;
mod errors;
mod failures;
mod kill;
mod limits;
mod load;
mod malformed;
mod metrics;
mod raw;
mod redis;
mod redis_faults;
mod scenario;
mod scenarios;
mod shutdown;
mod stores;
mod writes;
