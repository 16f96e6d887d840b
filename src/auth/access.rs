//! What each route needs. A route that is not listed here is not served to anybody while there are keys, so that a new one can't be left
//! open by mistake.

use std::sync::OnceLock;

use matchit::Router;

use super::scope::Scope;

/// What a route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing: the open list, for orchestrators and load balancers.
    Open,
    /// A key with this scope.
    Needs(Scope),
    /// There is no such route, for those with a key; the others are not told.
    Unknown,
}

const READ: Access = Access::Needs(Scope::Read);
const WRITE: Access = Access::Needs(Scope::Write);
const ADMIN: Access = Access::Needs(Scope::Admin);

/// The routes of REST, each with all of its methods.
pub const REST: [(&str, Access); 16] = [
    ("/healthz", Access::Open),
    ("/readyz", Access::Open),
    ("/metrics", READ),
    ("/openapi.json", READ),
    ("/docs", READ),
    ("/docs/", READ),
    ("/docs/{*file}", READ),
    ("/v1/online-features", READ),
    ("/v1/online-features/{entity_id}", READ),
    ("/v1/feature-vectors", READ),
    ("/v1/explain", READ),
    ("/v1/definitions", READ),
    ("/v1/views/{view}/rows", WRITE),
    ("/v1/sources/{source}/events", WRITE),
    ("/v1/admin/reload", ADMIN),
    ("/v1/admin/backup", ADMIN),
];

/// The methods of gRPC.
const GRPC: [(&str, Access); 11] = [
    ("/grpc.health.v1.Health/Check", Access::Open),
    ("/grpc.health.v1.Health/Watch", Access::Open),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", READ),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", READ),
    ("/feature_store.FeatureStore/GetOnlineFeatures", READ),
    ("/feature_store.FeatureStore/GetFeatureVectors", READ),
    ("/feature_store.FeatureStore/Explain", READ),
    ("/feature_store.FeatureStore/GetDefinitions", READ),
    ("/feature_store.FeatureStore/WriteRows", WRITE),
    ("/feature_store.FeatureStore/WriteEvents", WRITE),
    ("/feature_store.FeatureStore/WriteStates", WRITE),
];

/// What the path of a request needs.
#[must_use]
pub fn access(path: &str) -> Access {
    // The matcher of the routers themselves, so that both read a path alike.
    static ROUTES: OnceLock<Router<Access>> = OnceLock::new();
    let routes = ROUTES.get_or_init(|| {
        let mut routes = Router::new();
        for (route, access) in REST.iter().chain(&GRPC) {
            // What could not be inserted would be unknown, and so not served; the test rules it out.
            drop(routes.insert(*route, *access));
        }
        routes
    });
    routes.at(path).map_or(Access::Unknown, |found| *found.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_found_and_nothing_else() {
        for (route, expected) in REST.iter().chain(&GRPC) {
            assert_eq!(access(&route.replace("{*file}", "a/b.js").replace(['{', '}'], "")), *expected, "{route}");
        }
        for path in [
            "",
            "/",
            "/v1",
            "/healthz/",
            "/HEALTHZ",
            "//healthz",
            "/v1/views/a/b/rows",
            "/v1/admin/reload/",
            "/v1/%61dmin/reload",
        ] {
            assert_eq!(access(path), Access::Unknown, "{path}");
        }
        assert_eq!(access("/v1/online-features/a%2Fb"), READ);
    }
}
