//! A span around each request, for the log: what is logged within carries the id, the protocol and the method, and the ids of the trace if
//! the request is traced. Of one that is not, only at level debug; at other levels no span is made for it.

use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use http::Request;
use tower::{Layer, Service};
use tower_http::request_id::RequestId;
use tracing::Instrument;
use tracing::instrument::Instrumented;

use super::protocol;
use crate::telemetry::labels::METHODS;
use crate::telemetry::trace::Recording;

/// The layer.
#[derive(Clone, Copy, Debug)]
pub struct SpanLayer;

impl<S> Layer<S> for SpanLayer {
    type Service = InSpan<S>;

    fn layer(&self, inner: S) -> Self::Service {
        InSpan { inner }
    }
}

/// See [`SpanLayer`].
#[derive(Clone, Debug)]
pub struct InSpan<S> {
    inner: S,
}

impl<S: Service<Request<Body>>> Service<Request<Body>> for InSpan<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = Instrumented<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let protocol = protocol::of(request.headers());
        let request_id = || request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok());
        let method = || METHODS.get(protocol::method(&request, protocol));
        let ids = request.extensions().get::<Arc<Recording>>().and_then(|recording| recording.ids());
        let span = if let Some((trace, span)) = ids {
            tracing::info_span!(
                "request",
                request_id = request_id(),
                protocol = protocol.name(),
                method = method(),
                trace_id = %format_args!("{trace:032x}"),
                span_id = %format_args!("{span:016x}"),
            )
        } else {
            tracing::debug_span!("request", request_id = request_id(), protocol = protocol.name(), method = method())
        };
        // Layers within work before their future does.
        let future = span.in_scope(|| self.inner.call(request));
        future.instrument(span)
    }
}
