//! API keys: every route but those of the open list needs a key with its scope, on both protocols alike, and no more often than the key may
//! be used. Without keys in the configuration all requests pass.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::protocol;
use crate::auth::{Access, Grant, KeySet, Keys, access};
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

impl AuthLayer {
    /// Whether a request may pass now. It is counted, and logged, if it may not.
    ///
    /// # Errors
    /// Why it may not.
    pub fn check<B>(&self, request: &Request<B>) -> Result<(), Error> {
        let keys = self.keys.now();
        if keys.is_empty() {
            return Ok(());
        }
        check(&keys, request.uri().path(), request.headers(), || self.keys.time()).map_err(|refused| {
            self.count(request, refused.counted);
            refused.error
        })
    }

    fn count<B>(&self, request: &Request<B>, counted: Counted) {
        match counted {
            Counted::Failure(failure, key) => {
                self.metrics.security.auth_failed(failure);
                log(request, failure.name(), key);
            }
            Counted::Limit(key) => {
                self.metrics.security.rate_limited(&key);
                log(request, "rate_limit", Some(key));
            }
            Counted::Nothing => {}
        }
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
        let state = match self.layer.check(&request) {
            Ok(()) => State::Passed { inner: self.inner.call(request) },
            Err(error) => State::Refused { error: Some(error) },
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
    counted: Counted,
}

/// What is counted and logged of it, with the name of the key where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Counted {
    /// Its key is missing, or not good for this.
    Failure(AuthFailure, Option<String>),
    /// Its key has been used too often.
    Limit(String),
    /// The key is good, and the route is not there.
    Nothing,
}

fn check(keys: &KeySet, path: &str, headers: &HeaderMap, time: impl FnOnce() -> Duration) -> Result<(), Refused> {
    let access = access(path);
    if access == Access::Open {
        return Ok(());
    }
    let unauthenticated = |failure, what: &str| {
        let error = Error::new(Code::Unauthenticated, needed(access, what));
        Refused { error, counted: Counted::Failure(failure, None) }
    };
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
        Access::Needs(scope) if grant.allows(scope) => within_limit(&grant, time),
        Access::Needs(scope) => {
            let message = format!("the API key does not have the scope {scope}, which this call needs");
            let counted = Counted::Failure(AuthFailure::Scope, Some(grant.name.to_owned()));
            Err(Refused { error: Error::new(Code::PermissionDenied, message), counted })
        }
        Access::Unknown => {
            let message = format!("there is no {path:?} here; /docs and server reflection list what there is");
            Err(Refused { error: Error::new(Code::NotFound, message), counted: Counted::Nothing })
        }
    }
}

/// Last, so that only what would be served counts.
fn within_limit(grant: &Grant<'_>, time: impl FnOnce() -> Duration) -> Result<(), Refused> {
    let Some(limit) = grant.limit else { return Ok(()) };
    limit.take(time()).map_err(|wait| {
        let rate = limit.per_second();
        let message = format!(
            "the API key may make {rate} requests a second (rate_limit of auth.keys); nothing of this one was done"
        );
        let error = Error::new(Code::RateLimited, message).retry_after(wait);
        Refused { error, counted: Counted::Limit(grant.name.to_owned()) }
    })
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

fn log<B>(request: &Request<B>, reason: &str, key: Option<String>) {
    if let Some(left_out) = LOGGED.pass() {
        let protocol = protocol::of(request.headers());
        let method = METHODS.get(protocol::method(request, protocol));
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
    use crate::auth::{ApiKey, Digest, RateLimit, Scope};
    use http::HeaderValue;

    fn keys() -> KeySet {
        let key = |name: &str, scope| ApiKey {
            name: name.to_owned(),
            digest: Digest::of(name.as_bytes()),
            scopes: [scope].into_iter().collect(),
            limit: None,
        };
        KeySet::new(vec![key("reader", Scope::Read), key("writer", Scope::Write), key("operator", Scope::Admin)])
    }

    fn outcome(path: &str, headers: &[&str]) -> Option<(Code, Option<AuthFailure>)> {
        let refused = outcome_of(&keys(), path, headers, Duration::ZERO)?;
        let failure = match refused.counted {
            Counted::Failure(failure, _) => Some(failure),
            Counted::Limit(key) => panic!("{key}"),
            Counted::Nothing => None,
        };
        Some((refused.error.code(), failure))
    }

    fn outcome_of(keys: &KeySet, path: &str, headers: &[&str], time: Duration) -> Option<Refused> {
        let mut map = HeaderMap::new();
        for value in headers {
            map.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        let refused = check(keys, path, &map, || time).err()?;
        for key in ["reader", "writer", "operator"] {
            assert!(!refused.error.message().contains(key), "{}", refused.error.message());
        }
        Some(refused)
    }

    #[test]
    fn a_key_is_used_as_often_as_it_may_be() {
        let limited = ApiKey {
            name: "limited".to_owned(),
            digest: Digest::of(b"reader"),
            scopes: [Scope::Read].into_iter().collect(),
            limit: Some(RateLimit::new(4, 2)),
        };
        let keys = KeySet::new(vec![limited]);
        let ask = |path, milliseconds| {
            let refused = outcome_of(&keys, path, &["Bearer reader"], Duration::from_millis(milliseconds))?;
            Some((refused.error.code(), refused.error.retry_after_ms()))
        };
        assert_eq!([(); 2].map(|()| ask("/v1/definitions", 0)), [None, None]);
        assert_eq!(ask("/feature_store.FeatureStore/Explain", 0), Some((Code::RateLimited, Some(250))));
        // What would not be served anyhow takes nothing, and what is open is not limited.
        assert_eq!(ask("/v1/admin/reload", 250).unwrap().0, Code::PermissionDenied);
        assert_eq!((ask("/healthz", 250), ask("/v1/definitions", 250)), (None, None));
        assert_eq!(ask("/v1/definitions", 251), Some((Code::RateLimited, Some(249))));
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
