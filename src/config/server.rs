//! `[server]`: the listener and its connections.

use std::time::Duration;

use serde::Deserialize;

use super::Section;
use super::address::Address;
use super::checks::Checks;
use super::origins::Origins;
use super::scalar::{self, HOUR, MILLISECOND};

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
    /// Connections at the same time.
    #[serde(deserialize_with = "scalar::whole::<1, 1_000_000, _>")]
    pub max_connections: usize,
    /// Origins whose pages may call.
    #[serde(deserialize_with = "scalar::text")]
    pub cors_origins: Origins,
    /// Whether replies of gRPC are compressed for every client that accepts it.
    #[serde(deserialize_with = "scalar::flag")]
    pub compress_grpc: bool,
}

impl Section for Server {
    const PATH: &'static str = "server";

    fn validate(&self, checks: &mut Checks<'_>) {
        checks.in_order::<Self, _>(("default_deadline", self.default_deadline), ("max_deadline", self.max_deadline));
    }
}
