//! Distributed tracing: the trace of the client goes on in the gateway, by its `traceparent`, and the reply names the gateway's span in one
//! of its own; where replies tell their times, `server-timing` in the headers of REST and the trailers of gRPC. Both alike for errors.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Version};
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::task::futures::TaskLocalFuture;
use tower::{Layer, Service};

use super::protocol;
use crate::telemetry::labels::{METHODS, Protocol};
use crate::telemetry::trace::{self, Begun, Call, Recording, TRACEPARENT, Tracer};

/// The header, and the trailer.
pub const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
/// The routes of probes and of Prometheus: they would only be in the way.
const NEVER_TRACED: [&str; 5] =
    ["/healthz", "/readyz", "/metrics", "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"];

/// The layer.
#[derive(Clone, Debug)]
pub struct TraceLayer(pub Arc<Tracer>);

impl<S> Layer<S> for TraceLayer {
    type Service = Traced<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Traced { inner, tracer: self.0.clone() }
    }
}

/// See [`TraceLayer`].
#[derive(Clone, Debug)]
pub struct Traced<S> {
    inner: S,
    tracer: Arc<Tracer>,
}

impl<S: Service<Request<Body>, Response = Response>> Service<Request<Body>> for Traced<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = TracedFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let call = call(&request);
        let Begun { answer, recording } = if METHODS.get(call.method).is_some_and(|it| NEVER_TRACED.contains(it)) {
            Begun::default()
        } else {
            self.tracer.begin(call, request.headers())
        };
        let state = if let Some(recording) = recording {
            // For the log, and for the layer that measures.
            request.extensions_mut().insert(recording.clone());
            let inner = trace::within(recording.clone(), self.inner.call(request));
            State::Noted { inner, recording, protocol: call.protocol, timing: self.tracer.server_timing() }
        } else {
            State::Passed { inner: self.inner.call(request) }
        };
        TracedFuture { state, answer }
    }
}

fn call(request: &Request<Body>) -> Call {
    let protocol = protocol::of(request.headers());
    let http_method = match *request.method() {
        Method::GET => Some("GET"),
        Method::POST => Some("POST"),
        Method::PUT => Some("PUT"),
        Method::DELETE => Some("DELETE"),
        Method::HEAD => Some("HEAD"),
        Method::OPTIONS => Some("OPTIONS"),
        Method::PATCH => Some("PATCH"),
        _ => None,
    };
    let http_version = if request.version() == Version::HTTP_2 { "2" } else { "1.1" };
    Call { protocol, method: protocol::method(request, protocol), http_method, http_version }
}

pin_project! {
    /// The reply with what it tells of its trace.
    #[derive(Debug)]
    pub struct TracedFuture<F> {
        #[pin]
        state: State<F>,
        answer: Option<HeaderValue>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = Projection]
    enum State<F> {
        Passed { #[pin] inner: F },
        Noted { #[pin] inner: TaskLocalFuture<Arc<Recording>, F>, recording: Arc<Recording>, protocol: Protocol, timing: bool },
    }
}

impl<F: Future<Output = Result<Response, E>>, E> Future for TracedFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut response = match this.state.project() {
            Projection::Passed { inner } => ready!(inner.poll(context))?,
            Projection::Noted { inner, recording, protocol, timing } => {
                noted(ready!(inner.poll(context))?, recording, *protocol, *timing)
            }
        };
        if let Some(answer) = this.answer.take() {
            response.headers_mut().insert(TRACEPARENT, answer);
        }
        Poll::Ready(Ok(response))
    }
}

fn noted(mut response: Response, recording: &Arc<Recording>, protocol: Protocol, timing: bool) -> Response {
    response.extensions_mut().insert(recording.clone());
    // The body of gRPC still works: it is the answers to a stream, and has the trailers. Where it is at its end its headers are the trailers.
    if protocol == Protocol::Grpc && !response.body().is_end_stream() {
        let recording = recording.clone();
        return response.map(|inner| Body::new(TracedBody { inner, recording, timing }));
    }
    if timing {
        insert_timing(response.headers_mut(), recording);
    }
    response
}

fn insert_timing(headers: &mut HeaderMap, recording: &Recording) {
    if let Ok(value) = HeaderValue::from_maybe_shared(recording.server_timing()) {
        headers.insert(SERVER_TIMING, value);
    }
}

/// The body of a reply of gRPC.
#[derive(Debug)]
struct TracedBody {
    inner: Body,
    recording: Arc<Recording>,
    timing: bool,
}

impl HttpBody for TracedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let mut polled = trace::within_sync(&this.recording, || Pin::new(&mut this.inner).poll_frame(context));
        if this.timing
            && let Poll::Ready(Some(Ok(frame))) = &mut polled
            && let Some(trailers) = frame.trailers_mut()
        {
            insert_timing(trailers, &this.recording);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
