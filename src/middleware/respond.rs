//! Turns an error into a reply that its client can read: JSON for REST, a status for gRPC, by looking at the request. Handlers and
//! layers below only leave the error in the response.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use pin_project_lite::pin_project;
use serde::Serialize;
use tower::{Layer, Service};

use super::protocol;
use super::request_id::REQUEST_ID;
use super::trace::SERVER_TIMING;
use crate::error::{Code, ERROR_CODE, Error, RETRY_AFTER_MS};
use crate::telemetry::labels::Protocol;
use crate::telemetry::trace::TRACEPARENT;

const GRPC_STATUS: &str = "grpc-status";
const GRPC_MESSAGE: &str = "grpc-message";
/// NOT_FOUND, which no method of ours answers.
const GRPC_NOT_FOUND: &str = "5";
const NO_METHOD: &str = "there is no such method; server reflection lists what there is";
/// What the gRPC protocol wants escaped in a message: all but printable ASCII without the per cent sign.
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');

impl IntoResponse for Error {
    /// An empty response that carries the error to this layer.
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() =
            StatusCode::from_u16(self.code().facts().http).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.extensions_mut().insert(self);
        response
    }
}

/// The layer.
#[derive(Clone, Copy, Debug)]
pub struct RespondLayer;

impl<S> Layer<S> for RespondLayer {
    type Service = Respond<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Respond { inner }
    }
}

/// See [`RespondLayer`].
#[derive(Clone, Debug)]
pub struct Respond<S> {
    inner: S,
}

impl<S: Service<Request<Body>, Response = Response>> Service<Request<Body>> for Respond<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = RespondFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let protocol = protocol::of(request.headers());
        RespondFuture { inner: self.inner.call(request), protocol }
    }
}

pin_project! {
    /// The reply in the form of its protocol.
    #[derive(Debug)]
    pub struct RespondFuture<F> {
        #[pin]
        inner: F,
        protocol: Protocol,
    }
}

impl<F: Future<Output = Result<Response, E>>, E> Future for RespondFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(context))?;
        Poll::Ready(Ok(match (response.extensions_mut().remove::<Error>(), *this.protocol) {
            (None, Protocol::Rest) if protocol::of(response.headers()) == Protocol::Grpc => no_grpc(response),
            (None, Protocol::Rest) => response,
            (None, Protocol::Grpc) => name_code(response),
            (Some(error), protocol) => {
                // That of the empty response.
                response.headers_mut().remove(CONTENT_LENGTH);
                if protocol == Protocol::Grpc { grpc(&error, response) } else { json(&error, response) }
            }
        }))
    }
}

/// The body of an error: `{"error": {"code", "message", "details"}}`.
#[derive(Serialize)]
struct ErrorBody<'a> {
    error: Inner<'a>,
}

#[derive(Serialize)]
struct Inner<'a> {
    code: &'a str,
    message: &'a str,
    details: Vec<DetailBody<'a>>,
}

#[derive(Serialize)]
struct DetailBody<'a> {
    field: &'a str,
    message: &'a str,
}

