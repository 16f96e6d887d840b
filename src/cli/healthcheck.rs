//! `healthcheck`: `/readyz` of a running gateway, without a tool beside the binary.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::configured::Configured;
use super::trust::Trust;
use super::{Failure, print};
use crate::config::Address;
use crate::load::Secured;
use crate::tls;

/// Asks a running gateway whether it is ready.
#[derive(Debug, Args)]
pub struct Healthcheck {
    #[command(flatten)]
    configured: Configured,
    #[command(flatten)]
    trust: Trust,
    /// Seconds to wait for the answer.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    timeout: u64,
}

impl Healthcheck {
    pub(super) fn run(self) -> Result<(), Failure> {
        let timeout = Duration::from_secs(self.timeout);
        let config = self.configured.load()?;
        let secured = self.trust.secured(&config);
        let address = config.server.address;
        let asked = ask(&address.reachable(), secured.as_ref(), timeout);
        let answer = asked.map_err(|error| Failure::found(format!("{address}: {error}")))?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        if head.starts_with("HTTP/1.1 200 ") {
            return print(body);
        }
        Err(Failure::found(format!("{address} is not ready: {} {body}", head.lines().next().unwrap_or_default())))
    }
}

fn ask(address: &Address, secured: Option<&Secured>, timeout: Duration) -> std::io::Result<String> {
    let address =
        (address.host(), address.port()).to_socket_addrs()?.next().ok_or(std::io::ErrorKind::AddrNotAvailable)?;
    let stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    let Some(secured) = secured else { return converse(stream) };
    let config = tls::client(&secured.client).map_err(std::io::Error::other)?;
    let name = ServerName::try_from(secured.server_name.clone()).map_err(std::io::Error::other)?;
    let connection = ClientConnection::new(Arc::new(config), name).map_err(std::io::Error::other)?;
    converse(StreamOwned::new(connection, stream))
}

fn converse(mut stream: impl Read + Write) -> std::io::Result<String> {
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(64 << 10).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
