//! The layers around the merged router, outermost first, and why each stands where it does.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use futures_util::StreamExt;
use http::{Request, Response};
use tokio::sync::watch;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tower::util::MapRequestLayer;
use tower::{Service, ServiceBuilder};

use crate::auth::Keys;
use crate::capacity::Capacity;
use crate::config::Config;
use crate::grpc::{self, FeatureService, FeatureStoreServer, Streams};
use crate::middleware::auth::AuthLayer;
use crate::middleware::catch_panic::CatchPanicLayer;
use crate::middleware::deadline::DeadlineLayer;
use crate::middleware::measure::{MeasureLayer, Measured};
use crate::middleware::respond::RespondLayer;
use crate::middleware::shed::ShedLayer;
use crate::middleware::span::SpanLayer;
use crate::middleware::trace::TraceLayer;
use crate::middleware::{compression, cors, request_id};
use crate::rest::{self, Gateway};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::trace::Tracer;

/// Every route of both protocols.
pub(super) fn router(
    gateway: Gateway,
    health: tonic_health::server::HealthService,
    streams: Streams,
) -> Result<Router, tonic_reflection::server::Error> {
    let limit = gateway.max_request_bytes;
    let reflection = Routes::new(reflection()?.build_v1()?)
        .add_service(reflection()?.build_v1alpha()?)
        .into_axum_router()
        .reset_fallback()
        .layer(MapRequestLayer::new(asks_until(streams.stopping.clone())));
    let features = FeatureStoreServer::new(FeatureService::new(gateway.lookup.clone(), streams))
        .max_decoding_message_size(limit)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd)
        .send_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Zstd);
    let health = tonic_health::pb::health_server::HealthServer::new(health);
    let routes = Routes::new(features).add_service(health).into_axum_router();
    let rest = rest::router(gateway).layer(compression::rest());
    // tonic's router has a fallback of its own, which would answer unknown paths of REST with a gRPC status.
    Ok(routes.reset_fallback().merge(reflection).merge(rest))
}

/// Ends the stream of a client's questions when the gateway stops, as if the client had asked its last: the stream of answers ends by that,
/// and the stop need not wait for a client that keeps it open.
fn asks_until(stopping: watch::Receiver<bool>) -> impl Fn(Request<Body>) -> Request<Body> + Clone {
    move |request| {
        let mut stopping = stopping.clone();
        let stopped = async move { stopping.wait_for(|is_stopping| *is_stopping).await.is_ok() };
        request.map(|questions| Body::from_stream(questions.into_data_stream().take_until(Box::pin(stopped))))
    }
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
    keys: Keys,
    metrics: &'static Metrics,
    tracer: Option<Arc<Tracer>>,
    capacity: Arc<Capacity>,
) -> impl Service<Request<Body>, Response = Response<Measured>, Error = std::convert::Infallible, Future: Send + 'static>
+ Clone
+ Send
+ Sync
+ 'static {
    let compress_grpc = config.server.compress_grpc;
    ServiceBuilder::new()
        // Outermost, so that it sees every answer, those of the layers too, and the whole time.
        .layer(MeasureLayer { metrics })
        // Answers a browser's questions itself, and marks every answer, errors too.
        .option_layer(cors::layer(config.server.cors_origins.as_slice()))
        // Around all that can fail: it knows from the request how its client reads an error.
        .layer(RespondLayer)
        // The id exists before anything logs, and goes into every answer.
        .layer(request_id::set())
        .layer(request_id::propagate())
        // Around all that takes time or can be refused, so that its span is of every request; not there when it has nothing to do.
        .option_layer(tracer.map(TraceLayer))
        // Knows the ids, and holds all that is logged within.
        .layer(SpanLayer)
        // Within respond, so that a panic reaches its client as an error of its protocol; within the ids, so that its log line has them.
        .layer(CatchPanicLayer)
        // Before tonic decides by this header.
        .map_request(move |mut request: Request<Body>| {
            if !compress_grpc {
                compression::only_if_asked(request.headers_mut());
            }
            request
        })
        // Before the deadline sets a timer and the handler reads anything: what is refused costs next to nothing.
        .layer(ShedLayer { capacity })
        // Only the time of what is within is limited, and its error is rendered as any other.
        .layer(DeadlineLayer { default: config.server.default_deadline, max: config.server.max_deadline })
        // Innermost: nothing is routed, or read of the body, for whom it is not meant.
        .layer(AuthLayer { keys, metrics })
        .service(router)
}
