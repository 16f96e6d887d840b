//! A server that does no work, on a thread and a runtime of its own in this process: the least that any server could cost this
//! client, this kernel and this protocol.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::thread;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{RecvStream, server};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Request, Response};
use tokio::net::{TcpListener, TcpStream};

use crate::error::BenchError;
use crate::messages::FRAME_HEADER;

/// Starts the server on a free loopback port; it lives as long as the process.
pub(crate) fn start(reply_bytes: u32) -> Result<SocketAddr, BenchError> {
    let fault = |source: io::Error| BenchError::Io { doing: "starting the server of --floor".into(), source };
    let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(fault)?;
    listener.set_nonblocking(true).map_err(fault)?;
    let address = listener.local_addr().map_err(fault)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(fault)?;
    let reply = framed_zeros(reply_bytes);
    thread::Builder::new()
        .name("floor".into())
        .spawn(move || runtime.block_on(accept(listener, reply)))
        .map_err(fault)?;
    Ok(address)
}

fn framed_zeros(length: u32) -> Bytes {
    let mut reply = vec![0];
    reply.extend_from_slice(&length.to_be_bytes());
    reply.resize(FRAME_HEADER + usize::try_from(length).unwrap_or(0), 0);
    reply.into()
}

/// Serves until the listener fails; the client then sees refused connections.
async fn accept(listener: StdListener, reply: Bytes) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let reply = reply.clone();
        // A failed connection shows as failed calls at the client.
        tokio::spawn(async move { drop(connection(stream, reply).await) });
    }
}

async fn connection(stream: TcpStream, reply: Bytes) -> Result<(), h2::Error> {
    let mut connection = server::Builder::new().max_concurrent_streams(10_000).handshake(stream).await?;
    while let Some(accepted) = connection.accept().await {
        let (request, respond) = accepted?;
        tokio::spawn(answer(request, respond, reply.clone()));
    }
    Ok(())
}

async fn answer(request: Request<RecvStream>, mut respond: SendResponse<Bytes>, reply: Bytes) -> Result<(), h2::Error> {
    let mut body = request.into_body();
    while let Some(chunk) = body.data().await {
        body.flow_control().release_capacity(chunk?.len())?;
    }
    let mut head = Response::new(());
    head.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    let mut stream = respond.send_response(head, false)?;
    stream.send_data(reply, false)?;
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    stream.send_trailers(trailers)
}
