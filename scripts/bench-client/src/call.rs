//! One gRPC call over raw HTTP/2.

use std::io;

use bytes::Bytes;
use h2::client::SendRequest;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, TE};
use http::{Request, StatusCode, Uri};
use thiserror::Error;
use tokio::net::TcpStream;

use crate::error::BenchError;
use crate::messages::FRAME_HEADER;

/// Replies must never wait for a window of ours: what is measured is the server.
const STREAM_WINDOW: u32 = 16 << 20;
const CONNECTION_WINDOW: u32 = 1 << 30;

#[derive(Debug, Error)]
pub(crate) enum CallError {
    #[error("HTTP/2: {0}")]
    Transport(#[from] h2::Error),
    #[error("HTTP status {0}")]
    Http(StatusCode),
    #[error("gRPC status {code}: {message}")]
    Grpc { code: String, message: String },
    #[error("the reply holds {0} bytes, too few for a gRPC message")]
    Short(usize),
    #[error("no reply within {0} s after the end of the load")]
    Unanswered(u64),
}

/// A method of the service on one server.
#[derive(Debug, Clone)]
pub(crate) struct Method {
    address: String,
    template: Request<()>,
}

/// An open connection; clones share it.
pub(crate) type Connection = SendRequest<Bytes>;

impl Method {
    /// `address` is HOST:PORT, `name` a method of `feature_store.FeatureStore`.
    pub(crate) fn new(address: &str, name: &str) -> Result<Self, BenchError> {
        let fault = |reason: String| BenchError::Address { address: address.to_owned(), reason };
        let uri: Uri = format!("http://{address}/feature_store.FeatureStore/{name}")
            .parse()
            .map_err(|error: http::uri::InvalidUri| fault(error.to_string()))?;
        if uri.port().is_none() {
            return Err(fault("there is no port".into()));
        }
        let mut template = Request::post(uri).body(()).map_err(|error| fault(error.to_string()))?;
        let headers = template.headers_mut();
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        Ok(Self { address: address.to_owned(), template })
    }

    /// Opens the connections, one after the other.
    pub(crate) async fn connect(&self, connections: u32) -> Result<Vec<Connection>, BenchError> {
        let mut opened = Vec::new();
        for _ in 0..connections {
            opened.push(self.open().await?);
        }
        Ok(opened)
    }

    /// Opens one connection.
    pub(crate) async fn open(&self) -> Result<Connection, BenchError> {
        let lost = |source: io::Error| BenchError::Io { doing: format!("connecting to {}", self.address), source };
        let stream = TcpStream::connect(&self.address).await.map_err(lost)?;
        stream.set_nodelay(true).map_err(lost)?;
        let (sender, connection) = h2::client::Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .enable_push(false)
            .handshake(stream)
            .await
            .map_err(|source| BenchError::Handshake { address: self.address.clone(), source })?;
        // The end of a connection shows as the failure of each call on it, which is where it is counted.
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }

    /// Sends the framed message and reads the reply to its trailers; answers with the bytes of the reply, frame included.
    pub(crate) async fn measure(&self, connection: Connection, body: Bytes) -> Result<usize, CallError> {
        let mut length = 0;
        self.call(connection, body, |chunk| length += chunk.len()).await?;
        if length < FRAME_HEADER { Err(CallError::Short(length)) } else { Ok(length) }
    }

    /// As [`Self::measure`], and answers with the reply itself, frame included.
    pub(crate) async fn fetch(&self, connection: Connection, body: Bytes) -> Result<Vec<u8>, CallError> {
        let mut reply = Vec::new();
        self.call(connection, body, |chunk| reply.extend_from_slice(&chunk)).await?;
        if reply.len() < FRAME_HEADER { Err(CallError::Short(reply.len())) } else { Ok(reply) }
    }

    async fn call(&self, connection: Connection, body: Bytes, mut take: impl FnMut(Bytes)) -> Result<(), CallError> {
        let mut connection = connection.ready().await?;
        let (response, mut stream) = connection.send_request(self.template.clone(), false)?;
        stream.send_data(body, true)?;
        let (head, mut reply) = response.await?.into_parts();
        while let Some(chunk) = reply.data().await {
            let chunk = chunk?;
            reply.flow_control().release_capacity(chunk.len())?;
            take(chunk);
        }
        if head.status != StatusCode::OK {
            return Err(CallError::Http(head.status));
        }
        match reply.trailers().await? {
            Some(trailers) => grpc_status(&trailers),
            None => grpc_status(&head.headers),
        }
    }
}

fn grpc_status(headers: &HeaderMap) -> Result<(), CallError> {
    let text = |name: &str| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    match text("grpc-status") {
        Some(code) if code == "0" => Ok(()),
        Some(code) => Err(CallError::Grpc { code, message: text("grpc-message").unwrap_or_default() }),
        None => Err(CallError::Grpc { code: "absent".into(), message: "the reply has no grpc-status".into() }),
    }
}
