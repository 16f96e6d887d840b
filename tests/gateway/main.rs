//! Tests of the whole gateway: the real binary, over an embedded store and a real Redis, asked over REST and gRPC.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![expect(unreachable_pub, reason = "the modules of a test binary")]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod support;

mod backups;
#[path = "../../engine/tests/cases/format/mod.rs"]
#[expect(dead_code, reason = "the engine's runner uses the rest")]
mod case_format;
mod cases;
mod cases_calls;
mod cases_definitions;
mod cases_features;
mod cases_values;
mod cases_windows;
mod certificates;
mod clients;
mod commands;
mod compression;
mod connection_age;
mod connections;
mod defined;
mod discovery;
mod embedded;
mod errors;
mod event_calls;
mod events;
mod events_concurrent;
mod events_faults;
mod events_load;
mod failures;
mod keys;
mod kill;
mod limits;
mod load;
mod malformed;
mod metrics;
mod overload;
mod rate_limit;
mod raw;
mod redis;
mod redis_faults;
mod scenario;
mod scenarios;
mod shutdown;
mod stores;
mod tls;
mod tls_reload;
mod writes;
