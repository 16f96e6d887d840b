//! What ends a connection or a call before its reply, in words.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::rc::Rc;

use thiserror::Error;

use super::headers::{HeaderError, Percent};

/// The names of the codes of RST_STREAM and GOAWAY, from 0 (RFC 9113, section 7).
const REASONS: [&str; 14] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
];

/// A code of RST_STREAM or GOAWAY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reason(pub(super) u32);

impl Display for Reason {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        match usize::try_from(self.0).ok().and_then(|code| REASONS.get(code)) {
            Some(name) => to.write_str(name),
            None => write!(to, "unknown code {:#x}", self.0),
        }
    }
}

/// Why a connection takes no more requests.
#[derive(Debug, Error)]
pub(crate) enum Fault {
    #[error("the server closed the connection")]
    Closed,
    #[error("the connection broke: {0}")]
    Broken(io::Error),
    #[error("the server ends the connection (GOAWAY): {reason}{debug}")]
    GoAway {
        reason: Reason,
        /// What the server says beyond the code, with what separates it.
        debug: String,
    },
    #[error("the connection's stream ids are used up: use more connections, or a shorter load")]
    Spent,
    #[error("the first bytes of the server are no SETTINGS: it doesn't speak HTTP/2 without TLS")]
    NoHttp2,
    #[error("the server breaks HTTP/2: a frame of {0} bytes, more than allowed")]
    TooLong(usize),
    #[error("the server breaks HTTP/2: a frame of kind {kind} with {length} bytes")]
    Malformed { kind: u8, length: usize },
    #[error("the server breaks HTTP/2: a frame of kind {kind} on stream {stream}")]
    Unexpected { kind: u8, stream: u32 },
    #[error("the server breaks HTTP/2: a WINDOW_UPDATE by {more} makes a window of {window}")]
    Window { more: i64, window: i64 },
    #[error("the headers of a reply can't be read: {0}")]
    Headers(#[from] HeaderError),
}

/// Why a call has no good reply.
#[derive(Debug, Error)]
pub(crate) enum CallError {
    #[error("{0}")]
    Connection(Rc<Fault>),
    #[error("the server ended the stream (RST_STREAM): {0}")]
    Reset(Reason),
    #[error("HTTP status {0}")]
    Http(u16),
    #[error("gRPC status {code}: {}", Percent(message))]
    Grpc { code: String, message: String, hint: bool },
    #[error("the reply has no grpc-status")]
    NoStatus,
    #[error("the reply holds {0} bytes, too few for a gRPC message")]
    Short(usize),
    #[error("no reply within {0} s after the last request")]
    Unanswered(u64),
}
