//! The accept loop: HTTP/1.1 and HTTP/2 on one port, by what the client says first, within TLS where there is a certificate.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;
use tower::Service;

use super::age::Ages;
use super::certificates::Certificates;
use super::connection::{Connection, Counted};
use super::first_bytes::FirstBytes;
use super::handshake::Handshake;
use crate::capacity::Capacity;
use crate::config::Server;
use crate::middleware::measure::Measured;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::rate_limit::RateLimit;

/// Streams that one HTTP/2 connection may have open: clients queue what is more, and give up what is too late before it is sent.
const MAX_STREAMS: u32 = 128;
/// Bytes that a client may send on a stream, and on a connection, before it must wait; room for large batches of rows.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;
/// Lines a second about connections that could not be accepted.
static LOGGED: RateLimit = RateLimit::per_second(1);
/// Bytes of the headers of a request.
const MAX_HEADERS: u32 = 32 << 10;
/// Pause after the operating system refused a connection, for example because file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Where clients connect.
pub(super) struct Port {
    pub(super) listener: TcpListener,
    /// The certificate; none: plain text.
    pub(super) certificates: Option<Arc<Certificates>>,
    /// What all its connections share.
    pub(super) capacity: Arc<Capacity>,
}

/// Accepts connections until `stop` ends, then lets those that are open finish for `grace`.
pub(super) async fn serve<S>(
    port: Port,
    service: S,
    settings: &Server,
    metrics: &'static Metrics,
    stop: impl Future<Output = ()>,
    grace: Duration,
) where
    S: Service<Request<Body>, Response = Response<Measured>, Error = std::convert::Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    let Port { listener, certificates, capacity } = port;
    let acceptor = Acceptor {
        certificates,
        capacity,
        builder: builder(settings),
        service,
        ages: Ages::of(settings),
        closing: watch::Sender::new(()),
        limit: Arc::new(Semaphore::new(settings.max_connections)),
        first_bytes: settings.handshake_timeout,
        stalled: settings.keep_alive_interval + settings.keep_alive_timeout,
        metrics,
    };
    tokio::pin!(stop);
    loop {
        let next = async {
            // Taken before the connection, so that one too many waits in the operating system's queue.
            let permit = acceptor.limit.clone().acquire_owned().await.map_err(io::Error::other)?;
            let (stream, peer) = listener.accept().await?;
            Ok::<_, io::Error>((stream, peer, permit))
        };
        tokio::select! {
            accepted = next => match accepted {
                Ok((stream, peer, permit)) => acceptor.connection(stream, peer, permit),
                Err(error) => {
                    if let Some(left_out) = LOGGED.pass() {
                        tracing::warn!(cause = %error, left_out, "could not accept a connection");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = &mut stop => break,
        }
    }
    drop(listener);
    acceptor.closing.send_replace(());
    if tokio::time::timeout(grace, acceptor.closing.closed()).await.is_err() {
        tracing::warn!(?grace, "connections were still open at the end of shutdown.timeout");
    }
}

fn builder(settings: &Server) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(settings.handshake_timeout);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(settings.keep_alive_interval)
        .keep_alive_timeout(settings.keep_alive_timeout)
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(MAX_HEADERS);
    builder
}

struct Acceptor<S> {
    certificates: Option<Arc<Certificates>>,
    capacity: Arc<Capacity>,
    builder: Builder<TokioExecutor>,
    service: S,
    ages: Ages,
    /// Sent once the port is closed; each connection has a receiver as long as it lives.
    closing: watch::Sender<()>,
    limit: Arc<Semaphore>,
    first_bytes: Duration,
    /// How long a client may take nothing of what it is sent: as long as a dead one of HTTP/2 is kept.
    stalled: Duration,
    metrics: &'static Metrics,
}

impl<S> Acceptor<S>
where
    S: Service<Request<Body>, Response = Response<Measured>, Error = std::convert::Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    fn connection(&self, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(cause = %error, "could not set TCP_NODELAY");
        }
        let metrics = self.metrics;
        let mut connection = Connection {
            builder: self.builder.clone(),
            service: self.service.clone(),
            stalled: self.stalled,
            capacity: self.capacity.clone(),
            closing: self.closing.subscribe(),
            lifetime: self.ages.next(),
            metrics,
            _permit: permit,
            _counted: Counted::new(metrics),
        };
        // One limit for the handshake and for the first bytes within it.
        let until = Instant::now() + self.first_bytes;
        let Some(certificates) = &self.certificates else {
            tokio::spawn(connection.serve(FirstBytes::until(stream, until)));
            return;
        };
        let handshake = Handshake { stream, peer, config: certificates.current(), until };
        tokio::spawn(async move {
            let stream = tokio::select! {
                stream = handshake.run(metrics) => stream,
                // Who has not yet shaken hands has asked for nothing.
                _ = connection.closing.changed() => None,
            };
            if let Some(stream) = stream {
                connection.serve(FirstBytes::until(stream, until)).await;
            }
        });
    }
}
