//! Request ids: the client's, or one of ours; in the log, and in the reply of both protocols.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderName, HeaderValue, Request};
use tower_http::request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};

/// The header.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Makes ids: a random number of this process and a count.
#[derive(Clone, Debug)]
pub struct CountedId {
    process: u32,
    count: Arc<AtomicU64>,
}

impl Default for CountedId {
    fn default() -> Self {
        let random = RandomState::new().hash_one(std::process::id());
        Self { process: u32::try_from(random >> 32).unwrap_or_default(), count: Arc::default() }
    }
}

impl MakeRequestId for CountedId {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let id = u128::from(self.process) << 64 | u128::from(count);
        let text: [u8; 24] = std::array::from_fn(|digit| HEX[(id >> (4 * (23 - digit)) & 15) as usize]);
        let mut value = HeaderValue::from_bytes(&text).ok()?;
        // No secret, but a value that never comes again: so marked, HTTP/2 keeps it out of the table of its header compression.
        value.set_sensitive(true);
        Some(RequestId::new(value))
    }
}

/// Gives every request an id.
#[must_use]
pub fn set() -> SetRequestIdLayer<CountedId> {
    SetRequestIdLayer::new(REQUEST_ID, CountedId::default())
}

/// Puts the id into the reply.
#[must_use]
pub fn propagate() -> PropagateRequestIdLayer {
    PropagateRequestIdLayer::new(REQUEST_ID)
}
