//! `[server]`: the listener and its connections, and `[server.tls]`.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::Section;
use super::address::Address;
use super::checks::Checks;
use super::origins::Origins;
use super::scalar::{self, DAY, HOUR, MILLISECOND};

/// The listener and its connections.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Server {
    /// Where REST and gRPC are served. Port 0 takes a free one.
    #[serde(deserialize_with = "scalar::text")]
    pub address: Address,
    /// Worker threads; 0 takes as many as the machine has cores.
    #[serde(deserialize_with = "scalar::whole::<0, 1024, _>")]
    pub worker_threads: usize,
    /// The deadline of a request that brings none.
    #[serde(deserialize_with = "scalar::duration::<MILLISECOND, HOUR, _>")]
    pub default_deadline: Duration,
    /// The longest deadline that a request can ask for.
    #[serde(deserialize_with = "scalar::duration::<MILLISECOND, HOUR, _>")]
    pub max_deadline: Duration,
    /// How long a new connection may take to send its first bytes.
    #[serde(deserialize_with = "scalar::duration::<MILLISECOND, HOUR, _>")]
    pub handshake_timeout: Duration,
    /// Silence on an HTTP/2 connection before a ping is sent.
    #[serde(deserialize_with = "scalar::duration::<MILLISECOND, HOUR, _>")]
    pub keep_alive_interval: Duration,
    /// How long the answer to a ping may take before the connection is closed.
    #[serde(deserialize_with = "scalar::duration::<MILLISECOND, HOUR, _>")]
    pub keep_alive_timeout: Duration,
    /// The age at which a connection is asked to end, give or take a tenth; 0: never.
    #[serde(deserialize_with = "scalar::duration::<0, DAY, _>")]
    pub max_connection_age: Duration,
    /// How long requests on such a connection may go on before streams are told to end, and after that before it is cut.
    #[serde(deserialize_with = "scalar::duration::<MILLISECOND, HOUR, _>")]
    pub max_connection_age_grace: Duration,
    /// Connections at the same time.
    #[serde(deserialize_with = "scalar::whole::<1, 1_000_000, _>")]
    pub max_connections: usize,
    /// Origins whose pages may call.
    #[serde(deserialize_with = "scalar::text")]
    pub cors_origins: Origins,
    /// Whether replies of gRPC are compressed for every client that accepts it.
    #[serde(deserialize_with = "scalar::flag")]
    pub compress_grpc: bool,
    /// Whether everybody may reach everything on a public address.
    #[serde(deserialize_with = "scalar::flag")]
    pub insecure: bool,
    /// The certificate of the port.
    pub tls: Tls,
}

/// TLS of the port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Tls {
    /// PEM file of the certificate chain; none: plain text.
    #[serde(deserialize_with = "scalar::text")]
    pub certificate_file: Option<PathBuf>,
    /// PEM file of its private key.
    #[serde(deserialize_with = "scalar::text")]
    pub private_key_file: Option<PathBuf>,
    /// PEM file of the authorities of client certificates; none: clients need none.
    #[serde(deserialize_with = "scalar::text")]
    pub client_ca_file: Option<PathBuf>,
    /// How often the files are looked at.
    #[serde(deserialize_with = "scalar::duration::<MILLISECOND, HOUR, _>")]
    pub reload_interval: Duration,
}

impl Section for Server {
    const PATH: &'static str = "server";

    fn validate(&self, checks: &mut Checks<'_>) {
        checks.in_order::<Self, _>(("default_deadline", self.default_deadline), ("max_deadline", self.max_deadline));
        let tls = &self.tls;
        let (certificate, key) = ("tls.certificate_file", "tls.private_key_file");
        checks.needs::<Self>((certificate, tls.certificate_file.is_some()), (key, tls.private_key_file.is_some()));
        checks.needs::<Self>((key, tls.private_key_file.is_some()), (certificate, tls.certificate_file.is_some()));
        let client_ca = ("tls.client_ca_file", tls.client_ca_file.is_some());
        checks.needs::<Self>(client_ca, (certificate, tls.certificate_file.is_some()));
    }
}
