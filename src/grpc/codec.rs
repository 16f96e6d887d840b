//! The codec of the server: hot messages are our own types, the rest prost's; a message that can't be decoded is the client's fault.

use std::marker::PhantomData;

use bytes::{Buf, BufMut};
use prost::Message;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

use super::reply::EncodedReply;
use super::request::OnlineFeaturesRequest;
use super::status;
use crate::api;
use crate::error::Error;

/// A message that can be put on the wire.
pub trait ToWire: Send + 'static {
    /// Writes the message.
    fn encode(self, out: &mut EncodeBuf<'_>);
}

/// A message that can be read from the wire.
pub trait FromWire: Send + Sized + 'static {
    /// Reads the message.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for bytes that are no such message.
    fn decode(bytes: &[u8]) -> Result<Self, Error>;
}

impl ToWire for EncodedReply {
    fn encode(self, out: &mut EncodeBuf<'_>) {
        out.reserve(self.0.len());
        out.put_slice(&self.0);
    }
}

impl FromWire for OnlineFeaturesRequest {
    fn decode(bytes: &[u8]) -> Result<Self, Error> {
        Self::decode(bytes)
    }
}

/// Messages of prost that the server sends.
macro_rules! to_wire {
    ($($message:ident),*) => {$(
        impl ToWire for api::$message {
            fn encode(self, out: &mut EncodeBuf<'_>) {
                out.reserve(self.encoded_len());
                self.encode_raw(out);
            }
        }
    )*};
}

/// Messages of prost that clients send.
macro_rules! from_wire {
    ($($message:ident),*) => {$(
        impl FromWire for api::$message {
            fn decode(bytes: &[u8]) -> Result<Self, Error> {
                let wanted = stringify!($message);
                Message::decode(bytes).map_err(|error| Error::invalid("message", format!("no {wanted}: {error}")))
            }
        }
    )*};
}

to_wire!(
    WriteRowsResponse,
    WriteEventsResponse,
    WriteStatesResponse,
    FeatureVectorsResponse,
    ExplainResponse,
    DefinitionsResponse
);
from_wire!(
    WriteRowsRequest,
    WriteEventsRequest,
    WriteStatesRequest,
    FeatureVectorsRequest,
    ExplainRequest,
    DefinitionsRequest
);

/// The codec that the generated server uses.
#[derive(Debug)]
pub struct WireCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for WireCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: ToWire, U: FromWire> Codec for WireCodec<T, U> {
    type Encode = T;
    type Decode = U;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self::Encoder {
        Self::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        Self::default()
    }
}

impl<T: ToWire, U: FromWire> Encoder for WireCodec<T, U> {
    type Item = T;
    type Error = tonic::Status;

    fn encode(&mut self, item: T, out: &mut EncodeBuf<'_>) -> Result<(), tonic::Status> {
        item.encode(out);
        Ok(())
    }
}

impl<T: ToWire, U: FromWire> Decoder for WireCodec<T, U> {
    type Item = U;
    type Error = tonic::Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<U>, tonic::Status> {
        // tonic hands over whole messages, in one piece.
        let length = bytes.remaining();
        let decoded = U::decode(bytes.chunk());
        bytes.advance(length);
        decoded.map(Some).map_err(|error| status::of(&error))
    }
}
