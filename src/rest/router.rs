//! The routes of REST and the OpenAPI document, from one declaration.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::Request;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{backup, definitions, docs, feature_vectors, online_features, ops, write_events, write_rows};
use crate::auth::Keys;
use crate::error::{Code, Error};
use crate::lookup::Lookup;

/// What the handlers share.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// The core.
    pub lookup: Lookup,
    /// Who may ask it.
    pub keys: Keys,
    /// Bytes of one request body.
    pub max_request_bytes: usize,
    /// Where backups are written; none: nowhere.
    pub backup_directory: Option<Arc<Path>>,
    /// Set when the process is asked to stop.
    pub stopping: Arc<AtomicBool>,
}

impl Gateway {
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Reads the API keys and the definitions again. What is wrong with one does not hold up the other.
    ///
    /// # Errors
    /// FAILED_PRECONDITION with what is wrong; of that the one before is served on. Also where there is neither a key nor a definition.
    pub async fn reload(&self) -> Result<(), Error> {
        let keys = self.keys.clone();
        // Off the threads that serve: it reads files.
        let read = tokio::task::spawn_blocking(move || keys.reload()).await.map_err(|error| error.to_string());
        let read = read.and_then(|done| done);
        let count = self.keys.now().all().len();
        match &read {
            Ok(()) if count > 0 => tracing::info!(count, "API keys are loaded"),
            Ok(()) => {}
            Err(cause) => tracing::error!(cause, "API keys are not loaded, the ones before stay"),
        }
        if self.lookup.has_definitions() || (read.is_ok() && count == 0) {
            self.lookup.reload().await?;
        }
        read.map_err(|cause| Error::new(Code::FailedPrecondition, format!("API keys: {cause}")))
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
        .routes(routes!(backup::post))
        .routes(routes!(ops::healthz))
        .routes(routes!(ops::readyz))
        .routes(routes!(ops::metrics))
}

/// All of REST. An unknown path is NOT_FOUND, of gRPC too.
pub fn router(gateway: Gateway) -> Router {
    let (router, document) = routes().split_for_parts();
    let document = docs::secured(document);
    router
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(gateway)
        .merge(docs::page(document))
        .fallback(not_found)
}

/// `/metrics` alone, for a listener of its own.
pub fn metrics_router(gateway: Gateway) -> Router {
    Router::new().route("/metrics", get(ops::metrics)).with_state(gateway).fallback(not_found)
}

/// The OpenAPI document as committed.
///
/// # Errors
/// When it can't be written as JSON.
pub fn document() -> Result<String, serde_json::Error> {
    let document = docs::secured(routes().into_openapi());
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