/// An error for REST, with the headers that the inner response has.
fn json(error: &Error, response: Response) -> Response {
    let facts = error.code().facts();
    let details =
        error.details().iter().map(|detail| DetailBody { field: &detail.field, message: &detail.message }).collect();
    let body = ErrorBody { error: Inner { code: facts.name, message: error.message(), details } };
    let (mut parts, _) = response.into_parts();
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(milliseconds) = error.retry_after_ms() {
        parts.headers.insert(RETRY_AFTER_MS, HeaderValue::from(milliseconds));
        parts.headers.insert(RETRY_AFTER, HeaderValue::from(milliseconds.div_ceil(1000)));
    }
    if error.code() == Code::Unauthenticated {
        parts.headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    parts.extensions.insert(error.code());
    Response::from_parts(parts, Body::from(serde_json::to_vec(&body).unwrap_or_default()))
}

/// An error for gRPC: a response of headers alone, with those that the inner response has.
fn grpc(error: &Error, response: Response) -> Response {
    let facts = error.code().facts();
    let (mut parts, _) = response.into_parts();
    parts.status = StatusCode::OK;
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    parts.headers.insert(GRPC_STATUS, HeaderValue::from(facts.grpc));
    parts.headers.insert(ERROR_CODE, HeaderValue::from_static(facts.name));
    if let Ok(message) = HeaderValue::from_str(&utf8_percent_encode(error.message(), ESCAPED).to_string()) {
        parts.headers.insert(GRPC_MESSAGE, message);
    }
    if let Some(milliseconds) = error.retry_after_ms() {
        parts.headers.insert(RETRY_AFTER_MS, HeaderValue::from(milliseconds));
    }
    parts.extensions.insert(error.code());
    Response::from_parts(parts, Body::empty())
}

/// The answer to a request that asks for a method of gRPC, or for one that is not there, as if it were a path of REST.
fn no_grpc(response: Response) -> Response {
    let (mut parts, _) = response.into_parts();
    let error = if code(&parts.headers) == Some(Code::NotFound) {
        Error::new(Code::NotFound, NO_METHOD)
    } else {
        Error::new(Code::UnsupportedMediaType, "the path is a method of gRPC: its content-type is application/grpc")
    };
    let mut refused = error.clone().into_response();
    for name in [REQUEST_ID, TRACEPARENT, SERVER_TIMING] {
        if let Some(value) = parts.headers.remove(&name) {
            refused.headers_mut().insert(name, value);
        }
    }
    *refused.extensions_mut() = parts.extensions;
    json(&error, refused)
}

/// An error that tonic made itself gets the name of our code too.
fn name_code(mut response: Response) -> Response {
    let Some(code) = code(response.headers()) else { return response };
    let headers = response.headers_mut();
    if !headers.contains_key(ERROR_CODE) {
        let facts = code.facts();
        // The protocol of grpc.health names this number for a service that it does not know.
        if headers.get(GRPC_STATUS).is_some_and(|status| status != GRPC_NOT_FOUND) {
            headers.insert(GRPC_STATUS, HeaderValue::from(facts.grpc));
        }
        headers.insert(ERROR_CODE, HeaderValue::from_static(facts.name));
        if let Some(message) = message(code, headers.get(GRPC_MESSAGE)) {
            headers.insert(GRPC_MESSAGE, message);
        }
    }
    response.extensions_mut().insert(code);
    response
}

/// What tonic leaves out of its messages: what there is, or which setting the limit is.
fn message(code: Code, said: Option<&HeaderValue>) -> Option<HeaderValue> {
    match (code, said) {
        (Code::NotFound, None) => Some(HeaderValue::from_static(NO_METHOD)),
        (Code::RequestTooLarge, Some(said)) => {
            HeaderValue::from_str(&format!("{} (limits.max_request_bytes)", said.to_str().ok()?)).ok()
        }
        (_, Some(_) | None) => None,
    }
}

/// Our code of a gRPC response's headers or trailers; none for success, or before the end of the stream.
#[must_use]
pub fn code(headers: &HeaderMap) -> Option<Code> {
    let status = headers.get(GRPC_STATUS)?.to_str().ok()?;
    if status == "0" {
        return None;
    }
    if let Some(name) = headers.get(ERROR_CODE) {
        return Some(
            Code::ALL
                .into_iter()
                .find(|code| code.facts().name.as_bytes() == name.as_bytes())
                .unwrap_or(Code::Internal),
        );
    }
    // tonic's own: a message above the limit is OUT_OF_RANGE, a cut one INTERNAL; a fault of ours has our name, so that INTERNAL without
    // one is always a request that could not be read. UNIMPLEMENTED has a message only for a compression that it does not know.
    Some(match status {
        "3" | "13" => Code::InvalidArgument,
        "4" => Code::DeadlineExceeded,
        "8" | "11" => Code::RequestTooLarge,
        "12" if headers.contains_key(GRPC_MESSAGE) => Code::UnsupportedMediaType,
        GRPC_NOT_FOUND | "12" => Code::NotFound,
        "14" => Code::Unavailable,
        _ => Code::Internal,
    })
}
