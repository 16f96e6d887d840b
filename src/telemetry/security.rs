//! What is counted of requests and connections that were refused, and of certificates that were replaced.

#![expect(clippy::disallowed_macros, reason = "metrics are declared here, beside those of `metrics.rs`")]

use metrics::{Counter, Gauge, Unit};

const AUTH_FAILURES: &str = "unskew_auth_failures_total";
const RATE_LIMITED: &str = "unskew_rate_limited_total";
const HANDSHAKE_FAILURES: &str = "unskew_tls_handshake_failures_total";
const CERTIFICATE_END: &str = "unskew_tls_certificate_end_timestamp_seconds";
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
    certificate_end: Gauge,
}

impl SecurityMetrics {
    /// Declares them.
    pub(super) fn declare() -> Self {
        metrics::describe_counter!(AUTH_FAILURES, Unit::Count, "Requests refused for their API key, by reason.");
        metrics::describe_counter!(
            RATE_LIMITED,
            Unit::Count,
            "Requests above the rate limit of their API key, by its name."
        );
        metrics::describe_counter!(HANDSHAKE_FAILURES, Unit::Count, "TLS handshakes that failed, by reason.");
        metrics::describe_counter!(
            RELOADS,
            Unit::Count,
            "Changed certificate files, by result: loaded, or refused while the ones before stay."
        );
        metrics::describe_gauge!(
            CERTIFICATE_END,
            Unit::Seconds,
            "When the served certificate, or one of its chain, ends, since 1970-01-01 UTC; 0 without TLS."
        );
        Self {
            auth: AuthFailure::ALL.map(|reason| metrics::counter!(AUTH_FAILURES, "reason" => reason.name())),
            handshakes: HandshakeFailure::ALL
                .map(|reason| metrics::counter!(HANDSHAKE_FAILURES, "reason" => reason.name())),
            reloads: ["loaded", "refused"].map(|result| metrics::counter!(RELOADS, "result" => result)),
            certificate_end: metrics::gauge!(CERTIFICATE_END),
        }
    }

    /// A request was refused for its API key.
    pub fn auth_failed(&self, reason: AuthFailure) {
        self.auth[reason as usize].increment(1);
    }

    /// A request was one too many for its key, whose name is that of the configuration.
    pub fn rate_limited(&self, key: &str) {
        metrics::counter!(RATE_LIMITED, "key" => key.to_owned()).increment(1);
    }

    /// A handshake failed.
    pub fn handshake_failed(&self, reason: HandshakeFailure) {
        self.handshakes[reason as usize].increment(1);
    }

    /// Changed certificate files were loaded, or refused.
    pub fn certificates_loaded(&self, good: bool) {
        self.reloads[usize::from(!good)].increment(1);
    }

    /// The certificate that is served from now on ends then, in seconds since 1970-01-01 UTC.
    #[expect(clippy::cast_precision_loss, reason = "a time of this age of the world")]
    pub fn certificate_ends(&self, at: Option<i64>) {
        self.certificate_end.set(at.unwrap_or_default() as f64);
    }
}
