//! API keys: every route but those of the open list needs a key with its scope, on both protocols alike. Without keys in the configuration
//! all requests pass.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::protocol;
use crate::auth::{Access, KeySet, Keys, access};
use crate::error::{Code, Error};
use crate::telemetry::labels::METHODS;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::rate_limit::RateLimit;
use crate::telemetry::security::AuthFailure;

/// How the header begins; in any case.
const SCHEME: &[u8] = b"Bearer ";
/// Lines a second about refused requests.
static LOGGED: RateLimit = RateLimit::per_second(5);

/// The layer.
#[derive(Clone, Debug)]
pub struct AuthLayer {
    /// The keys that are valid.
    pub keys: Keys,
    /// Where failures are counted.
    pub metrics: &'static Metrics,
}

impl<S> Layer<S> for AuthLayer {
    type Service = Auth<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Auth { inner, layer: self.clone() }
    }
}

/// See [`AuthLayer`].
#[derive(Clone, Debug)]
pub struct Auth<S> {
    inner: S,
    layer: AuthLayer,
}

impl<S: Service<Request<Body>, Response = Response>> Service<Request<Body>> for Auth<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = AuthFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let keys = self.layer.keys.now();
        let checked = if keys.is_empty() { Ok(()) } else { check(&keys, request.uri().path(), request.headers()) };
        let state = match checked {
            Ok(()) => State::Passed { inner: self.inner.call(request) },
            Err(refused) => {
                if let Some(failure) = refused.failure {
                    self.layer.metrics.security.auth_failed(failure);
                    log(&request, failure, refused.key);
                }
                State::Refused { error: Some(refused.error) }
            }
        };
        AuthFuture { state }
    }
}

pin_project! {
    /// The reply, or why there is none.
    #[derive(Debug)]
    pub struct AuthFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = Projection]
    enum State<F> {
        Passed { #[pin] inner: F },
        Refused { error: Option<Error> },
    }
}

impl<F: Future<Output = Result<Response, E>>, E> Future for AuthFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        match self.project().state.project() {
            Projection::Passed { inner } => inner.poll(context),
            Projection::Refused { error } => {
                let error = error.take().unwrap_or_else(|| Error::new(Code::Internal, "the reply was asked for twice"));
                Poll::Ready(Ok(error.into_response()))
            }
        }
    }
}

/// A request that may not pass.
struct Refused {
    error: Error,
    /// What is counted; none: the key is good, and the route is not there.
    failure: Option<AuthFailure>,
    /// The name of its key, where that is known.
    key: Option<String>,
}

fn check(keys: &KeySet, path: &str, headers: &HeaderMap) -> Result<(), Refused> {
    let access = access(path);
    if access == Access::Open {
        return Ok(());
    }
    let refused = |code, failure, message: String| {
        let error = Error::new(code, message);
        Refused { error, failure: Some(failure), key: None }
    };
    let unauthenticated = |failure, what: &str| refused(Code::Unauthenticated, failure, needed(access, what));
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Err(unauthenticated(AuthFailure::Missing, "there is none"));
    };
    let key = bearer(value.as_bytes()).filter(|_| values.next().is_none());
    let Some(key) = key else {
        return Err(unauthenticated(AuthFailure::Malformed, "the header has another form, or is there twice"));
    };
    let Some(grant) = keys.find(key) else {
        return Err(unauthenticated(AuthFailure::Unknown, "the one given is not known, or no longer"));
    };
    match access {
        Access::Open => Ok(()),
        Access::Needs(scope) if grant.allows(scope) => Ok(()),
        Access::Needs(scope) => {
            let message = format!("the API key does not have the scope {scope}, which this call needs");
            Err(Refused {
                key: Some(grant.name.to_owned()),
                ..refused(Code::PermissionDenied, AuthFailure::Scope, message)
            })
        }
        Access::Unknown => {
            let message = format!("there is no {path:?} here; /docs and server reflection list what there is");
            Err(Refused { error: Error::new(Code::NotFound, message), failure: None, key: None })
        }
    }
}

