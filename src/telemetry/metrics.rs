//! Every metric but those of events, security, spans and of what can be full: its name, help, labels and buckets, and the handles that the hot path
//! uses.

#![expect(clippy::disallowed_macros, reason = "metrics are declared here")]

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use metrics::{Counter, Gauge, Histogram, Unit};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use super::events::EventMetrics;
use super::labels::{METHODS, Outcome, Protocol};
use super::saturation::{BatchGauges, Saturation};
use super::security::SecurityMetrics;
use super::spans::SpanMetrics;
use super::trace;
use crate::lookup::{Reason, Status, Tally};
use crate::store::{StoreErrorKind, StoreGauges};

const REQUEST_DURATION: &str = "unskew_request_duration_seconds";
const STAGE_DURATION: &str = "unskew_stage_duration_seconds";
const IN_FLIGHT: &str = "unskew_requests_in_flight";
const ENTITIES: &str = "unskew_entities_total";
const ENTITY_ERRORS: &str = "unskew_entity_errors_total";
const FEATURES: &str = "unskew_features_total";
const ROWS_WRITTEN: &str = "unskew_rows_written_total";
const STORE_ERRORS: &str = "unskew_store_errors_total";
const CONNECTIONS: &str = "unskew_connections_open";
const BUILD_INFO: &str = "unskew_build_info";

/// First bucket of the histograms, seconds.
const FIRST_BUCKET: f64 = 15e-6;
/// Each bucket is this much wider than the one before.
const BUCKET_GROWTH: f64 = 1.5;
/// Buckets reach 15 s.
const BUCKETS: usize = 35;

/// A part of serving a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// From the request to its plan and keys.
    Decode,
    /// Waiting for the store.
    Store,
    /// From stored bytes to the bytes of the reply.
    Encode,
}

impl Stage {
    /// Every stage.
    pub const ALL: [Self; 3] = [Self::Decode, Self::Store, Self::Encode];

    /// The label value, and the name of its span.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Store => "store",
            Self::Encode => "encode",
        }
    }
}

/// How a written row ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The store has it, or a newer one.
    Accepted,
    /// It was refused.
    Bad,
}

/// Handles of every metric, resolved once.
pub struct Metrics {
    /// Those of events.
    pub events: EventMetrics,
    /// Those of what can be full.
    pub saturation: Saturation,
    /// Those of what is refused.
    pub security: SecurityMetrics,
    /// Those of spans.
    pub spans: SpanMetrics,
    handle: PrometheusHandle,
    requests: Vec<OnceLock<Histogram>>,
    stages: [Histogram; Stage::ALL.len()],
    in_flight: [Gauge; 2],
    entities: [Counter; Status::ALL.len()],
    entity_errors: [Counter; Reason::ALL.len()],
    features: [Counter; Status::ALL.len()],
    rows: [Counter; 2],
    store_errors: [Counter; StoreErrorKind::ALL.len()],
    connections: Gauge,
    process: metrics_process::Collector,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// Upper bounds of the histogram buckets, seconds.
fn buckets() -> Vec<f64> {
    std::iter::successors(Some(FIRST_BUCKET), |bound| Some(bound * BUCKET_GROWTH)).take(BUCKETS).collect()
}

fn describe() {
    metrics::describe_histogram!(
        REQUEST_DURATION,
        Unit::Seconds,
        "From the first byte of a request to the end of its reply."
    );
    metrics::describe_histogram!(STAGE_DURATION, Unit::Seconds, "Parts of serving features: decode, store, encode.");
    metrics::describe_gauge!(IN_FLIGHT, Unit::Count, "Requests that are being served.");
    metrics::describe_counter!(
        ENTITIES,
        Unit::Count,
        "Entities looked up, by status; PRESENT over all is the hit ratio."
    );
    metrics::describe_counter!(ENTITY_ERRORS, Unit::Count, "Entities that could not be served, by reason.");
    metrics::describe_counter!(FEATURES, Unit::Count, "Features looked up, by status.");
    metrics::describe_counter!(ROWS_WRITTEN, Unit::Count, "Rows written, by result.");
    metrics::describe_counter!(STORE_ERRORS, Unit::Count, "Calls that the store did not answer, by kind.");
    metrics::describe_gauge!(CONNECTIONS, Unit::Count, "Client connections that are open.");
    metrics::describe_gauge!(BUILD_INFO, Unit::Count, "Always 1; the labels say what is running.");
}

impl Metrics {
    /// Installs the recorder and declares every metric.
    ///
    /// # Errors
    /// When a recorder is installed already.
    pub fn install() -> Result<&'static Self, BuildError> {
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_duration_seconds".to_owned()), &buckets())?
            .install_recorder()?;
        describe();
        let process = metrics_process::Collector::default();
        process.describe();
        metrics::gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        Ok(Box::leak(Box::new(Self {
            events: EventMetrics::declare(),
            saturation: Saturation::declare(),
            security: SecurityMetrics::declare(),
            spans: SpanMetrics::declare(),
            handle,
            requests: (0..Protocol::ALL.len() * METHODS.len() * Outcome::COUNT).map(|_| OnceLock::new()).collect(),
            stages: Stage::ALL.map(|stage| metrics::histogram!(STAGE_DURATION, "stage" => stage.name())),
            in_flight: Protocol::ALL.map(|protocol| metrics::gauge!(IN_FLIGHT, "protocol" => protocol.name())),
            entities: Status::ALL.map(|status| metrics::counter!(ENTITIES, "status" => status.name())),
            entity_errors: Reason::ALL.map(|reason| metrics::counter!(ENTITY_ERRORS, "reason" => reason.name())),
            features: Status::ALL.map(|status| metrics::counter!(FEATURES, "status" => status.name())),
            rows: ["accepted", "bad"].map(|result| metrics::counter!(ROWS_WRITTEN, "result" => result)),
            store_errors: StoreErrorKind::ALL.map(|kind| metrics::counter!(STORE_ERRORS, "kind" => kind.name())),
            connections: metrics::gauge!(CONNECTIONS),
            process,
        })))
    }

