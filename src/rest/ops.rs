//! `/healthz`, `/readyz` and `/metrics`, for orchestrators and Prometheus.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

use super::router::Gateway;
use super::schema;
use crate::error::{Code, Error};

/// The process lives.
#[utoipa::path(get, path = "/healthz", tag = "operations", operation_id = "healthz", responses((status = 200, body = String, content_type = "text/plain", description = "ok")))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// The gateway serves: it is not stopping, and its store answers.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operations",
    operation_id = "readyz",
    responses(
        (status = 200, body = String, content_type = "text/plain", description = "ready"),
        (status = 503, body = schema::ErrorBody, description = "UNAVAILABLE: stopping, or the store does not answer"),
        (status = 504, body = schema::ErrorBody, description = "DEADLINE_EXCEEDED"),
    )
)]
pub(super) async fn readyz(State(gateway): State<Gateway>) -> Result<&'static str, Error> {
    if gateway.is_stopping() {
        return Err(Error::new(Code::Unavailable, "the gateway is stopping"));
    }
    gateway.lookup.ready().await?;
    Ok("ready\n")
}

/// Metrics in the text form of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operations", operation_id = "metrics", responses((status = 200, body = String, content_type = "text/plain", description = "Metrics.")))]
pub(super) async fn metrics(State(gateway): State<Gateway>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], gateway.lookup.render_metrics()).into_response()
}
