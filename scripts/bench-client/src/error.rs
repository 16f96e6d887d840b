//! What can go wrong before or instead of a measurement. Failed calls during one are counted, not raised.

use std::io;

use thiserror::Error;

use crate::http2::CallError;

#[derive(Debug, Error)]
pub(crate) enum BenchError {
    #[error("{doing}: {source}")]
    Io { doing: String, source: io::Error },
    #[error("{address:?} is not HOST:PORT of a server: {reason}")]
    Address { address: String, reason: String },
    #[error("{name:?} is no method: it has other characters than letters, digits and _")]
    Method { name: String },
    #[error("opening an HTTP/2 connection to {address}: {reason}")]
    Handshake { address: String, reason: String },
    #[error("the call to {address} failed: {source}")]
    Call { address: String, source: CallError },
    #[error(
        "{outstanding} requests wait for replies after {after_s:.1} s: the server can't keep up with {rate} requests/s, lower --rate"
    )]
    Overloaded { outstanding: usize, after_s: f64, rate: f64 },
    #[error("the reply is no OnlineFeaturesResponse: {0}")]
    Decode(#[from] prost::DecodeError),
    #[error("making a histogram: {0}")]
    Histogram(#[from] hdrhistogram::CreationError),
    #[error("the result can't be written as JSON: {0}")]
    Print(serde_json::Error),
}
