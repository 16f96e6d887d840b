//! Calls on one connection, each within its budget.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fred::clients::{Client, WithOptions};
use fred::interfaces::ClientLike;
use fred::types::{ClusterHash, CustomCommand, Resp3Frame, Value};

use super::faults;
use super::owed::Owed;
use crate::store::{Fetched, StoreError, StoreErrorKind};

/// One connection, and what its errors need to say.
pub(super) struct Reader {
    /// With the options of every call.
    pub(super) client: WithOptions<Client>,
    /// `host:port`, for messages.
    pub(super) server: Arc<str>,
    /// Set when the store is closed.
    pub(super) closed: Arc<AtomicBool>,
    /// Whether most rows of the last large write had keys that were not there.
    pub(super) mostly_new: AtomicBool,
    /// Calls that it has not answered.
    pub(super) owed: Owed,
}

impl Reader {
    /// Waits for a call, not longer than its budget.
    pub(super) async fn within<T>(
        &self,
        budget: Duration,
        call: impl Future<Output = Result<T, fred::error::Error>>,
    ) -> Result<T, StoreError> {
        if budget.is_zero() {
            return Err(self.timed_out());
        }
        let number = self.owed.ask(Instant::now(), budget);
        let Ok(answer) = tokio::time::timeout(budget, call).await else { return Err(self.timed_out()) };
        self.owed.settle(number);
        answer.map_err(|error| self.explain(&error))
    }

    pub(super) fn explain(&self, error: &fred::error::Error) -> StoreError {
        if self.closed.load(Ordering::Relaxed) {
            return StoreError::new(StoreErrorKind::Closed, "the store is closed");
        }
        faults::explain(&self.server, error)
    }

    pub(super) fn timed_out(&self) -> StoreError {
        StoreError::new(StoreErrorKind::Timeout, format!("redis at {} did not answer in time", self.server))
    }

    /// Values of the keys by one MGET.
    pub(super) async fn mget(&self, keys: Vec<Bytes>, budget: Duration) -> Result<Vec<Fetched>, StoreError> {
        let count = keys.len();
        let keys: Vec<Value> = keys.into_iter().map(Value::Bytes).collect();
        // The raw reply: fred's own conversion would check every value for UTF-8, and we read them as bytes.
        let reply = self.within(budget, self.client.custom_raw(command("MGET"), keys)).await?;
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

    /// Asks the server for a sign of life.
    pub(super) async fn ping(&self, budget: Duration) -> Result<(), StoreError> {
        let reply = self.within(budget, self.client.custom_raw(command("PING"), Vec::<Value>::new())).await?;
        if matches!(reply, Resp3Frame::SimpleString { .. }) {
            return Ok(());
        }
        Err(faults::unexpected(&self.server, &reply))
    }
}

/// A command by its name.
pub(super) fn command(name: &'static str) -> CustomCommand {
    CustomCommand::new_static(name, ClusterHash::FirstKey, false)
}
