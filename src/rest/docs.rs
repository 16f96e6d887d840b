//! The interactive page at `/docs`, embedded in the binary, and the document it shows.

use utoipa::OpenApi;
use utoipa_swagger_ui::SwaggerUi;

/// What the document says beside the operations.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "unskew gateway",
        description = "Online features over REST; gRPC serves the same on the same port.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "features", description = "Reading features."),
        (name = "rows", description = "Writing rows and events."),
        (name = "operations", description = "Health and metrics."),
    )
)]
pub(super) struct Document;

/// The page, and `/openapi.json`.
pub(super) fn page(document: utoipa::openapi::OpenApi) -> SwaggerUi {
    SwaggerUi::new("/docs").url("/openapi.json", document)
}
