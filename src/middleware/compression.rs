//! Which replies are compressed: those of REST for a client that accepts it, those of gRPC for a client whose request was compressed too.

use http::header::{HeaderMap, HeaderName};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;

/// Bytes of a reply below which compressing costs more than it saves: about one packet.
const LEAST: u64 = 1400;
const ACCEPTED: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// Compresses replies of REST with gzip or zstd, as the client prefers.
#[must_use]
pub fn rest() -> CompressionLayer<SizeAbove> {
    CompressionLayer::new().compress_when(SizeAbove::new(LEAST))
}

/// Leaves a reply of gRPC as it is unless the request was compressed. Clients of Python and others always say that they accept compression,
/// and tonic would compress on that alone.
pub fn only_if_asked(headers: &mut HeaderMap) {
    let is_compressed = headers.get(ENCODING).is_some_and(|encoding| encoding != "identity");
    if !is_compressed {
        headers.remove(ACCEPTED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn accepting_alone_does_not_ask() {
        for (encoding, is_kept) in
            [(None, false), (Some("identity"), false), (Some("gzip"), true), (Some("zstd"), true)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPTED, HeaderValue::from_static("identity, deflate, gzip"));
            if let Some(encoding) = encoding {
                headers.insert(ENCODING, HeaderValue::from_static(encoding));
            }
            only_if_asked(&mut headers);
            assert_eq!(headers.contains_key(ACCEPTED), is_kept, "{encoding:?}");
        }
    }
}
