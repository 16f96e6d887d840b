//! Load shedding: when as many requests are worked on as the gateway takes, the next is refused at once, and those that it works on stay
//! as fast as they were. What tells whether the gateway lives is never refused.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::Request;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::capacity::{Capacity, Place};
use crate::error::{Code, Error};

/// The paths of probes and of Prometheus.
const NEVER_SHED: [&str; 5] =
    ["/healthz", "/readyz", "/metrics", "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"];

/// Refuses what is too much.
#[derive(Clone, Debug)]
pub struct ShedLayer {
    /// What there is of it.
    pub capacity: Arc<Capacity>,
}

impl<S> Layer<S> for ShedLayer {
    type Service = Shed<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Shed { inner, layer: self.clone() }
    }
}

/// See [`ShedLayer`].
#[derive(Clone, Debug)]
pub struct Shed<S> {
    inner: S,
    layer: ShedLayer,
}

impl<S: Service<Request<Body>, Response = Response>> Service<Request<Body>> for Shed<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = ShedFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let capacity = &self.layer.capacity;
        let (place, is_free) = capacity.enter();
        if !is_free && !NEVER_SHED.contains(&request.uri().path()) {
            return ShedFuture { state: State::Refused { limit: capacity.limit() } };
        }
        ShedFuture { state: State::Running { inner: self.inner.call(request), place } }
    }
}

pin_project! {
    /// The reply, or that the request was refused.
    #[derive(Debug)]
    pub struct ShedFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = Projection]
    enum State<F> {
        Running { #[pin] inner: F, place: Place },
        Refused { limit: usize },
    }
}

impl<F: Future<Output = Result<Response, E>>, E> Future for ShedFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        match self.project().state.project() {
            Projection::Running { inner, place: _ } => inner.poll(context),
            Projection::Refused { limit } => {
                let message = format!(
                    "the gateway works on {limit} requests, as many as it takes (limits.max_in_flight); nothing of this one was done"
                );
                Poll::Ready(Ok(Error::new(Code::Overloaded, message).into_response()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use tower::{ServiceBuilder, ServiceExt, service_fn};

    fn request(path: &str) -> Request<Body> {
        Request::builder().uri(path).body(Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn one_too_many_is_refused_until_another_ends() {
        let (end, ended) = tokio::sync::watch::channel(false);
        let inner = service_fn(move |_: Request<Body>| {
            let mut ended = ended.clone();
            async move {
                ended.wait_for(|ended| *ended).await.unwrap();
                Ok::<_, Infallible>(Response::new(Body::empty()))
            }
        });
        let service = ServiceBuilder::new().layer(ShedLayer { capacity: Arc::new(Capacity::new(2)) }).service(inner);
        let start = |path: &str| tokio::spawn(service.clone().oneshot(request(path)));
        let running = [start("/v1/online-features"), start("/v1/online-features")];
        tokio::task::yield_now().await;
        // It counts, but is not refused; and it does not make room.
        let probe = start("/healthz");
        tokio::task::yield_now().await;
        for _ in 0..3 {
            let refused = service.clone().oneshot(request("/v1/online-features")).await.unwrap();
            assert_eq!(refused.status(), 429);
        }
        // A request whose client goes away makes room.
        let [gone, kept] = running;
        gone.abort();
        probe.abort();
        assert!(gone.await.is_err() && probe.await.is_err());
        let late = start("/v1/online-features");
        tokio::task::yield_now().await;
        end.send(true).unwrap();
        for reply in [kept, late] {
            assert_eq!(reply.await.unwrap().unwrap().status(), 200);
        }
        assert_eq!(service.oneshot(request("/v1/online-features")).await.unwrap().status(), 200);
    }
}
