//! Pages of other origins: none may call the gateway, unless the configuration names them.

use std::time::Duration;

use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::deadline::TIMEOUT_MS;
use super::request_id::REQUEST_ID;
use super::trace::SERVER_TIMING;
use crate::error::RETRY_AFTER_MS;
use crate::telemetry::trace::{TRACEPARENT, TRACESTATE};

/// How long a browser may remember the answer to its question.
const MAX_AGE: Duration = Duration::from_secs(3600);

/// Lets pages of these origins call; none: no header is added for any. `*` is every origin.
#[must_use]
pub fn layer(origins: &[HeaderValue]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().cloned())
    };
    let ours = [CONTENT_TYPE, AUTHORIZATION, REQUEST_ID, HeaderName::from_static(TIMEOUT_MS), TRACEPARENT, TRACESTATE];
    let layer = CorsLayer::new().allow_origin(allowed).allow_methods([Method::GET, Method::POST]).allow_headers(ours);
    let retry_ms = HeaderName::from_static(RETRY_AFTER_MS);
    Some(layer.expose_headers([REQUEST_ID, RETRY_AFTER, retry_ms, TRACEPARENT, SERVER_TIMING]).max_age(MAX_AGE))
}
