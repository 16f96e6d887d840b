//! Measures every request of both protocols: the clock stops when the body of the reply ends, or when the client goes away. The span of a
//! request that is traced ends here too, with the same outcome.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::{protocol, respond};
use crate::error::Code;
use crate::telemetry::labels::{Outcome, Protocol};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::trace::Recording;

/// The layer.
#[derive(Clone, Copy, Debug)]
pub struct MeasureLayer {
    /// Where to.
    pub metrics: &'static Metrics,
}

impl<S> Layer<S> for MeasureLayer {
    type Service = Measure<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Measure { inner, metrics: self.metrics }
    }
}

/// See [`MeasureLayer`].
#[derive(Clone, Debug)]
pub struct Measure<S> {
    inner: S,
    metrics: &'static Metrics,
}

/// A request under way. It is recorded when this is dropped: hyper stops asking a body that is at its end, and a client can go away at
/// any time.
#[derive(Debug)]
struct Running {
    metrics: &'static Metrics,
    protocol: Protocol,
    method: usize,
    start: Instant,
    outcome: Outcome,
    status: StatusCode,
    trace: Option<Arc<Recording>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.metrics.in_flight(self.protocol, -1.0);
        self.metrics.request(self.protocol, self.method, self.outcome, self.start.elapsed());
        if let Some(trace) = &self.trace {
            trace.ended(self.outcome, self.status.as_u16());
        }
    }
}

impl<S: Service<Request<Body>, Response = Response<Body>>> Service<Request<Body>> for Measure<S> {
    type Response = Response<Measured>;
    type Error = S::Error;
    type Future = MeasureFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let protocol = protocol::of(request.headers());
        let method = protocol::method(&request, protocol);
        self.metrics.in_flight(protocol, 1.0);
        let start = Instant::now();
        let (outcome, status, trace) = (Outcome::Cancelled, StatusCode::OK, None);
        let running = Running { metrics: self.metrics, protocol, method, start, outcome, status, trace };
        MeasureFuture { inner: self.inner.call(request), running: Some(running) }
    }
}

pin_project! {
    /// The reply, with a body that is measured to its end.
    #[derive(Debug)]
    pub struct MeasureFuture<F> {
        #[pin]
        inner: F,
        running: Option<Running>,
    }
}

impl<F: Future<Output = Result<Response<Body>, E>>, E> Future for MeasureFuture<F> {
    type Output = Result<Response<Measured>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (mut parts, body) = ready!(this.inner.poll(context))?.into_parts();
        let mut running = this.running.take();
        let mut known = None;
        if let Some(running) = &mut running {
            running.status = parts.status;
            running.trace = parts.extensions.remove();
            let code = parts.extensions.get::<Code>().copied().or_else(|| rest_code(running.protocol, parts.status));
            known = code.map(Outcome::Failed);
            // The status of a gRPC stream comes in its trailers; a body that is at its end already is never asked again.
            if known.is_some() || body.is_end_stream() {
                running.outcome = known.unwrap_or(Outcome::Ok);
            }
        }
        Poll::Ready(Ok(Response::from_parts(parts, Measured { body, known, running })))
    }
}

/// A failure of REST that carries no code of ours: axum's own answers.
fn rest_code(protocol: Protocol, status: StatusCode) -> Option<Code> {
    match protocol {
        Protocol::Grpc => None,
        Protocol::Rest if status.is_client_error() => Some(Code::InvalidArgument),
        Protocol::Rest => status.is_server_error().then_some(Code::Internal),
    }
}

/// The body of a reply that is measured.
#[derive(Debug)]
pub struct Measured {
    body: Body,
    /// What the headers said of the outcome.
    known: Option<Outcome>,
    running: Option<Running>,
}

impl Measured {
    fn finish(&mut self, outcome: Outcome) {
        if let Some(mut running) = self.running.take() {
            running.outcome = outcome;
        }
    }

    fn trailers(&mut self, trailers: &HeaderMap) {
        let outcome = respond::code(trailers).map_or(Outcome::Ok, Outcome::Failed);
        self.finish(self.known.unwrap_or(outcome));
    }
}

impl HttpBody for Measured {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(trailers) = frame.trailers_ref() {
                    self.trailers(trailers);
                } else if self.body.is_end_stream() {
                    let outcome = self.known.unwrap_or(Outcome::Ok);
                    self.finish(outcome);
                }
            }
            Poll::Ready(Some(Err(_))) => self.finish(Outcome::Failed(Code::Internal)),
            Poll::Ready(None) => {
                let outcome = self.known.unwrap_or(Outcome::Ok);
                self.finish(outcome);
            }
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
