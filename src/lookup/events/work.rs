//! Where batches are worked on: off the threads that serve requests, and only so many at a time.

use std::sync::Arc;
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::error::{Code, Error};
use crate::lookup::{Lookup, store_budget};
use crate::telemetry::saturation::BatchGauges;
use crate::telemetry::trace;

/// Room for batches.
#[derive(Clone, Debug)]
pub(in crate::lookup) struct Work {
    room: Arc<Semaphore>,
    batches: usize,
}

impl Work {
    /// Room for so many batches.
    pub(in crate::lookup) fn new(batches: usize) -> Self {
        let batches = batches.min(Semaphore::MAX_PERMITS);
        Self { room: Arc::new(Semaphore::new(batches)), batches }
    }

    /// How much of the room is taken.
    pub(in crate::lookup) fn gauges(&self) -> BatchGauges {
        let working = self.batches.saturating_sub(self.room.available_permits());
        BatchGauges { working, limit: self.batches }
    }
}

impl Lookup {
    /// Works on a batch, on a thread that may be busy with it. What it began goes on to its end though the caller leaves.
    ///
    /// # Errors
    /// UNAVAILABLE when other batches take all room until the deadline, or what `job` answers.
    pub(super) async fn work<T, F>(&self, deadline: Instant, job: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: AsyncFnOnce(Self) -> Result<T, Error> + Send + 'static,
    {
        let wait = store_budget(std::time::Duration::MAX, deadline);
        let room = tokio::time::timeout(wait, self.work.room.clone().acquire_owned()).await;
        let Ok(Ok(room)) = room else {
            let batches = self.limits.batches;
            let message = format!(
                "the gateway is overloaded: it works on {batches} batches of events already (ingest.max_batches); send it again later"
            );
            return Err(Error::new(Code::Unavailable, message));
        };
        let (lookup, runtime, traced) = (self.clone(), Handle::current(), trace::current());
        let done = tokio::task::spawn_blocking(move || {
            let done = match traced {
                Some(traced) => runtime.block_on(trace::within(traced, job(lookup))),
                None => runtime.block_on(job(lookup)),
            };
            drop(room);
            done
        });
        done.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a batch of events was not worked on to its end");
            Err(Error::new(Code::Internal, "the batch was not worked on to its end"))
        })
    }
}
