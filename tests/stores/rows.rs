//! Rows and stores to test with.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use unskew_gateway::store::embedded::{self, Embedded};
use unskew_gateway::store::redis::{self, Redis};
use unskew_gateway::store::{Fetched, OnlineStore, PutOutcome, PutRow, StoreError, StoreUrl, SwapRow};

/// Enough for any call that is not meant to run out of time.
pub const AMPLE: Duration = Duration::from_secs(30);

/// A row as the gateway writes it, with one feature.
pub fn row(key: impl AsRef<[u8]>, event_time: i64, created: i64, feature: &str) -> PutRow {
    let value = format!("{{\"__event_time\":{event_time},\"__created\":{created},\"x\":{feature}}}");
    PutRow { key: Bytes::copy_from_slice(key.as_ref()), event_time, created, value: value.into() }
}

/// A value to write over the expected one.
pub fn swap_row(key: impl AsRef<[u8]>, expected: Option<&[u8]>, value: impl AsRef<[u8]>) -> SwapRow {
    SwapRow {
        key: Bytes::copy_from_slice(key.as_ref()),
        expected: expected.map(Bytes::copy_from_slice),
        value: Bytes::copy_from_slice(value.as_ref()),
    }
}

/// The options of an embedded store in tests: little memory, so that tables and caches take part.
pub fn embedded_options() -> embedded::Options {
    embedded::Options {
        cache_bytes: 4 << 20,
        write_buffer_bytes: 1 << 20,
        commit_max_rows: 2000,
        commit_max_bytes: 4 << 20,
        queue_rows: 20_000,
    }
}

/// An embedded store in this directory.
pub fn open_embedded(directory: &Path) -> Result<Embedded, StoreError> {
    Embedded::open(directory, embedded_options())
}

/// The options of a Redis store in tests, as the gateway has them by default.
pub fn redis_options() -> redis::Options {
    redis::Options {
        pool_size: 2,
        connect_timeout: Duration::from_millis(500),
        reconnect_delay: Duration::from_millis(200),
        unresponsive_timeout: Duration::from_millis(600),
        max_queued_commands: 10_000,
        username: None,
        password: None,
        ca_file: None,
    }
}

/// A Redis store over this server.
pub fn open_redis(url: &str, options: &redis::Options) -> Result<Redis, StoreError> {
    match url.parse().expect("a URL") {
        StoreUrl::Redis(url) => Redis::connect(&url, options),
        StoreUrl::Embedded(_) => panic!("{url} is not Redis"),
    }
}

/// Waits until the store answers.
pub async fn wait_ready(store: &dyn OnlineStore) {
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while let Err(error) = store.ping(Duration::from_millis(200)).await {
        assert!(std::time::Instant::now() < deadline, "not ready: {error}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Stores one row, which must work.
pub async fn put(store: &dyn OnlineStore, row: PutRow) {
    assert_eq!(store.put(vec![row], AMPLE).await, Ok(vec![PutOutcome::Stored]));
}

/// Fetches one key, which must be answered.
pub async fn get(store: &dyn OnlineStore, key: impl AsRef<[u8]>) -> Fetched {
    let keys = vec![Bytes::copy_from_slice(key.as_ref())];
    store.fetch(keys, AMPLE).await.expect("an answer").pop().expect("one value")
}
