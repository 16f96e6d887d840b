//! From a bound listener to the last answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tonic_health::ServingStatus;

use super::accept::{self, Port};
use super::certificates::{self, Certificates};
use super::exposure::{self, Exposure};
use super::{health, stack};
use crate::auth::{KeySet, Keys};
use crate::capacity::Capacity;
use crate::config::{Config, Sources};
use crate::grpc::Streams;
use crate::lookup::{self, Lookup, RequestLimits};
use crate::middleware::auth::AuthLayer;
use crate::rest::{self, Gateway};
use crate::store::{self, OnlineStore, StoreError};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::trace::Tracer;
use crate::tls::TlsError;

/// How often the samples of the histograms are folded.
const UPKEEP: Duration = Duration::from_secs(5);

/// Why the gateway could not start, or not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The store could not be opened or closed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The descriptors of the wire contract are not right; a fault of the build.
    #[error("server reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The definitions are invalid.
    #[error("definitions.path:\n{0}")]
    Definitions(String),
    /// Everybody could read and write everything.
    #[error("server.address: {0}")]
    Exposed(String),
    /// The certificate can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Spans can't be exported.
    #[error("{0}")]
    Tracing(String),
    /// The listener failed.
    #[error("listener: {0}")]
    Listener(#[from] std::io::Error),
}

/// Where the gateway is reached.
#[derive(Debug)]
pub struct Listeners {
    /// REST and gRPC.
    pub main: TcpListener,
    /// `/metrics` without a key.
    pub metrics: Option<TcpListener>,
}

/// Serves on bound listeners until `shutdown` ends; then is not ready for `shutdown.delay`, closes the port, finishes what is in flight
/// within `shutdown.timeout`, and closes the store.
///
/// # Errors
/// When the address is public and nobody would need a key, the certificate can't be used, the store can't be opened, or its last writes
/// can't be finished.
pub async fn run(
    listeners: Listeners,
    config: Config,
    sources: Sources,
    metrics: &'static Metrics,
    shutdown: impl Future<Output = ()>,
) -> Result<(), RunError> {
    metrics.saturation.listener(config.server.max_connections, Handle::current().metrics().num_workers());
    let address = listeners.main.local_addr()?;
    let exposure = Exposure::of(address, &config);
    exposure.check(&config.auth.keys).map_err(RunError::Exposed)?;
    let certificates = Certificates::load(&config.server.tls, metrics)?;
    let (tracer, exporter) = Tracer::start(&config.telemetry, metrics).map_err(RunError::Tracing)?;
    let store = store::open(&config.store.url, &store_options(&config))?;
    let mut lookup = Lookup::new(store.clone(), limits(&config), metrics);
    if let Some(path) = &config.definitions.path {
        lookup = lookup.with_definitions(path).map_err(RunError::Definitions)?;
        let wait = config.store.timeout + config.store.redis.connect_timeout;
        lookup.compare_with_store(wait).await.map_err(RunError::Definitions)?;
    }
    let stopping = Arc::new(AtomicBool::new(false));
    let keys = Keys::new(config.auth.keys.clone(), exposure::source(sources, exposure));
    let gateway = Gateway {
        lookup: lookup.clone(),
        keys: keys.clone(),
        max_request_bytes: config.limits.max_request_bytes,
        backup_directory: config.store.embedded.backup_directory.as_deref().map(Into::into),
        stopping: stopping.clone(),
    };
    let reporter = tonic_health::server::HealthReporter::new();
    health::tell(&reporter, ServingStatus::NotServing).await;
    let health_service = tonic_health::server::HealthService::from_health_reporter(reporter.clone());
    let (stop_streams, stream_stop) = watch::channel(false);
    let capacity = Arc::new(Capacity::new(config.limits.max_in_flight));
    let auth = AuthLayer { keys: keys.clone(), metrics };
    let streams = Streams {
        stopping: stream_stop,
        capacity: capacity.clone(),
        allowed: Arc::new(move |request| auth.check(request)),
    };
    let router = stack::router(gateway.clone(), health_service, streams)?;
    let service = stack::stack(router, &config, keys, metrics, tracer.map(Arc::new), capacity.clone());

    let reloading = tokio::spawn(reload(gateway.clone(), certificates.clone()));
    let renewing =
        certificates.clone().map(|it| tokio::spawn(certificates::watch(it, config.server.tls.reload_interval)));
    let watching = tokio::spawn(health::watch(lookup, reporter.clone()));
    let folding = tokio::spawn(fold(metrics));
    let scraped =
        listeners.metrics.map(|listener| tokio::spawn(serve_metrics(listener, gateway, config.clone(), metrics)));
    exposure.warn(&config);
    announce(address, &*store, certificates.is_some());
    let stop = async {
        shutdown.await;
        stopping.store(true, Ordering::Relaxed);
        watching.abort();
        health::tell(&reporter, ServingStatus::NotServing).await;
        tokio::time::sleep(config.shutdown.delay).await;
        stop_streams.send_replace(true);
        health::end(&reporter).await;
    };
    let port = Port { listener: listeners.main, certificates, capacity };
    accept::serve(port, service, &config.server, metrics, stop, config.shutdown.timeout).await;
    folding.abort();
    for task in [Some(reloading), renewing, scraped].into_iter().flatten() {
        task.abort();
    }
    if let Some(exporter) = exporter {
        exporter.flush().await;
    }
    store.close().await?;
    tracing::info!("stopped");
    Ok(())
}

