//! One connection, from its first bytes to its end: that of the client, of the gateway, or of its age.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep};
use tower::Service;

use super::age::{Lifetime, Marks, Stage};
use super::gather::gathered;
use super::paced::{Pace, Paced};
use super::stalled::Stalled;
use crate::capacity::Capacity;
use crate::ending::Ending;
use crate::error::Code;
use crate::middleware::measure::Measured;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::rate_limit::RateLimit;
use crate::telemetry::saturation::AgedOut;

/// Lines a second about connections that were cut.
static LOGGED: RateLimit = RateLimit::per_second(5);

/// A connection, from its handshake to its end.
pub(super) struct Connection<S> {
    pub(super) builder: Builder<TokioExecutor>,
    pub(super) service: S,
    /// How long its client may take nothing of what it is sent.
    pub(super) stalled: Duration,
    pub(super) capacity: Arc<Capacity>,
    /// Says when the gateway stops, and is waited for then.
    pub(super) closing: watch::Receiver<()>,
    pub(super) lifetime: Lifetime,
    pub(super) metrics: &'static Metrics,
    pub(super) _permit: OwnedSemaphorePermit,
    pub(super) _counted: Counted,
}

/// A connection in the gauge, as long as this lives.
pub(super) struct Counted(&'static Metrics);

impl Counted {
    pub(super) fn new(metrics: &'static Metrics) -> Self {
        metrics.connection(1.0);
        Self(metrics)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connection(-1.0);
    }
}

impl<S> Connection<S>
where
    S: Service<Request<Body>, Response = Response<Measured>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    /// Serves it to its end.
    pub(super) async fn serve<I: AsyncRead + AsyncWrite + Send + Unpin + 'static>(self, io: I) {
        let Self { builder, service, stalled, capacity, closing, lifetime, metrics, _permit, _counted } = self;
        let marks = Arc::new(Marks::default());
        let (end_streams, ending) = Ending::new();
        let marked = marks.clone();
        let pace = Arc::new(Pace::new(capacity, metrics));
        let paced = pace.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            let http1 = (request.version() < Version::HTTP_2).then(|| marked.clone());
            if http1.is_none() {
                marked.set_http2();
                request.extensions_mut().insert(ending.clone());
            }
            // At once, not when its task is polled: what is read next depends on whether there was a place for it. All layers are always ready.
            let reply = service.clone().call(request);
            let pace = pace.clone();
            async move {
                let mut reply = reply.await?;
                pace.answered(reply.extensions().get() == Some(&Code::Overloaded));
                if http1.is_some_and(|marks| marks.is_old()) {
                    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(reply)
            }
        });
        let (io, sender) = gathered(Stalled::new(Paced::by(io, paced), stalled));
        let served = builder.serve_connection(TokioIo::new(io), service).into_owned();
        let end = End { closing, lifetime, marks, end_streams, metrics };
        if let Err(error) = sender.drive(end.watch(served)).await {
            tracing::debug!(cause = %error, "a connection ended early");
        }
    }
}

/// What ends a connection that its client does not end.
struct End {
    closing: watch::Receiver<()>,
    lifetime: Lifetime,
    marks: Arc<Marks>,
    end_streams: watch::Sender<bool>,
    metrics: &'static Metrics,
}

impl End {
    async fn watch<C: GracefulConnection>(mut self, connection: C) -> C::Output {
        let mut connection = pin!(connection);
        let (mut stage, mut is_stopping) = (Stage::Young, false);
        let mut timer = pin!(sleep(self.lifetime.age.unwrap_or_default()));
        loop {
            tokio::select! {
                biased;
                ended = connection.as_mut() => {
                    if stage != Stage::Young {
                        self.metrics.saturation.aged_out(AgedOut::Finished);
                    }
                    return ended;
                }
                _ = self.closing.changed(), if !is_stopping => {
                    is_stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = timer.as_mut(), if self.lifetime.age.is_some() => {
                    let Some(next) = self.older(stage, connection.as_mut()) else { return Ok(()) };
                    stage = next;
                    timer.as_mut().reset(Instant::now() + self.lifetime.grace);
                }
            }
        }
    }

    /// Goes on to the next stage; none: the connection is cut.
    fn older<C: GracefulConnection>(&self, stage: Stage, connection: Pin<&mut C>) -> Option<Stage> {
        match stage {
            Stage::Young => {
                self.marks.set_old();
                if self.marks.is_http2() {
                    connection.graceful_shutdown();
                }
                Some(Stage::Asked)
            }
            Stage::Asked => {
                self.end_streams.send_replace(true);
                // Closes one that nobody has used since, or at all.
                connection.graceful_shutdown();
                Some(Stage::Told)
            }
            Stage::Told => {
                self.metrics.saturation.aged_out(AgedOut::Cut);
                if let Some(left_out) = LOGGED.pass() {
                    tracing::warn!(
                        left_out,
                        "a connection was cut: requests on it went on for twice server.max_connection_age_grace"
                    );
                }
                None
            }
        }
    }
}
