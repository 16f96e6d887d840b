//! `healthcheck`: `/readyz` of a running gateway, without a tool beside the binary.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use clap::Args;

use super::configured::Configured;
use super::{Failure, print};
use crate::config::Address;

/// Asks a running gateway whether it is ready.
#[derive(Debug, Args)]
pub struct Healthcheck {
    #[command(flatten)]
    configured: Configured,
    /// Seconds to wait for the answer.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    timeout: u64,
}

impl Healthcheck {
    pub(super) fn run(self) -> Result<(), Failure> {
        let timeout = Duration::from_secs(self.timeout);
        let address = self.configured.load()?.server.address;
        let answer =
            ask(&address.reachable(), timeout).map_err(|error| Failure::found(format!("{address}: {error}")))?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        if head.starts_with("HTTP/1.1 200 ") {
            return print(body);
        }
        Err(Failure::found(format!("{address} is not ready: {} {body}", head.lines().next().unwrap_or_default())))
    }
}

fn ask(address: &Address, timeout: Duration) -> std::io::Result<String> {
    let address =
        (address.host(), address.port()).to_socket_addrs()?.next().ok_or(std::io::ErrorKind::AddrNotAvailable)?;
    let mut stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(64 << 10).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
