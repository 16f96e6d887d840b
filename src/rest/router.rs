//! The routes of REST and the OpenAPI document, from one declaration.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::Request;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{definitions, docs, feature_vectors, online_features, ops, write_events, write_rows};
use crate::error::{Code, Error};
use crate::lookup::Lookup;

/// What the handlers share.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// The core.
    pub lookup: Lookup,
    /// Bytes of one request body.
    pub max_request_bytes: usize,
    /// Set when the process is asked to stop.
    pub stopping: Arc<AtomicBool>,
}

impl Gateway {
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::with_openapi(docs::Document::openapi())
        .routes(routes!(online_features::post))
        .routes(routes!(online_features::get))
        .routes(routes!(feature_vectors::post))
        .routes(routes!(feature_vectors::explain))
        .routes(routes!(write_rows::post))
        .routes(routes!(write_events::post))
        .routes(routes!(definitions::definitions))
        .routes(routes!(definitions::reload))
        .routes(routes!(ops::healthz))
        .routes(routes!(ops::readyz))
        .routes(routes!(ops::metrics))
}

/// All of REST. An unknown path is NOT_FOUND, of gRPC too.
pub fn router(gateway: Gateway) -> Router {
    let (router, document) = routes().split_for_parts();
    router
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(gateway)
        .merge(docs::page(document))
        .fallback(not_found)
}

/// The OpenAPI document as committed.
///
/// # Errors
/// When it can't be written as JSON.
pub fn document() -> Result<String, serde_json::Error> {
    let document = routes().into_openapi();
    document.to_pretty_json().map(|json| json + "\n")
}

async fn not_found(request: Request) -> Error {
    let path = request.uri().path();
    Error::new(Code::NotFound, format!("there is no {path:?} here; /docs and server reflection list what there is"))
}

async fn method_not_allowed(request: Request) -> Error {
    let (method, path) = (request.method(), request.uri().path());
    Error::new(Code::MethodNotAllowed, format!("{path:?} does not take {method}; see the header allow"))
}