/// The line that tells where the gateway listens; scripts and tests read it.
fn announce(address: SocketAddr, store: &dyn OnlineStore, tls: bool) {
    tracing::info!(%address, tls, store = store.name(), version = env!("CARGO_PKG_VERSION"), "listening");
}

/// Reads the definitions, the keys and the certificate again at every SIGHUP; what is wrong with them is in the log.
async fn reload(gateway: Gateway, certificates: Option<Arc<Certificates>>) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    while hangup.recv().await.is_some() {
        if let Some(certificates) = &certificates {
            certificates::look(certificates, true).await;
        }
        drop(gateway.reload().await);
    }
}

/// `/metrics` on an address of its own, until it is dropped: without keys and without TLS, in the same layers.
async fn serve_metrics(listener: TcpListener, gateway: Gateway, config: Config, metrics: &'static Metrics) {
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, "metrics are served without a key");
    }
    let open = Keys::new(KeySet::default(), Arc::new(|| Ok(KeySet::default())));
    let capacity = Arc::new(Capacity::new(config.limits.max_in_flight));
    let service = stack::stack(rest::metrics_router(gateway), &config, open, metrics, None, capacity.clone());
    let port = Port { listener, certificates: None, capacity };
    accept::serve(port, service, &config.server, metrics, std::future::pending(), Duration::ZERO).await;
}

async fn fold(metrics: &'static Metrics) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        metrics.upkeep();
    }
}

/// How to run a store of either kind, from the configuration.
#[must_use]
pub(crate) fn store_options(config: &Config) -> store::Options {
    let (embedded, redis) = (&config.store.embedded, &config.store.redis);
    store::Options {
        embedded: store::embedded::Options {
            cache_bytes: embedded.cache as u64,
            write_buffer_bytes: embedded.write_buffer as u64,
            commit_max_rows: embedded.commit_max_rows,
            commit_max_bytes: embedded.commit_max_bytes,
            queue_rows: embedded.queue_rows,
        },
        redis: store::redis::Options {
            pool_size: redis.pool_size,
            connect_timeout: redis.connect_timeout,
            reconnect_delay: redis.reconnect_delay,
            unresponsive_timeout: redis.unresponsive_timeout,
            max_queued_commands: redis.max_queued_commands,
            username: redis.username.clone(),
            password: redis.password.clone(),
            ca_file: redis.ca_file.clone(),
        },
    }
}

/// The limits of the core, from the configuration.
#[must_use]
pub(crate) fn limits(config: &Config) -> lookup::Limits {
    lookup::Limits {
        request: RequestLimits {
            entity_ids: config.limits.max_entity_ids,
            feature_names: config.limits.max_feature_names,
            id_bytes: config.limits.max_id_bytes,
            name_bytes: config.limits.max_name_bytes,
        },
        reply_bytes: config.limits.max_reply_bytes,
        row_bytes: config.limits.max_row_bytes,
        batch_rows: config.limits.max_batch_rows,
        state_bytes: config.limits.max_state_bytes,
        batches: config.ingest.max_batches,
        store_timeout: config.store.timeout,
        write_timeout: config.store.write_timeout,
        keys_in_flight: config.limits.max_lookups_in_flight,
        max_future: config.ingest.max_future,
    }
}
