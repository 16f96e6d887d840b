//! What the batches of a stream must pass after its first: the request that began it passed the layers once, and may go on for hours.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use tokio::sync::watch;
use tonic::metadata::MetadataMap;

use crate::capacity::{Capacity, Place};
use crate::error::{Code, Error};

/// Whether a request may pass now, for its key.
pub type Allowed = dyn Fn(&Request<()>) -> Result<(), Error> + Send + Sync;

/// What all streams share.
#[derive(Clone)]
pub struct Streams {
    /// True once the gateway stops.
    pub stopping: watch::Receiver<bool>,
    /// Places, of which each batch takes one, as each request does.
    pub capacity: Arc<Capacity>,
    /// Whether the key of a stream is still good for it.
    pub allowed: Arc<Allowed>,
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

impl Streams {
    /// A place for a batch, once there is one; a batch after the first needs a key that is good for it still, and waits where the key has been
    /// used too often.
    ///
    /// # Errors
    /// UNAUTHENTICATED and PERMISSION_DENIED of the key, RATE_LIMITED and OVERLOADED where the time until the deadline is too short.
    pub(super) async fn admit(&self, request: &Request<()>, batch: i64, deadline: Instant) -> Result<Place, Error> {
        if batch > 0 {
            self.turn(request, deadline).await?;
        }
        self.capacity.place(deadline).await.ok_or_else(|| {
            let limit = self.capacity.limit();
            let message = format!(
                "the gateway worked on {limit} requests, as many as it takes (limits.max_in_flight), until the deadline; send batch {batch} again"
            );
            Error::new(Code::Overloaded, message)
        })
    }

    /// Waits until the key of a stream may be used again.
    async fn turn(&self, request: &Request<()>, deadline: Instant) -> Result<(), Error> {
        while let Err(error) = (self.allowed)(request) {
            let wait = Duration::from_millis(error.retry_after_ms().unwrap_or(1).into());
            if error.code() != Code::RateLimited || Instant::now() + wait > deadline {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }
}

/// The request of a stream as far as its key goes.
pub(super) fn asked(method: &'static str, metadata: &MetadataMap) -> Request<()> {
    let mut request = Request::new(());
    *request.uri_mut() = http::Uri::from_static(method);
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, http::HeaderValue::from_static("application/grpc"));
    for value in metadata.as_ref().get_all(AUTHORIZATION) {
        headers.append(AUTHORIZATION, value.clone());
    }
    request
}
