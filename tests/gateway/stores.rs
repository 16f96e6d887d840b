//! Stores for a gateway to serve from, filled as other tools would.

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use unskew_gateway::store::embedded::{Embedded, Options};
use unskew_gateway::store::{OnlineStore, PutOutcome, PutRow, order};

use crate::support::redis::RedisServer;

/// A store of either kind, there as long as this lives.
pub enum Store {
    Embedded(TempDir),
    Redis(RedisServer),
}

impl Store {
    /// A new directory.
    pub fn embedded() -> Self {
        Self::Embedded(tempfile::tempdir().unwrap())
    }

    /// A new server.
    pub fn redis() -> Self {
        Self::Redis(RedisServer::start())
    }

    /// One of each kind.
    pub fn both() -> [Self; 2] {
        [Self::embedded(), Self::redis()]
    }

    /// What `store.url` is for it.
    pub fn url(&self) -> String {
        match self {
            Self::Embedded(directory) => embedded_url(directory.path()),
            Self::Redis(server) => server.url(),
        }
    }

    /// The name in logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Embedded(_) => "embedded",
            Self::Redis(_) => "redis",
        }
    }

    /// Stores values as they are, whatever they hold, under `features:{id}`. No gateway may have an embedded store open.
    pub async fn set<'a>(&self, values: impl Iterator<Item = (&'a str, &'a [u8])>) {
        match self {
            Self::Embedded(directory) => set_embedded(directory.path(), values).await,
            Self::Redis(server) => {
                values.for_each(|(id, value)| server.set(format!("features:{id}").as_bytes(), value));
            }
        }
    }
}

/// `embedded:DIRECTORY`.
pub fn embedded_url(directory: &Path) -> String {
    format!("embedded:{}", directory.display())
}

async fn set_embedded<'a>(directory: &Path, values: impl Iterator<Item = (&'a str, &'a [u8])>) {
    let rows: Vec<_> = values
        .map(|(id, value)| {
            let times = order::of(value).map(|(times, _)| times);
            PutRow {
                key: format!("features:{id}").into(),
                event_time: times.map_or(i64::MIN, |times| times.event_time),
                created: times.map_or(i64::MIN, |times| times.created),
                value: bytes::Bytes::copy_from_slice(value),
            }
        })
        .collect();
    if rows.is_empty() {
        return;
    }
    let options = Options {
        cache_bytes: 4 << 20,
        write_buffer_bytes: 1 << 20,
        commit_max_rows: 2000,
        commit_max_bytes: 4 << 20,
        queue_rows: 20_000,
    };
    let store = Embedded::open(directory, options).unwrap();
    let outcomes = store.put(rows, Duration::from_secs(30)).await.unwrap();
    assert!(outcomes.iter().all(|outcome| *outcome == PutOutcome::Stored), "{outcomes:?}");
    store.close().await.unwrap();
}
