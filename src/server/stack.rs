//! The layers around the merged router, outermost first, and why each stands where it does.

use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use tokio::sync::watch;
use tonic::service::Routes;
use tower::{Service, ServiceBuilder};

use crate::config::Config;
use crate::grpc::{self, FeatureService, FeatureStoreServer};
use crate::middleware::catch_panic::CatchPanicLayer;
use crate::middleware::deadline::DeadlineLayer;
use crate::middleware::measure::{MeasureLayer, Measured};
use crate::middleware::request_id;
use crate::middleware::respond::RespondLayer;
use crate::middleware::span::SpanLayer;
use crate::rest::{self, Gateway};
use crate::telemetry::metrics::Metrics;

/// Every route of both protocols.
pub(super) fn router(
    gateway: Gateway,
    health: tonic_health::server::HealthService,
    stopping: watch::Receiver<bool>,
) -> Result<Router, tonic_reflection::server::Error> {
    let limit = gateway.max_request_bytes;
    let features =
        FeatureStoreServer::new(FeatureService::new(gateway.lookup.clone(), stopping)).max_decoding_message_size(limit);
    let health = tonic_health::pb::health_server::HealthServer::new(health);
    let routes = Routes::new(features)
        .add_service(health)
        .add_service(reflection()?.build_v1()?)
        .add_service(reflection()?.build_v1alpha()?);
    // tonic's router has a fallback of its own, which would answer unknown paths of REST with a gRPC status.
    Ok(routes.into_axum_router().reset_fallback().merge(rest::router(gateway)))
}

/// Reflection of our contract and of the health service.
fn reflection() -> Result<tonic_reflection::server::Builder<'static>, tonic_reflection::server::Error> {
    Ok(tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(grpc::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET))
}

/// The router in its layers.
pub(super) fn stack(
    router: Router,
    config: &Config,
    metrics: &'static Metrics,
) -> impl Service<Request<Body>, Response = Response<Measured>, Error = std::convert::Infallible, Future: Send + 'static>
+ Clone
+ Send
+ Sync
+ 'static {
    ServiceBuilder::new()
        // Outermost, so that it sees every answer, those of the layers too, and the whole time.
        .layer(MeasureLayer { metrics })
        // Around all that can fail: it knows from the request how its client reads an error.
        .layer(RespondLayer)
        // Within respond, so that a panic reaches its client as an error of its protocol.
        .layer(CatchPanicLayer)
        // The id exists before anything logs, and goes into every answer.
        .layer(request_id::set())
        .layer(request_id::propagate())
        // Knows the id, and holds all that the handler logs.
        .layer(SpanLayer)
        // Innermost: only the handler's time is limited, and its error is rendered as any other.
        .layer(DeadlineLayer { default: config.server.default_deadline, max: config.server.max_deadline })
        .service(router)
}
