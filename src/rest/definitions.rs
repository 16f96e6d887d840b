//! `GET /v1/definitions` and `POST /v1/admin/reload`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::router::Gateway;
use super::schema;
use crate::error::Error;
use crate::lookup::defined::{Described, DescribedColumn, DescribedService, DescribedView, hex};

/// What is served.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DefinitionsResponse {
    /// The defined views, beside the built-in one.
    views: Vec<View>,
    services: Vec<Service>,
}

/// A defined view.
#[derive(Debug, Serialize, ToSchema)]
struct View {
    name: String,
    /// `row` or `window`.
    kind: &'static str,
    entity: String,
    version: u32,
    features: Vec<Column>,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
}

/// A service and what it can be asked for.
#[derive(Debug, Serialize, ToSchema)]
struct Service {
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
    /// The key columns of every entity that it reads.
    entities: Vec<Column>,
    /// Its request columns.
    request: Vec<Column>,
    /// The request column that is the time t.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
}

/// A column or a feature.
#[derive(Debug, Serialize, ToSchema)]
struct Column {
    name: String,
    dtype: String,
    /// Of a feature: microseconds after which a value is EXPIRED.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<i64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
}

/// What is served: the defined views, and the services with the fingerprints that are loaded.
#[utoipa::path(
    get,
    path = "/v1/definitions",
    tag = "vectors",
    operation_id = "definitions",
    responses((status = 200, body = DefinitionsResponse, description = "What is served now."))
)]
pub(super) async fn definitions(State(gateway): State<Gateway>) -> Json<DefinitionsResponse> {
    Json(response(gateway.lookup.catalog().describe()))
}

/// Reads the definitions and the API keys again, and serves by them from then on. What is invalid is refused, and what was before stays.
#[utoipa::path(
    post,
    path = "/v1/admin/reload",
    tag = "operations",
    operation_id = "reload",
    responses(
        (status = 200, body = DefinitionsResponse, description = "What is served now."),
        (status = 409, body = schema::ErrorBody, description = "FAILED_PRECONDITION: no definitions are configured, or they or the API keys are invalid"),
        (status = 504, body = schema::ErrorBody, description = "DEADLINE_EXCEEDED"),
    )
)]
pub(super) async fn reload(State(gateway): State<Gateway>) -> Result<Json<DefinitionsResponse>, Error> {
    gateway.reload().await?;
    Ok(definitions(State(gateway)).await)
}

fn response(described: Described) -> DefinitionsResponse {
    let column = |column: DescribedColumn| {
        let DescribedColumn { name, dtype, ttl, description } = column;
        Column { name, dtype, ttl, description }
    };
    let view = |view: DescribedView| {
        let DescribedView { name, kind, entity, version, features, description } = view;
        View { name, kind, entity, version, features: features.into_iter().map(column).collect(), description }
    };
    let service = |service: DescribedService| Service {
        name: service.name,
        fingerprints: service.fingerprints.iter().map(|fingerprint| hex(fingerprint)).collect(),
        default: service.default.as_ref().map(|fingerprint| hex(fingerprint)).ok(),
        no_default: service.default.err(),
        entities: service.entities.into_iter().map(column).collect(),
        request: service.request.into_iter().map(column).collect(),
        time: service.time,
        description: service.description,
    };
    DefinitionsResponse {
        views: described.views.into_iter().map(view).collect(),
        services: described.services.into_iter().map(service).collect(),
    }
}
