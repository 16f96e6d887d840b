//! Which protocol a request speaks: both come over the same port.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request};

use crate::telemetry::labels::{self, Protocol};

/// The protocol, by the content type.
#[must_use]
pub fn of(headers: &HeaderMap) -> Protocol {
    let is_grpc = headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
    if is_grpc { Protocol::Grpc } else { Protocol::Rest }
}

/// The position of the method among the known ones: a path of gRPC as it is, one of REST by its route.
#[must_use]
pub fn method<B>(request: &Request<B>, protocol: Protocol) -> usize {
    let path = request.uri().path();
    let known = match protocol {
        Protocol::Grpc => path,
        Protocol::Rest if path.starts_with("/v1/online-features/") => "/v1/online-features/{entity_id}",
        Protocol::Rest if path.starts_with("/v1/views/") && path.ends_with("/rows") => "/v1/views/{view}/rows",
        Protocol::Rest if path.starts_with("/v1/sources/") && path.ends_with("/events") => {
            "/v1/sources/{source}/events"
        }
        Protocol::Rest if path.starts_with("/docs/") || path == "/openapi.json" => "/docs",
        Protocol::Rest => path,
    };
    labels::method(known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::labels::METHODS;

    #[test]
    fn each_route_is_known_by_its_paths() {
        for (at, route) in METHODS.iter().enumerate().skip(1) {
            let protocol = if route.contains('.') { Protocol::Grpc } else { Protocol::Rest };
            let path = route.replace(['{', '}'], "");
            let request = Request::get(&path).body(()).unwrap();
            assert_eq!(METHODS[method(&request, protocol)], METHODS[at], "{path}");
        }
    }
}
