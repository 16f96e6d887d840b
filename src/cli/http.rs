//! One request to a running gateway, without a tool beside the binary.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use crate::config::Address;
use crate::load::Secured;
use crate::tls;

/// Bytes of an answer that are read.
const MOST: u64 = 64 << 10;

/// How to ask.
pub(super) struct Asked<'a> {
    /// The method and the path: `GET /readyz`.
    pub line: &'a str,
    /// The API key to send.
    pub key: Option<&'a str>,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long the gateway may say nothing; none: for ever.
    pub timeout: Option<Duration>,
}

/// What was answered.
pub(super) struct Answer {
    /// `HTTP/1.1 200 OK`.
    pub status: String,
    /// The body.
    pub body: String,
}

impl Answer {
    /// Whether the gateway did what it was asked for.
    pub(super) fn is_ok(&self) -> bool {
        self.status.starts_with("HTTP/1.1 200 ")
    }
}

/// Asks a gateway and reads its answer.
pub(super) fn ask(address: &Address, secured: Option<&Secured>, asked: &Asked<'_>) -> io::Result<Answer> {
    let address = (address.host(), address.port()).to_socket_addrs()?.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
    let stream = TcpStream::connect_timeout(&address, asked.connect_timeout)?;
    stream.set_read_timeout(asked.timeout)?;
    stream.set_write_timeout(asked.timeout)?;
    let Some(secured) = secured else { return converse(stream, asked) };
    let config = tls::client(&secured.client).map_err(io::Error::other)?;
    let name = ServerName::try_from(secured.server_name.clone()).map_err(io::Error::other)?;
    let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    converse(StreamOwned::new(connection, stream), asked).map_err(advised)
}

/// A failure of TLS with what to do about it.
fn advised(error: io::Error) -> io::Error {
    let cause = error.to_string();
    match tls::advice(&cause) {
        Some(advice) => io::Error::new(error.kind(), format!("{cause}: {advice}")),
        None => error,
    }
}

fn converse(mut stream: impl Read + Write, asked: &Asked<'_>) -> io::Result<Answer> {
    let key = asked.key.map(|key| format!("authorization: Bearer {key}\r\n")).unwrap_or_default();
    let head =
        format!("{} HTTP/1.1\r\nhost: localhost\r\n{key}content-length: 0\r\nconnection: close\r\n\r\n", asked.line);
    stream.write_all(head.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(MOST).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    Ok(Answer { status: head.lines().next().unwrap_or_default().to_owned(), body: body.to_owned() })
}
