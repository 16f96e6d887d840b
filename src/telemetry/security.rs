//! What is counted of requests and connections that were refused, and of certificates that were replaced.

#![expect(clippy::disallowed_macros, reason = "metrics are declared here, beside those of `metrics.rs`")]

use metrics::{Counter, Unit};

const AUTH_FAILURES: &str = "unskew_auth_failures_total";
const HANDSHAKE_FAILURES: &str = "unskew_tls_handshake_failures_total";
const RELOADS: &str = "unskew_tls_reloads_total";

/// Why a request was refused for its API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthFailure {
    /// It had none.
    Missing,
    /// Its header has another form.
    Malformed,
    /// There is no such key.
    Unknown,
    /// The key does not have the scope.
    Scope,
}

impl AuthFailure {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Missing, Self::Malformed, Self::Unknown, Self::Scope];

    /// The label value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::Scope => "scope",
        }
    }
}

/// Why a TLS handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeFailure {
    /// It did not end within `server.handshake_timeout`.
    Timeout,
    /// What came is not TLS.
    NotTls,
    /// The client has no version, cipher or protocol in common with us.
    Incompatible,
    /// The client did not show a certificate, or not one of our authorities.
    ClientCertificate,
    /// The client does not trust our certificate, or has another reason to end it.
    RefusedByClient,
    /// The connection broke.
    Broken,
}

impl HandshakeFailure {
    /// Every reason.
    pub const ALL: [Self; 6] =
        [Self::Timeout, Self::NotTls, Self::Incompatible, Self::ClientCertificate, Self::RefusedByClient, Self::Broken];

    /// The label value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::NotTls => "not_tls",
            Self::Incompatible => "incompatible",
            Self::ClientCertificate => "client_certificate",
            Self::RefusedByClient => "refused_by_client",
            Self::Broken => "broken",
        }
    }
}

/// The metrics of what is refused.
pub struct SecurityMetrics {
    auth: [Counter; AuthFailure::ALL.len()],
    handshakes: [Counter; HandshakeFailure::ALL.len()],
    reloads: [Counter; 2],
}

impl SecurityMetrics {
    /// Declares them.
    pub(super) fn declare() -> Self {
        metrics::describe_counter!(AUTH_FAILURES, Unit::Count, "Requests refused for their API key, by reason.");
        metrics::describe_counter!(HANDSHAKE_FAILURES, Unit::Count, "TLS handshakes that failed, by reason.");
        metrics::describe_counter!(
            RELOADS,
            Unit::Count,
            "Changed certificate files, by result: loaded, or refused while the ones before stay."
        );
        Self {
            auth: AuthFailure::ALL.map(|reason| metrics::counter!(AUTH_FAILURES, "reason" => reason.name())),
            handshakes: HandshakeFailure::ALL
                .map(|reason| metrics::counter!(HANDSHAKE_FAILURES, "reason" => reason.name())),
            reloads: ["loaded", "refused"].map(|result| metrics::counter!(RELOADS, "result" => result)),
        }
    }

    /// A request was refused for its API key.
    pub fn auth_failed(&self, reason: AuthFailure) {
        self.auth[reason as usize].increment(1);
    }

    /// A handshake failed.
    pub fn handshake_failed(&self, reason: HandshakeFailure) {
        self.handshakes[reason as usize].increment(1);
    }

    /// Changed certificate files were loaded, or refused.
    pub fn certificates_loaded(&self, good: bool) {
        self.reloads[usize::from(!good)].increment(1);
    }
}
