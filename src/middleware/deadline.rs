//! The deadline of a request: `grpc-timeout`, `x-request-timeout-ms`, or the default. What the handler does not finish by then is
//! DEADLINE_EXCEEDED. Streams and backups go on as long as they are used, unless the client asked for a deadline.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Request};
use pin_project_lite::pin_project;
use tokio::time::Timeout;
use tower::{Layer, Service};

use crate::deadline::Deadline;
use crate::error::{Code, Error};

/// Header of REST requests, and of gRPC ones whose client sets no deadline.
pub const TIMEOUT_MS: &str = "x-request-timeout-ms";
const GRPC_TIMEOUT: &str = "grpc-timeout";
/// Methods that stream, and a backup, which takes as long as the store is large.
const STREAMS: [&str; 7] = [
    "/v1/admin/backup",
    "/feature_store.FeatureStore/WriteRows",
    "/feature_store.FeatureStore/WriteEvents",
    "/feature_store.FeatureStore/WriteStates",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// Sets and enforces deadlines.
#[derive(Clone, Copy, Debug)]
pub struct DeadlineLayer {
    /// For a request that brings none.
    pub default: Duration,
    /// The longest that a request can ask for.
    pub max: Duration,
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = DeadlineService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        DeadlineService { inner, layer: *self }
    }
}

/// See [`DeadlineLayer`].
#[derive(Clone, Debug)]
pub struct DeadlineService<S> {
    inner: S,
    layer: DeadlineLayer,
}

impl<S: Service<Request<Body>, Response = Response>> Service<Request<Body>> for DeadlineService<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = DeadlineFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let asked = match timeout(request.headers()) {
            Ok(asked) => asked,
            Err(error) => return DeadlineFuture { state: State::Refused { error: Some(error) } },
        };
        let time = asked.unwrap_or(self.layer.default).min(self.layer.max);
        let deadline = Deadline::new(time, asked.is_some());
        let is_open = asked.is_none() && STREAMS.contains(&request.uri().path());
        request.extensions_mut().insert(deadline);
        let inner = self.inner.call(request);
        let state = if is_open {
            State::Open { inner }
        } else {
            State::Limited { inner: tokio::time::timeout_at(deadline.at().into(), inner), time }
        };
        DeadlineFuture { state }
    }
}

pin_project! {
    /// The reply, or the error that it did not come in time.
    #[derive(Debug)]
    pub struct DeadlineFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = Projection]
    enum State<F> {
        Refused { error: Option<Error> },
        Open { #[pin] inner: F },
        Limited { #[pin] inner: Timeout<F>, time: Duration },
    }
}

impl<F: Future<Output = Result<Response, E>>, E> Future for DeadlineFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let error = match self.project().state.project() {
            Projection::Open { inner } => return inner.poll(context),
            Projection::Limited { inner, time } => match ready!(inner.poll(context)) {
                Ok(response) => return Poll::Ready(response),
                Err(_) => {
                    let message = format!("the request was not answered within its deadline of {time:?}");
                    Error::new(Code::DeadlineExceeded, message)
                }
            },
            Projection::Refused { error } => {
                error.take().unwrap_or_else(|| Error::new(Code::Internal, "the reply was asked for twice"))
            }
        };
        Poll::Ready(Ok(error.into_response()))
    }
}

/// The time that the client gives the request; none: it does not say.
fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, Error> {
    if let Some(value) = headers.get(GRPC_TIMEOUT) {
        let text = value.to_str().unwrap_or_default();
        return grpc_timeout(text).map(Some).ok_or_else(|| {
            Error::invalid(GRPC_TIMEOUT, format!("{text:?} is not 1 to 8 digits and one of the units H, M, S, m, u, n"))
        });
    }
    let Some(value) = headers.get(TIMEOUT_MS) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    match text.parse::<u32>() {
        Ok(milliseconds) if milliseconds > 0 => Ok(Some(Duration::from_millis(milliseconds.into()))),
        Ok(_) | Err(_) => {
            Err(Error::invalid(TIMEOUT_MS, format!("{text:?} is no positive whole number of milliseconds")))
        }
    }
}

/// `TimeoutValue TimeoutUnit` of the gRPC protocol over HTTP/2.
fn grpc_timeout(text: &str) -> Option<Duration> {
    let (value, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if value.len() > 8 || !value.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let value: u64 = value.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(value * 3600)),
        "M" => Some(Duration::from_secs(value * 60)),
        "S" => Some(Duration::from_secs(value)),
        "m" => Some(Duration::from_millis(value)),
        "u" => Some(Duration::from_micros(value)),
        "n" => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_units_of_grpc() {
        assert_eq!(grpc_timeout("100m"), Some(Duration::from_millis(100)));
        assert_eq!(grpc_timeout("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        assert_eq!(grpc_timeout("5u"), Some(Duration::from_micros(5)));
        for text in ["", "m", "1", "1x", "-1m", "123456789m", "1.5S", "é"] {
            assert_eq!(grpc_timeout(text), None, "{text}");
        }
    }
}
