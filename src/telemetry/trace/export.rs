//! Sends spans to a collector by OTLP/gRPC: in batches, one after the other, from a queue with a limit. Requests never wait for it: what
//! finds no room is dropped and counted.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tonic::metadata::MetadataMap;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status};

use super::ids::Ids;
use super::recording::{Finished, Outlet};
use super::spans;
use crate::config::Tracing;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::spans::{SpanMetrics, SpanResult};

/// Requests whose spans are sent together: no more than take a fraction of a millisecond to encode on a thread that serves.
const MAX_BATCH: usize = 128;
/// How long spans wait for more.
const BATCH_DELAY: Duration = Duration::from_secs(1);
/// The longest wait for the collector.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The pause before a batch is sent again; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// How often a batch is sent.
const ATTEMPTS: u32 = 5;
/// How long the process waits at its end for the last spans to be sent.
const FLUSH: Duration = Duration::from_secs(5);

/// The task that sends.
#[derive(Debug)]
pub struct Exporter {
    outlet: Outlet,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Exporter {
    /// Begins to send to the collector of the configuration; none: there is none. That it is away shows later, and harms nobody.
    pub(super) fn start(config: &Tracing, ids: &Arc<Ids>, metrics: &'static Metrics) -> Result<Option<Self>, String> {
        let Some(endpoint) = &config.otlp_endpoint else { return Ok(None) };
        let channel = channel(config, endpoint.as_str())?;
        let (queue, finished) = mpsc::channel(config.max_queued);
        let (stop, stopped) = watch::channel(false);
        let sender = Sender {
            client: TraceServiceClient::new(channel),
            headers: MetadataMap::from_headers(config.otlp_headers.reveal().clone()),
            endpoint: endpoint.to_string(),
            resource: resource(config, ids),
            ids: ids.clone(),
            metrics: &metrics.spans,
            is_failing: false,
            stopped,
        };
        tracing::info!(endpoint = sender.endpoint, sample_ratio = %config.sample_ratio, "requests are traced");
        let outlet = Outlet { queue, metrics: &metrics.spans };
        Ok(Some(Self { outlet, stop, task: tokio::spawn(sender.run(finished)) }))
    }

    pub(super) fn outlet(&self) -> Outlet {
        self.outlet.clone()
    }

    /// Sends what is left, for some seconds at most.
    pub async fn flush(self) {
        self.stop.send_replace(true);
        let mut task = self.task;
        if timeout(FLUSH, &mut task).await.is_err() {
            task.abort();
            tracing::warn!("the last spans were not exported in time");
        }
    }
}

fn channel(config: &Tracing, endpoint: &str) -> Result<Channel, String> {
    let key = "telemetry.tracing.otlp_endpoint";
    let mut channel =
        Endpoint::from_shared(endpoint.to_owned()).map_err(|error| format!("{key}: {error}"))?.connect_timeout(TIMEOUT);
    if endpoint.starts_with("https:") {
        let tls = match &config.otlp_ca_file {
            Some(path) => {
                let pem = std::fs::read(path)
                    .map_err(|error| format!("telemetry.tracing.otlp_ca_file: {}: {error}", path.display()))?;
                ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem))
            }
            None => ClientTlsConfig::new().with_native_roots(),
        };
        channel = channel.tls_config(tls).map_err(|error| format!("{key}: TLS can't be set up: {}", cause(&error)))?;
    }
    Ok(channel.connect_lazy())
}

fn resource(config: &Tracing, ids: &Ids) -> Resource {
    let instance = format!("{:016x}", ids.span());
    let attributes = vec![
        spans::text("service.name", config.service_name.as_str()),
        spans::text("service.version", env!("CARGO_PKG_VERSION")),
        spans::text("service.instance.id", &instance),
    ];
    Resource { attributes, ..Resource::default() }
}

/// The innermost reason, which is the one that says something.
fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| error.source()).last().map(ToString::to_string).unwrap_or_default()
}

struct Sender {
    client: TraceServiceClient<Channel>,
    headers: MetadataMap,
    endpoint: String,
    resource: Resource,
    ids: Arc<Ids>,
    metrics: &'static SpanMetrics,
    /// Whether the collector took nothing lately.
    is_failing: bool,
    stopped: watch::Receiver<bool>,
}

