//! grpc.health.v1 tells what `/readyz` tells: whether the store answers, and whether the process is stopping.

use std::time::Duration;

use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::lookup::Lookup;

/// The name of the service whose health is told; the empty name, for the process, is told alike.
const SERVICES: [&str; 2] = ["", "feature_store.FeatureStore"];
/// How often the store is asked.
const INTERVAL: Duration = Duration::from_millis(500);

/// Tells the health until it is dropped.
pub(super) async fn watch(lookup: Lookup, reporter: HealthReporter) {
    loop {
        let status = if lookup.ready().await.is_ok() { ServingStatus::Serving } else { ServingStatus::NotServing };
        tell(&reporter, status).await;
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Tells no more: who watches is told of the end, or the watch would keep its connection open.
pub(super) async fn end(reporter: &HealthReporter) {
    let mut reporter = reporter.clone();
    for service in SERVICES {
        reporter.clear_service_status(service).await;
    }
}

/// Tells one status for all services.
pub(super) async fn tell(reporter: &HealthReporter, status: ServingStatus) {
    for service in SERVICES {
        reporter.set_service_status(service, status).await;
    }
}
