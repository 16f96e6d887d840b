//! gRPC without a client that would put things right: any headers, any bytes.

use bytes::{Buf, BufMut, Bytes};
use http::HeaderMap;
use http::uri::PathAndQuery;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;

use crate::clients;
use crate::failures::{self, Failure};
use crate::support::gateway::Gateway;

pub const GET_ONLINE_FEATURES: &str = "/feature_store.FeatureStore/GetOnlineFeatures";
pub const WRITE_ROWS: &str = "/feature_store.FeatureStore/WriteRows";

/// A message of gRPC: not compressed, its length, its bytes.
pub fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], message].concat()
}

/// Sends a body to a path as gRPC, and gives the headers of the response.
pub async fn headers(gateway: &Gateway, path: &str, extra: &[(&str, &str)], body: Vec<u8>) -> HeaderMap {
    let mut request =
        clients::http2().post(gateway.url(path)).header("content-type", "application/grpc").header("te", "trailers");
    for (name, value) in extra {
        request = request.header(*name, *value);
    }
    let response = request.body(body).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 200, "every answer to gRPC is 200");
    response.headers().clone()
}

/// The failure of a call of one message, whose bytes may be anything.
pub async fn failure(gateway: &Gateway, path: &str, extra: &[(&str, &str)], body: Vec<u8>) -> Failure {
    failures::of_grpc_headers(&headers(gateway, path, extra, body).await)
}

/// Messages that are bytes.
#[derive(Clone, Copy, Debug)]
pub struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put_slice(&item);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let length = bytes.remaining();
        Ok(Some(bytes.copy_to_bytes(length)))
    }
}

/// Calls a method with messages of any bytes, and gives how the stream ended after its answers.
pub async fn stream(channel: Channel, path: &'static str, messages: Vec<Bytes>) -> (usize, Result<(), Status>) {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let request = tonic::Request::new(tokio_stream::iter(messages));
    let mut answers = match client.streaming(request, PathAndQuery::from_static(path), RawCodec).await {
        Ok(answers) => answers.into_inner(),
        Err(status) => return (0, Err(status)),
    };
    let mut count = 0;
    loop {
        match answers.message().await {
            Ok(Some(_)) => count += 1,
            Ok(None) => return (count, Ok(())),
            Err(status) => return (count, Err(status)),
        }
    }
}