/// What the client should have sent. What it sent is not repeated.
fn needed(access: Access, what: &str) -> String {
    let scope = match access {
        Access::Needs(scope) => format!(" with the scope {scope}"),
        Access::Open | Access::Unknown => String::new(),
    };
    format!("this call needs an API key{scope}, in the header \"authorization: Bearer KEY\": {what}")
}

/// The key within the header.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, key) = value.split_at_checked(SCHEME.len())?;
    (scheme.eq_ignore_ascii_case(SCHEME) && !key.is_empty() && !key.contains(&b' ')).then_some(key)
}

fn log(request: &Request<Body>, failure: AuthFailure, key: Option<String>) {
    if let Some(left_out) = LOGGED.pass() {
        let protocol = protocol::of(request.headers());
        let method = METHODS.get(protocol::method(request, protocol));
        let reason = failure.name();
        tracing::warn!(
            reason,
            key,
            protocol = protocol.name(),
            method,
            left_out,
            "a request was refused for its API key"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{ApiKey, Digest, Scope};
    use http::HeaderValue;

    fn keys() -> KeySet {
        let key = |name: &str, scope| ApiKey {
            name: name.to_owned(),
            digest: Digest::of(name.as_bytes()),
            scopes: [scope].into_iter().collect(),
        };
        KeySet::new(vec![key("reader", Scope::Read), key("writer", Scope::Write), key("operator", Scope::Admin)])
    }

    fn outcome(path: &str, headers: &[&str]) -> Option<(Code, Option<AuthFailure>)> {
        let mut map = HeaderMap::new();
        for value in headers {
            map.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        let refused = check(&keys(), path, &map).err()?;
        for key in ["reader", "writer", "operator"] {
            assert!(!refused.error.message().contains(key), "{}", refused.error.message());
        }
        Some((refused.error.code(), refused.failure))
    }

    #[test]
    fn a_key_opens_what_its_scope_is_for() {
        for (path, scope) in [
            ("/v1/online-features", Scope::Read),
            ("/feature_store.FeatureStore/WriteRows", Scope::Write),
            ("/v1/admin/reload", Scope::Admin),
        ] {
            for (key, has) in [("reader", Scope::Read), ("writer", Scope::Write), ("operator", Scope::Admin)] {
                let expected = (has != scope).then_some((Code::PermissionDenied, Some(AuthFailure::Scope)));
                assert_eq!(outcome(path, &[&format!("Bearer {key}")]), expected, "{path} {key}");
                assert_eq!(outcome(path, &[&format!("bEARER {key}")]), expected, "{path} {key}");
            }
        }
        assert_eq!(outcome("/healthz", &[]), None);
        assert_eq!(outcome("/grpc.health.v1.Health/Check", &["nonsense"]), None);
    }

    #[test]
    fn nothing_else_opens_anything() {
        let unauthenticated = |failure| Some((Code::Unauthenticated, Some(failure)));
        for path in ["/v1/online-features", "/nothing", "/v1/admin/reload"] {
            assert_eq!(outcome(path, &[]), unauthenticated(AuthFailure::Missing));
            for header in
                ["", "reader", "Bearer", "Bearer ", "Bearer  reader", "Basic reader", "Bearerreader", "Bearer reader "]
            {
                assert_eq!(outcome(path, &[header]), unauthenticated(AuthFailure::Malformed), "{header:?}");
            }
            assert_eq!(outcome(path, &["Bearer reader", "Bearer reader"]), unauthenticated(AuthFailure::Malformed));
            for header in ["Bearer Reader", "Bearer readers", "Bearer \u{7f}"] {
                if HeaderValue::from_str(header).is_ok() {
                    assert_eq!(outcome(path, &[header]), unauthenticated(AuthFailure::Unknown), "{header:?}");
                }
            }
        }
        assert_eq!(outcome("/nothing", &["Bearer reader"]), Some((Code::NotFound, None)));
    }
}
