//! Tests of the stores: one contract that every store keeps, and what each does when its server or its files go wrong.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![expect(unreachable_pub, reason = "the modules of a test binary")]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "these tests start no gateway")]
mod support;

mod child;
mod contract;
mod embedded;
mod embedded_backup;
mod embedded_damage;
mod redis;
mod redis_faults;
mod redis_order;
mod rows;
mod swap;
mod swap_embedded;
mod swap_redis;
