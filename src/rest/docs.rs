//! The interactive page at `/docs`, embedded in the binary, and the document it shows.

use utoipa::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa_swagger_ui::SwaggerUi;

use crate::auth::{Access, Scope, access};

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

/// The name of the security scheme.
const KEY: &str = "key";

/// The document with what each operation needs, from the table that the gateway itself looks at.
pub(super) fn secured(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let mut scheme = Http::new(HttpAuthScheme::Bearer);
    scheme.description =
        Some("An API key, where the gateway has keys; the role is the scope that it must have.".to_owned());
    document.components.get_or_insert_default().add_security_scheme(KEY, SecurityScheme::Http(scheme));
    for (path, item) in &mut document.paths.paths {
        let Access::Needs(scope) = access(path) else { continue };
        let operations =
            [&mut item.get, &mut item.post, &mut item.put, &mut item.delete, &mut item.patch, &mut item.head];
        for operation in operations.into_iter().flatten() {
            secure(operation, scope);
        }
    }
    document
}

fn secure(operation: &mut Operation, scope: Scope) {
    // The second one: a gateway without keys asks for none.
    operation.security = Some(vec![SecurityRequirement::new(KEY, [scope.name()]), SecurityRequirement::default()]);
    for (status, what) in [
        ("401", "UNAUTHENTICATED: no API key, or not one that is known".to_owned()),
        ("403", format!("PERMISSION_DENIED: the API key does not have the scope {scope}")),
    ] {
        let body = ContentBuilder::new().schema(Some(Ref::from_schema_name("Error"))).build();
        let response = ResponseBuilder::new().description(what).content("application/json", body).build();
        operation.responses.responses.insert(status.to_owned(), RefOr::T(response));
    }
}
