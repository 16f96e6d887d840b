//! The Redis store: one server, over a pool of connections.
//!
//! A server that is down never blocks anything: the pool connects and reconnects by itself, and calls fail at once until it has. A read is
//! one MGET; a write runs one script a row, all in one round trip, or a plain command where rows are likely to be new.

mod combine;
mod config;
mod connections;
mod faults;
mod owed;
mod reader;
mod scripts;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use fred::clients::Pool;
use fred::interfaces::{ClientLike, MetricsInterface};
use fred::types::config::Options as CallOptions;

use self::combine::Combiner;
use self::connections::Connections;
use self::owed::Owed;
use self::reader::Reader;
use super::url::RedisUrl;
use super::{
    Fetched, OnlineStore, PutOutcome, PutRow, StoreError, StoreErrorKind, StoreFuture, StoreGauges, SwapOutcome,
    SwapRow,
};

pub use self::config::Options;

/// How long closing waits for the server to say goodbye.
const QUIT_LIMIT: Duration = Duration::from_secs(1);

/// A Redis store.
pub struct Redis {
    pool: Pool,
    /// The connections of the pool.
    readers: Vec<Combiner>,
    /// Counts calls, so that they take turns.
    turn: AtomicUsize,
    /// Commands that may wait in all connections together.
    queue_limit: usize,
    connections: Connections,
    closed: Arc<AtomicBool>,
}

impl Redis {
    /// A store over the server that the URL names. Does not wait for the server. Needs a Tokio runtime.
    ///
    /// # Errors
    /// When the CA file can't be read or holds no certificate, or the host is no name that TLS can check.
    pub fn connect(url: &RedisUrl, options: &Options) -> Result<Self, StoreError> {
        let pool = config::pool(url, options)?;
        let server: Arc<str> = url.server().into();
        let connections = Connections::keep(&pool, &server, options.reconnect_delay);
        let closed = Arc::new(AtomicBool::new(false));
        // A call fails at once when the connection is down, and is not sent twice.
        let call = CallOptions { fail_fast: true, max_attempts: Some(1), ..CallOptions::default() };
        let reader = |client: &fred::clients::Client| {
            let client = client.with_options(&call);
            let (server, closed) = (Arc::clone(&server), Arc::clone(&closed));
            let owed = Owed::new(options.unresponsive_timeout);
            let reader = Arc::new(Reader { client, server, closed, mostly_new: AtomicBool::new(false), owed });
            connections.watch(Arc::clone(&reader));
            Combiner::new(reader)
        };
        let readers: Vec<_> = pool.clients().iter().map(reader).collect();
        let queue_limit = options.max_queued_commands.saturating_mul(readers.len());
        Ok(Self { pool, readers, turn: AtomicUsize::new(0), queue_limit, connections, closed })
    }

    /// A connection for one call: one that is up, and idle if there is one; or else an error at once that says why none is up.
    fn connection(&self) -> Result<&Combiner, StoreError> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(StoreError::new(StoreErrorKind::Closed, "the store is closed"));
        }
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % self.readers.len();
        let (before, from) = self.readers.split_at(first);
        let mut up = from.iter().chain(before).filter(|reader| reader.reader().client.is_connected());
        let Some(next) = up.next() else { return Err(self.connections.why_down()) };
        if next.is_idle() { Ok(next) } else { Ok(up.find(|reader| reader.is_idle()).unwrap_or(next)) }
    }

    async fn fetch_all(&self, keys: Vec<Bytes>, budget: Duration) -> Result<Vec<Fetched>, StoreError> {
        let connection = self.connection()?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        connection.fetch(keys, budget).await
    }
}

impl OnlineStore for Redis {
    fn fetch(&self, keys: Vec<Bytes>, budget: Duration) -> StoreFuture<'_, Vec<Fetched>> {
        Box::pin(self.fetch_all(keys, budget))
    }

    fn put(&self, rows: Vec<PutRow>, budget: Duration) -> StoreFuture<'_, Vec<PutOutcome>> {
        Box::pin(async move { self.connection()?.reader().put_all(rows, budget).await })
    }

    fn swap(&self, rows: Vec<SwapRow>, budget: Duration) -> StoreFuture<'_, Vec<SwapOutcome>> {
        Box::pin(async move { self.connection()?.reader().swap_all(rows, budget).await })
    }

    fn ping(&self, budget: Duration) -> StoreFuture<'_, ()> {
        Box::pin(async move { self.connection()?.reader().ping(budget).await })
    }

    fn close(&self) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            if self.closed.swap(true, Ordering::Relaxed) {
                return Ok(());
            }
            // A server that does not answer is left without a goodbye; every acknowledged write has its answer already.
            let _ = tokio::time::timeout(QUIT_LIMIT, self.pool.quit()).await;
            self.connections.stop();
            Ok(())
        })
    }

    fn gauges(&self) -> StoreGauges {
        let clients = self.pool.clients();
        StoreGauges {
            connections: clients.len(),
            connections_up: clients.iter().filter(|client| client.is_connected()).count(),
            queued: clients.iter().map(MetricsInterface::command_queue_len).sum(),
            queue_limit: self.queue_limit,
        }
    }

    fn name(&self) -> &'static str {
        "redis"
    }
}
