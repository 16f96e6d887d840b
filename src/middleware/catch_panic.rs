//! A panic in a handler is that request's INTERNAL error; the process goes on.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::Request;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::error::{Code, Error};

/// The layer.
#[derive(Clone, Copy, Debug)]
pub struct CatchPanicLayer;

impl<S> Layer<S> for CatchPanicLayer {
    type Service = CatchPanic<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CatchPanic { inner }
    }
}

/// See [`CatchPanicLayer`].
#[derive(Clone, Debug)]
pub struct CatchPanic<S> {
    inner: S,
}

impl<S: Service<Request<Body>, Response = Response>> Service<Request<Body>> for CatchPanic<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = CatchPanicFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match catch_unwind(AssertUnwindSafe(|| self.inner.call(request))) {
            Ok(future) => CatchPanicFuture { future: Some(future), panic: None },
            Err(panic) => CatchPanicFuture { future: None, panic: Some(panic) },
        }
    }
}

pin_project! {
    /// The reply, or the error of a panic.
    pub struct CatchPanicFuture<F> {
        #[pin]
        future: Option<F>,
        panic: Option<Box<dyn Any + Send>>,
    }
}

impl<F: Future<Output = Result<Response, E>>, E> Future for CatchPanicFuture<F> {
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(future) = this.future.as_pin_mut() {
            match catch_unwind(AssertUnwindSafe(|| future.poll(context))) {
                Ok(polled) => return Poll::Ready(ready!(polled)),
                Err(panic) => *this.panic = Some(panic),
            }
        }
        Poll::Ready(Ok(response(this.panic.take())))
    }
}

fn response(panic: Option<Box<dyn Any + Send>>) -> Response {
    let cause = panic.as_ref().and_then(|panic| {
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str))
    });
    tracing::error!(cause = cause.unwrap_or("no message"), "a handler panicked");
    Error::new(Code::Internal, "the gateway failed to serve this request; its log says why").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tower::{ServiceExt, service_fn};

    async fn outcome<F: Future<Output = Result<Response, ()>>>(handler: impl Fn() -> F) -> Option<Code> {
        let service = CatchPanicLayer.layer(service_fn(|_: Request<Body>| handler()));
        let response = service.oneshot(Request::new(Body::empty())).await.unwrap();
        response.extensions().get::<Error>().map(Error::code)
    }

    #[tokio::test]
    async fn a_panic_at_any_time_is_an_internal_error() {
        assert_eq!(outcome(|| async { Ok(Response::default()) }).await, None);
        let early = || -> std::future::Ready<Result<Response, ()>> { panic!("early") };
        assert_eq!(outcome(early).await, Some(Code::Internal));
        let late = || async {
            tokio::task::yield_now().await;
            panic!("late")
        };
        assert_eq!(outcome(late).await, Some(Code::Internal));
    }
}
