//! How full the gateway is: each figure that has a limit beside its limit, so that an alert needs to know no configuration.

#![expect(clippy::disallowed_macros, reason = "metrics are declared here, beside those of `metrics.rs`")]

use metrics::{Counter, Gauge, Unit};
use tokio::runtime::Handle;

use crate::store::StoreGauges;

const CONNECTIONS_LIMIT: &str = "unskew_connections_limit";
const CONNECTIONS_AGED: &str = "unskew_connections_aged_total";
const CONNECTIONS_UNREAD: &str = "unskew_connections_unread";
const WORKER_THREADS: &str = "unskew_worker_threads";
const TASKS: &str = "unskew_tasks";
const STORE_CONNECTIONS: &str = "unskew_store_connections";
const STORE_CONNECTIONS_UP: &str = "unskew_store_connections_up";
const STORE_QUEUED: &str = "unskew_store_queued";
const STORE_QUEUE_LIMIT: &str = "unskew_store_queue_limit";
const BATCHES: &str = "unskew_event_batches";
const BATCHES_LIMIT: &str = "unskew_event_batches_limit";

/// How a connection ended that had reached its age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgedOut {
    /// All requests on it were answered.
    Finished,
    /// Some were not.
    Cut,
}

/// Batches of events and states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchGauges {
    /// Those that are worked on.
    pub working: usize,
    /// How many may be at the same time.
    pub limit: usize,
}

/// The metrics of what can be full.
pub struct Saturation {
    connections_limit: Gauge,
    connections_aged: [Counter; 2],
    connections_unread: Gauge,
    worker_threads: Gauge,
    tasks: Gauge,
    store_connections: Gauge,
    store_connections_up: Gauge,
    store_queued: Gauge,
    store_queue_limit: Gauge,
    batches: Gauge,
    batches_limit: Gauge,
}

impl Saturation {
    /// Declares them.
    pub(super) fn declare() -> Self {
        metrics::describe_gauge!(CONNECTIONS_LIMIT, Unit::Count, "Client connections that are taken at the same time.");
        metrics::describe_counter!(
            CONNECTIONS_AGED,
            Unit::Count,
            "Connections that ended because of their age: with all requests answered, or cut."
        );
        metrics::describe_gauge!(
            CONNECTIONS_UNREAD,
            Unit::Count,
            "Connections whose next requests are left unread until there is room: they asked for more than there is time to refuse."
        );
        metrics::describe_gauge!(WORKER_THREADS, Unit::Count, "Threads that serve requests.");
        metrics::describe_gauge!(TASKS, Unit::Count, "Tasks of the runtime that have not ended.");
        metrics::describe_gauge!(STORE_CONNECTIONS, Unit::Count, "Connections that the store's pool should have.");
        metrics::describe_gauge!(STORE_CONNECTIONS_UP, Unit::Count, "Connections of the store's pool that are up.");
        metrics::describe_gauge!(STORE_QUEUED, Unit::Count, "Calls or rows that wait for the store.");
        metrics::describe_gauge!(STORE_QUEUE_LIMIT, Unit::Count, "Calls or rows that may wait for the store.");
        metrics::describe_gauge!(BATCHES, Unit::Count, "Batches of events or states that are worked on.");
        metrics::describe_gauge!(
            BATCHES_LIMIT,
            Unit::Count,
            "Batches of events or states that may be worked on at the same time."
        );
        Self {
            connections_limit: metrics::gauge!(CONNECTIONS_LIMIT),
            connections_aged: ["finished", "cut"].map(|result| metrics::counter!(CONNECTIONS_AGED, "result" => result)),
            connections_unread: metrics::gauge!(CONNECTIONS_UNREAD),
            worker_threads: metrics::gauge!(WORKER_THREADS),
            tasks: metrics::gauge!(TASKS),
            store_connections: metrics::gauge!(STORE_CONNECTIONS),
            store_connections_up: metrics::gauge!(STORE_CONNECTIONS_UP),
            store_queued: metrics::gauge!(STORE_QUEUED),
            store_queue_limit: metrics::gauge!(STORE_QUEUE_LIMIT),
            batches: metrics::gauge!(BATCHES),
            batches_limit: metrics::gauge!(BATCHES_LIMIT),
        }
    }

    /// A connection ended because of its age.
    pub fn aged_out(&self, result: AgedOut) {
        self.connections_aged[result as usize].increment(1);
    }

    /// A connection is left unread, as long as this lives.
    #[must_use]
    pub fn unread(&'static self) -> Unread {
        self.connections_unread.increment(1.0);
        Unread(&self.connections_unread)
    }

    /// What the listener takes: client connections, and threads that serve them. Told once.
    pub fn listener(&self, connections_limit: usize, worker_threads: usize) {
        set(&self.connections_limit, connections_limit);
        set(&self.worker_threads, worker_threads);
    }

    /// What is read at each scrape, on the runtime whose tasks are counted.
    pub(super) fn scraped(&self, store: StoreGauges, batches: BatchGauges) {
        if let Ok(runtime) = Handle::try_current() {
            set(&self.tasks, runtime.metrics().num_alive_tasks());
        }
        set(&self.store_connections, store.connections);
        set(&self.store_connections_up, store.connections_up);
        set(&self.store_queued, store.queued);
        set(&self.store_queue_limit, store.queue_limit);
        set(&self.batches, batches.working);
        set(&self.batches_limit, batches.limit);
    }
}

/// A connection in the gauge of those that are left unread.
pub struct Unread(&'static Gauge);

impl Drop for Unread {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of connections, calls and rows")]
fn set(gauge: &Gauge, count: usize) {
    gauge.set(count as f64);
}
