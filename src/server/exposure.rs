//! Who could reach the gateway without showing who he is: a public address needs API keys or client certificates, now and after every reload.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::auth::{KeySet, Source};
use crate::config::{self, Config, Sources};

const ADVICE: &str = "make a key with `unskew-gateway key new` and put it into auth.keys, or set server.tls.client_ca_file so that clients \
     need a certificate, or listen on 127.0.0.1, or set server.insecure = true where everybody who reaches the port may read and write \
     everything";

/// What must be so for this gateway to be reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exposure {
    address: SocketAddr,
    needs_keys: bool,
}

impl Exposure {
    /// That of a gateway on this address.
    pub(super) fn of(address: SocketAddr, config: &Config) -> Self {
        let known = config.server.insecure || config.server.tls.client_ca_file.is_some();
        Self { address, needs_keys: !known && !address.ip().to_canonical().is_loopback() }
    }

    /// Whether the gateway may serve with these keys.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub(super) fn check(self, keys: &KeySet) -> Result<(), String> {
        if self.needs_keys && keys.is_empty() {
            let address = self.address;
            return Err(format!("{address} is not loopback, and nobody would need a key or a certificate: {ADVICE}"));
        }
        Ok(())
    }

    /// Says what is dangerous and allowed.
    pub(super) fn warn(self, config: &Config) {
        let address = self.address;
        if address.ip().to_canonical().is_loopback() {
            return;
        }
        if config.server.tls.certificate_file.is_none() {
            tracing::warn!(%address, "features and API keys cross the network as plain text: set server.tls, or end TLS in front");
        }
        if config.server.insecure && config.auth.keys.is_empty() && config.server.tls.client_ca_file.is_none() {
            tracing::warn!(%address, "server.insecure: everybody who reaches this address may read and write everything");
        }
    }
}

/// Whether a gateway of this configuration would serve, as far as its address tells: a name is resolved only at the start.
///
/// # Errors
/// Why not, and what to do.
pub(crate) fn check(config: &Config) -> Result<(), String> {
    let address = &config.server.address;
    let Ok(host) = address.host().parse::<IpAddr>() else { return Ok(()) };
    Exposure::of(SocketAddr::new(host, address.port()), config).check(&config.auth.keys)
}

/// The keys of the configuration as its layers are then; refused where they would leave the gateway open.
pub(super) fn source(sources: Sources, exposure: Exposure) -> Arc<Source> {
    Arc::new(move || {
        let config = config::load(sources.clone()).map_err(|problems| problems.to_string())?;
        exposure.check(&config.auth.keys)?;
        Ok(config.auth.keys)
    })
}
