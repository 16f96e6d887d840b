//! A span around each request, for logs at level debug: what is logged within carries the id, the protocol and the method. At other levels
//! no span is made.

use std::task::{Context, Poll};

use axum::body::Body;
use http::Request;
use tower::{Layer, Service};
use tower_http::request_id::RequestId;
use tracing::Instrument;
use tracing::instrument::Instrumented;

use super::protocol;
use crate::telemetry::labels::METHODS;

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
        let span = tracing::debug_span!(
            "request",
            request_id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok()),
            protocol = protocol.name(),
            method = METHODS.get(protocol::method(&request, protocol)),
        );
        self.inner.call(request).instrument(span)
    }
}
