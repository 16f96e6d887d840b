//! fred's pool from our options.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fred::clients::Pool;
use fred::types::Builder;
use fred::types::config::{
    Config, ReconnectPolicy, Server, ServerConfig, TcpConfig, TlsConfig, TlsConnector, UnresponsiveConfig,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use crate::store::url::{RedisUrl, Secret};
use crate::store::{StoreError, StoreErrorKind};

/// How often a connection that owes answers is looked at.
const UNRESPONSIVE_INTERVAL: Duration = Duration::from_millis(200);

/// How to use a Redis server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Connections.
    pub pool_size: usize,
    /// How long a connection may take to be made and greeted.
    pub connect_timeout: Duration,
    /// Pause before the next try to connect; up to 100 ms are added at random.
    pub reconnect_delay: Duration,
    /// A connection that owes an answer for longer is made anew.
    pub unresponsive_timeout: Duration,
    /// Calls that may wait on one connection; more are refused.
    pub max_queued_commands: usize,
    /// ACL user; goes before the one in the URL.
    pub username: Option<String>,
    /// Password; goes before the one in the URL.
    pub password: Option<Secret>,
    /// PEM file of the certificate authorities to trust, for `rediss://`; without it those of the system.
    pub ca_file: Option<PathBuf>,
}

/// A pool that has not begun to connect.
pub(super) fn pool(url: &RedisUrl, options: &Options) -> Result<Pool, StoreError> {
    let password = options.password.as_ref().or(url.password.as_ref());
    let config = Config {
        // A server that is down at the start is like one that goes down later.
        fail_fast: false,
        username: options.username.clone().or_else(|| url.username.clone()),
        password: password.map(|password| password.reveal().to_owned()),
        server: ServerConfig::Centralized { server: Server::new(url.host.clone(), url.port) },
        database: url.database,
        tls: tls(url, options)?,
        ..Config::default()
    };
    let mut builder = Builder::from_config(config);
    builder.set_policy(ReconnectPolicy::new_constant(
        0,
        u32::try_from(options.reconnect_delay.as_millis()).unwrap_or(u32::MAX),
    ));
    builder.with_connection_config(|connection| {
        connection.connection_timeout = options.connect_timeout;
        connection.internal_command_timeout = options.connect_timeout;
        connection.max_command_attempts = 1;
        connection.unresponsive = UnresponsiveConfig {
            max_timeout: Some(options.unresponsive_timeout),
            interval: UNRESPONSIVE_INTERVAL.min(options.unresponsive_timeout),
        };
        // A password that is wrong now may be right after the server is put right.
        connection.reconnect_on_auth_error = true;
        connection.max_command_buffer_len = options.max_queued_commands;
        // Off by default in fred: small requests would wait for acknowledgements.
        connection.tcp = TcpConfig { nodelay: Some(true), ..TcpConfig::default() };
    });
    builder
        .build_pool(options.pool_size.max(1))
        .map_err(|error| StoreError::new(StoreErrorKind::Refused, format!("redis can't be used: {}", error.details())))
}

fn tls(url: &RedisUrl, options: &Options) -> Result<Option<TlsConfig>, StoreError> {
    if !url.tls {
        return Ok(None);
    }
    if ServerName::try_from(url.host.as_str()).is_err() {
        return Err(invalid(format!("redis host {:?} is no name or address that a certificate can be for", url.host)));
    }
    let roots = match &options.ca_file {
        Some(path) => own_roots(path)?,
        None => system_roots()?,
    };
    // The provider by name: another crate may bring a second one, and then rustls would not know which is meant.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| invalid(format!("TLS can't be set up: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Some(TlsConfig::from(TlsConnector::from(config))))
}

fn own_roots(path: &Path) -> Result<RootCertStore, StoreError> {
    let wrong = |what: String| invalid(format!("redis CA file {} {what}", path.display()));
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| wrong(format!("can't be read: {error}")))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| wrong(format!("is no PEM file: {error}")))?;
        roots.add(certificate).map_err(|error| wrong(format!("holds a certificate that can't be used: {error}")))?;
    }
    if roots.is_empty() {
        return Err(wrong(
            "holds no certificate; it should have PEM blocks that begin with BEGIN CERTIFICATE".to_owned(),
        ));
    }
    Ok(roots)
}

fn system_roots() -> Result<RootCertStore, StoreError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems carry certificates that rustls can't use; the others are enough.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let cause = found.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
        return Err(invalid(format!("the system has no certificate authorities for rediss{cause}; name a CA file")));
    }
    Ok(roots)
}

fn invalid(message: String) -> StoreError {
    StoreError::new(StoreErrorKind::Refused, message)
}
