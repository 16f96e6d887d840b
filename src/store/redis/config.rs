//! fred's pool from our options.

use std::path::PathBuf;
use std::time::Duration;

use fred::clients::Pool;
use fred::types::Builder;
use fred::types::config::{Config, ReconnectPolicy, Server, ServerConfig, TcpConfig, TlsConfig, TlsConnector};
use rustls::pki_types::ServerName;

use crate::store::url::{RedisUrl, Secret};
use crate::store::{StoreError, StoreErrorKind};
use crate::tls;

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
        tls: secured(url, options)?,
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

fn secured(url: &RedisUrl, options: &Options) -> Result<Option<TlsConfig>, StoreError> {
    if !url.tls {
        return Ok(None);
    }
    if ServerName::try_from(url.host.as_str()).is_err() {
        return Err(invalid(format!("redis host {:?} is no name or address that a certificate can be for", url.host)));
    }
    let trusted = tls::Client { ca: options.ca_file.clone(), identity: None };
    let config = tls::client(&trusted).map_err(|error| {
        let file = if options.ca_file.is_some() { "redis CA file" } else { "rediss" };
        invalid(format!("{file}: {error}"))
    })?;
    Ok(Some(TlsConfig::from(TlsConnector::from(config))))
}

fn invalid(message: String) -> StoreError {
    StoreError::new(StoreErrorKind::Refused, message)
}
