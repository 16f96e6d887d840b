//! The TLS handshake of a new connection, within its time; why one fails is counted.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::telemetry::metrics::Metrics;
use crate::telemetry::security::HandshakeFailure;

/// A client that has connected and must now agree with us.
pub(super) struct Handshake {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) config: Arc<ServerConfig>,
    /// When it is given up.
    pub(super) until: Instant,
}

impl Handshake {
    /// Shakes hands; none: it failed, which is counted.
    pub(super) async fn run(self, metrics: &'static Metrics) -> Option<TlsStream<TcpStream>> {
        let accepted = tokio::time::timeout_at(self.until, TlsAcceptor::from(self.config).accept(self.stream)).await;
        let error = match accepted {
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err(error)) => error,
            Err(_) => io::Error::new(io::ErrorKind::TimedOut, "it did not end within server.handshake_timeout"),
        };
        let reason = reason(&error);
        metrics.security.handshake_failed(reason);
        tracing::debug!(peer = %self.peer, reason = reason.name(), cause = %error, "a TLS handshake failed");
        None
    }
}

fn reason(error: &io::Error) -> HandshakeFailure {
    use rustls::Error;
    if error.kind() == io::ErrorKind::TimedOut {
        return HandshakeFailure::Timeout;
    }
    let Some(error) = error.get_ref().and_then(|error| error.downcast_ref::<Error>()) else {
        return HandshakeFailure::Broken;
    };
    if matches!(error, Error::InvalidMessage(_) | Error::InappropriateMessage { .. }) {
        HandshakeFailure::NotTls
    } else if matches!(error, Error::NoCertificatesPresented | Error::InvalidCertificate(_)) {
        HandshakeFailure::ClientCertificate
    } else if matches!(error, Error::AlertReceived(_)) {
        HandshakeFailure::RefusedByClient
    } else if matches!(error, Error::PeerIncompatible(_) | Error::NoApplicationProtocol) {
        HandshakeFailure::Incompatible
    } else {
        HandshakeFailure::Broken
    }
}
