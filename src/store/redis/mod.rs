//! The Redis store: one server, over a pool of connections.
//!
//! A server that is down never blocks anything: the pool connects and reconnects by itself, and calls fail at once until it has. A read is
//! one MGET; a write runs one script a row, all in one round trip.

mod config;
mod connections;
mod faults;
mod write;

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use fred::clients::{Client, Pool, WithOptions};
use fred::interfaces::{ClientLike, MetricsInterface};
use fred::types::config::Options as CallOptions;
use fred::types::{ClusterHash, CustomCommand, Resp3Frame, Value};

use self::connections::Connections;
use super::url::RedisUrl;
use super::{Fetched, OnlineStore, PutOutcome, PutRow, StoreError, StoreErrorKind, StoreFuture, StoreGauges};

pub use self::config::Options;

/// How long closing waits for the server to say goodbye.
const QUIT_LIMIT: Duration = Duration::from_secs(1);

/// A Redis store.
pub struct Redis {
    pool: Pool,
    /// The clients of the pool, with the options of every call.
    clients: Vec<WithOptions<Client>>,
    /// Counts calls, so that they take turns.
    turn: AtomicUsize,
    connections: Connections,
    /// `host:port`, for messages.
    server: String,
    closed: AtomicBool,
}

impl Redis {
    /// A store over the server that the URL names. Does not wait for the server. Needs a Tokio runtime.
    ///
    /// # Errors
    /// When the CA file can't be read or holds no certificate, or the host is no name that TLS can check.
    pub fn connect(url: &RedisUrl, options: &Options) -> Result<Self, StoreError> {
        let pool = config::pool(url, options)?;
        let server = url.server();
        let connections = Connections::keep(&pool, &server, options.reconnect_delay);
        // A call fails at once when the connection is down, and is not sent twice.
        let call = CallOptions { fail_fast: true, max_attempts: Some(1), ..CallOptions::default() };
        let clients = pool.clients().iter().map(|client| client.with_options(&call)).collect();
        Ok(Self { pool, clients, turn: AtomicUsize::new(0), connections, server, closed: AtomicBool::new(false) })
    }

    /// A connection for one call: one that is up, or else an error at once that says why none is.
    fn client(&self) -> Result<&WithOptions<Client>, StoreError> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(StoreError::new(StoreErrorKind::Closed, "the store is closed"));
        }
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % self.clients.len();
        let (before, from) = self.clients.split_at(first);
        from.iter().chain(before).find(|client| client.is_connected()).ok_or_else(|| self.connections.why_down())
    }

    /// Waits for a call, not longer than its budget.
    async fn within<T>(
        &self,
        budget: Duration,
        call: impl Future<Output = Result<T, fred::error::Error>>,
    ) -> Result<T, StoreError> {
        if budget.is_zero() {
            return Err(self.timed_out());
        }
        match tokio::time::timeout(budget, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.explain(&error)),
            Err(_) => Err(self.timed_out()),
        }
    }

    fn explain(&self, error: &fred::error::Error) -> StoreError {
        if self.closed.load(Ordering::Relaxed) {
            return StoreError::new(StoreErrorKind::Closed, "the store is closed");
        }
        faults::explain(&self.server, error)
    }

    fn timed_out(&self) -> StoreError {
        StoreError::new(StoreErrorKind::Timeout, format!("redis at {} did not answer in time", self.server))
    }

    async fn fetch_all(&self, keys: Vec<Bytes>, budget: Duration) -> Result<Vec<Fetched>, StoreError> {
        let client = self.client()?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let count = keys.len();
        let keys: Vec<Value> = keys.into_iter().map(Value::Bytes).collect();
        // The raw reply: fred's own conversion would check every value for UTF-8, and we read them as bytes.
        let reply = self.within(budget, client.custom_raw(command("MGET"), keys)).await?;
        if let Resp3Frame::Array { data, .. } = reply {
            if data.len() == count {
                return data.into_iter().map(|frame| self.value(frame)).collect();
            }
            return Err(StoreError::new(
                StoreErrorKind::Unreachable,
                format!("redis at {} answered for {} keys of {count}", self.server, data.len()),
            ));
        }
        Err(faults::unexpected(&self.server, &reply))
    }

    fn value(&self, frame: Resp3Frame) -> Result<Fetched, StoreError> {
        if let Resp3Frame::BlobString { data, .. } = frame {
            Ok(Fetched::Value(data))
        } else if matches!(frame, Resp3Frame::Null) {
            Ok(Fetched::Missing)
        } else {
            Err(faults::unexpected(&self.server, &frame))
        }
    }
}

impl OnlineStore for Redis {
    fn fetch(&self, keys: Vec<Bytes>, budget: Duration) -> StoreFuture<'_, Vec<Fetched>> {
        Box::pin(self.fetch_all(keys, budget))
    }

    fn put(&self, rows: Vec<PutRow>, budget: Duration) -> StoreFuture<'_, Vec<PutOutcome>> {
        Box::pin(self.put_all(rows, budget))
    }

    fn ping(&self, budget: Duration) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let client = self.client()?;
            let reply = self.within(budget, client.custom_raw(command("PING"), Vec::<Value>::new())).await?;
            if matches!(reply, Resp3Frame::SimpleString { .. }) {
                return Ok(());
            }
            Err(faults::unexpected(&self.server, &reply))
        })
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
        }
    }

    fn name(&self) -> &'static str {
        "redis"
    }
}

fn command(name: &'static str) -> CustomCommand {
    CustomCommand::new_static(name, ClusterHash::FirstKey, false)
}