    /// A request ended. `method`: its position among [`METHODS`].
    #[inline]
    pub fn request(&self, protocol: Protocol, method: usize, outcome: Outcome, duration: Duration) {
        let at = (protocol as usize * METHODS.len() + method) * Outcome::COUNT + outcome.index();
        if let Some(cell) = self.requests.get(at) {
            cell.get_or_init(|| {
                let method = METHODS.get(method).copied().unwrap_or(METHODS[0]);
                metrics::histogram!(REQUEST_DURATION, "protocol" => protocol.name(), "method" => method, "code" => outcome.name())
            })
            .record(duration.as_secs_f64());
        }
    }

    /// A request began (1) or ended (-1).
    #[inline]
    pub fn in_flight(&self, protocol: Protocol, change: f64) {
        self.in_flight[protocol as usize].increment(change);
    }

    /// A stage of a request began and ended; its span too, if the request is traced.
    #[inline]
    pub fn stage(&self, stage: Stage, from: Instant, to: Instant) {
        self.stages[stage as usize].record(to.saturating_duration_since(from).as_secs_f64());
        trace::stage(stage, from, to);
    }

    /// What a request found.
    pub fn looked_up(&self, tally: &Tally) {
        add(&self.entities, &tally.entities_by_status());
        add(&self.features, &tally.features_by_status());
        add(&self.entity_errors, &tally.errors_by_reason());
        trace::note(|recording| recording.looked_up(tally));
    }

    /// Rows were written, or refused.
    pub fn rows(&self, result: Written, count: u64) {
        self.rows[result as usize].increment(count);
    }

    /// The store did not answer a call.
    pub fn store_error(&self, kind: StoreErrorKind) {
        if let Some(at) = StoreErrorKind::ALL.iter().position(|known| *known == kind) {
            self.store_errors[at].increment(1);
        }
    }

    /// A client connected (1) or left (-1).
    pub fn connection(&self, change: f64) {
        self.connections.increment(change);
    }

    /// The text that Prometheus reads.
    #[must_use]
    pub fn render(&self, store: StoreGauges, batches: BatchGauges) -> String {
        self.process.collect();
        self.saturation.scraped(store, batches);
        self.handle.render()
    }

    /// Folds the samples of the histograms; call it every few seconds, or they pile up between scrapes.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

fn add<const N: usize>(counters: &[Counter; N], counts: &[u64; N]) {
    for (counter, &count) in counters.iter().zip(counts) {
        if count > 0 {
            counter.increment(count);
        }
    }
}
