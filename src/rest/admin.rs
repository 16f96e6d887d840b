//! `POST /v1/admin/reload`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::router::Gateway;
use super::schema;
use crate::error::Error;

/// What is served now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReloadResponse {
    /// The row views, beside the built-in one.
    views: Vec<String>,
    services: Vec<LoadedService>,
}

/// A service and what it can be asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LoadedService {
    name: String,
    /// The fingerprints that are loaded.
    fingerprints: Vec<String>,
    /// The fingerprint of requests that bring none.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<String>,
    /// Why requests that bring no fingerprint are refused.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    no_default: Option<String>,
}

/// Reads the definitions again, and serves them from then on. An invalid set is refused with all that is wrong, and the one before stays.
#[utoipa::path(
    post,
    path = "/v1/admin/reload",
    tag = "operations",
    operation_id = "reload",
    responses(
        (status = 200, body = ReloadResponse, description = "What is served now."),
        (status = 409, body = schema::ErrorBody, description = "FAILED_PRECONDITION: no definitions are configured, or they are invalid"),
        (status = 504, body = schema::ErrorBody, description = "DEADLINE_EXCEEDED"),
    )
)]
pub(super) async fn reload(State(gateway): State<Gateway>) -> Result<Json<ReloadResponse>, Error> {
    gateway.lookup.reload().await?;
    let catalog = gateway.lookup.catalog();
    let services = catalog.loaded().map(|loaded| LoadedService {
        name: loaded.service.to_owned(),
        fingerprints: loaded.fingerprints,
        default: loaded.default.clone().ok(),
        no_default: loaded.default.err(),
    });
    Ok(Json(ReloadResponse { services: services.collect(), views: catalog.view_names().map(str::to_owned).collect() }))
}