impl Sender {
    async fn run(mut self, mut queue: mpsc::Receiver<Finished>) {
        let mut batch = Vec::with_capacity(MAX_BATCH);
        while self.gather(&mut queue, &mut batch).await {
            self.send(&batch).await;
            batch.clear();
        }
    }

    /// Waits for a batch; false at the end of all.
    async fn gather(&mut self, queue: &mut mpsc::Receiver<Finished>, batch: &mut Vec<Finished>) -> bool {
        // Without a limit until the first is there.
        let mut until = None;
        while batch.len() < MAX_BATCH {
            let room = MAX_BATCH - batch.len();
            // Who could say so may be gone.
            if *self.stopped.borrow_and_update() || self.stopped.has_changed().is_err() {
                queue.close();
                queue.recv_many(batch, room).await;
                break;
            }
            let received = async {
                match until {
                    Some(until) => timeout_at(until, queue.recv_many(batch, room)).await.unwrap_or_default(),
                    None => queue.recv_many(batch, room).await,
                }
            };
            tokio::select! {
                received = received => if received == 0 { break },
                _ = self.stopped.changed() => continue,
            }
            until = until.or_else(|| Some(Instant::now() + BATCH_DELAY));
        }
        !batch.is_empty()
    }

    /// Sends a batch, again where the collector is away for a moment.
    async fn send(&mut self, batch: &[Finished]) {
        let spans: Vec<_> = batch.iter().flat_map(|finished| spans::of(finished, &self.ids)).collect();
        let count = spans.len() as u64;
        let scope = InstrumentationScope {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
        let resource_spans =
            ResourceSpans { resource: Some(self.resource.clone()), scope_spans, ..ResourceSpans::default() };
        let message = ExportTraceServiceRequest { resource_spans: vec![resource_spans] };
        let mut pause = FIRST_PAUSE;
        for attempt in 1..=ATTEMPTS {
            match self.attempt(message.clone()).await {
                Ok(refused) => return self.sent(count.saturating_sub(refused), refused),
                Err(status) => {
                    self.failed(&status);
                    if attempt == ATTEMPTS || !is_passing(status.code()) || *self.stopped.borrow() {
                        break;
                    }
                }
            }
            // A process that ends tries once more at once.
            drop(timeout(pause, self.stopped.wait_for(|stopped| *stopped)).await);
            pause *= 2;
        }
        self.metrics.count(SpanResult::Failed, count);
    }

    /// One attempt. Gives how many spans the collector refused.
    async fn attempt(&mut self, message: ExportTraceServiceRequest) -> Result<u64, Status> {
        let mut request = Request::new(message);
        *request.metadata_mut() = self.headers.clone();
        let answered = timeout(TIMEOUT, self.client.export(request)).await;
        let answer = answered.map_err(|_| Status::deadline_exceeded("no answer"))??.into_inner();
        let Some(partial) = answer.partial_success else { return Ok(0) };
        let refused = u64::try_from(partial.rejected_spans).unwrap_or_default();
        if refused > 0 {
            tracing::warn!(refused, cause = partial.error_message, "the collector refused spans");
        }
        Ok(refused)
    }

    fn sent(&mut self, sent: u64, refused: u64) {
        self.metrics.count(SpanResult::Exported, sent);
        self.metrics.count(SpanResult::Failed, refused);
        if std::mem::take(&mut self.is_failing) {
            tracing::info!(endpoint = self.endpoint, "spans are exported again");
        }
    }

    /// Says once that nothing is exported, until something is again.
    fn failed(&mut self, status: &Status) {
        if !std::mem::replace(&mut self.is_failing, true) {
            let cause =
                if std::error::Error::source(status).is_some() { cause(status) } else { status.message().to_owned() };
            tracing::warn!(
                endpoint = self.endpoint,
                code = ?status.code(),
                cause,
                "spans can't be exported; requests are served as before, and the spans that find no room are dropped"
            );
        }
    }
}

/// Whether the specification of OTLP has a batch sent again after this.
fn is_passing(code: Code) -> bool {
    match code {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => true,
        Code::Ok
        | Code::Unknown
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::Unimplemented
        | Code::Internal
        | Code::Unauthenticated => false,
    }
}
