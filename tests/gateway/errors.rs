//! Every code that a client can provoke, on both protocols, as the table of codes says.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use unskew_gateway::api::FeatureVectorsRequest;
use unskew_gateway::error::Code;

use crate::clients::{self, Request};
use crate::failures::{self, Failure};
use crate::keys;
use crate::raw::{self, GET_ONLINE_FEATURES};
use crate::stores::Store;
use crate::support::gateway::Gateway;
use crate::support::redis::RedisServer;

/// A service whose step takes its parameters from data that nobody has fitted.
const UNFITTED: &str = "services: {m: {request: {x: float64}, vector: [{input: x, steps: [standardize]}]}}\n";

#[tokio::test(flavor = "multi_thread")]
async fn every_code_that_a_client_can_provoke() {
    let store = Store::embedded();
    let big = format!("{{\"a\":\"{}\"}}", "x".repeat(4000));
    store.set([("big", big.as_bytes())].into_iter()).await;
    let small = [("limits.max_request_bytes", "2000"), ("limits.max_reply_bytes", "2000")];
    let down = RedisServer::stopped();
    let unfitted = Store::embedded();
    let guarded = Store::embedded();
    let directory = tempfile::tempdir().unwrap();
    let definitions = directory.path().join("d.yaml");
    std::fs::write(&definitions, UNFITTED).unwrap();
    let gateways = Gateways {
        small: Gateway::start_with(&store.url(), &small),
        without_store: Gateway::start(&down.url()),
        guarded: Gateway::start_with(&guarded.url(), &[("auth.keys", &keys::one_each())]),
        unfitted: Gateway::start_with(&unfitted.url(), &[("definitions.path", definitions.to_str().unwrap())]),
        _store: store,
    };
    for code in Code::ALL {
        let Some([rest, grpc]) = gateways.provoke(code).await else { continue };
        assert_eq!(rest.code, code, "REST: {rest:?}");
        assert_eq!(grpc.code, code, "gRPC: {grpc:?}");
        println!("{}: REST {:?}; gRPC {:?}", code.facts().name, rest.message, grpc.message);
    }
}

struct Gateways {
    small: Gateway,
    without_store: Gateway,
    unfitted: Gateway,
    guarded: Gateway,
    _store: Store,
}

impl Gateways {
    /// The failure with this code on both protocols; none for a code that no client can provoke.
    async fn provoke(&self, code: Code) -> Option<[Failure; 2]> {
        let none = Request::of(&[]);
        Some(match code {
            Code::InvalidArgument => ask_both(&self.small, &none).await,
            Code::ReplyTooLarge => ask_both(&self.small, &Request::of(&["big"])).await,
            Code::RequestTooLarge => ask_both(&self.small, &Request::of(&["x".repeat(4000).as_str()])).await,
            Code::Unauthenticated => ask_both(&self.guarded, &Request::of(&["a"])).await,
            Code::PermissionDenied => {
                let key = ("authorization", "Bearer write");
                let request = clients::http1().get(self.guarded.url("/v1/definitions")).header(key.0, key.1);
                [
                    failures::of_rest(request.send().await.unwrap()).await,
                    raw::failure(&self.guarded, GET_ONLINE_FEATURES, &[key], raw::frame(b"\x0a\x01a")).await,
                ]
            }
            Code::Unavailable => ask_both(&self.without_store, &Request::of(&["a"])).await,
            Code::NotFound => [
                rest(&self.small, Method::GET, "/nothing").await,
                raw::failure(&self.small, "/feature_store.FeatureStore/Nothing", &[], raw::frame(&[])).await,
            ],
            Code::MethodNotAllowed => {
                let request = clients::http2().delete(self.small.url("/v1/online-features"));
                let response = request.header("content-type", "application/grpc").send().await.unwrap();
                assert_eq!(response.headers()["allow"], "POST");
                [
                    rest(&self.small, Method::DELETE, "/v1/online-features").await,
                    failures::of_grpc_headers(response.headers()),
                ]
            }
            Code::UnsupportedMediaType => [
                rest(&self.small, Method::POST, "/v1/online-features").await,
                raw::failure(&self.small, "/v1/online-features", &[], raw::frame(&[])).await,
            ],
            Code::FailedPrecondition => {
                let body = json!({"service": "m", "request": {"x": [1]}});
                let request = clients::http1().post(self.unfitted.url("/v1/feature-vectors")).json(&body);
                let rest = failures::of_rest(request.send().await.unwrap()).await;
                let asked = FeatureVectorsRequest { service: "m".to_owned(), ..FeatureVectorsRequest::default() };
                let grpc = clients::grpc(&self.unfitted).await.get_feature_vectors(asked).await.unwrap_err();
                [rest, failures::of_grpc(&grpc)]
            }
            Code::DeadlineExceeded => {
                let timeout = [("grpc-timeout", "1n")];
                let message = [b"\x0a\x01a"];
                [
                    slow_body(&self.small),
                    raw::failure(&self.small, GET_ONLINE_FEATURES, &timeout, raw::frame(message[0])).await,
                ]
            }
            // One client alone does not provoke it; `overload.rs` does. And `rate_limit.rs`.
            Code::Overloaded | Code::RateLimited | Code::Internal => return None,
        })
    }
}

async fn ask_both(gateway: &Gateway, request: &Request) -> [Failure; 2] {
    let rest = clients::post(&clients::http1(), gateway, request).await;
    let grpc = clients::ask(&mut clients::grpc(gateway).await, request).await;
    [rest.unwrap_err(), grpc.unwrap_err()]
}

async fn rest(gateway: &Gateway, method: Method, path: &str) -> Failure {
    failures::of_rest(clients::http1().request(method, gateway.url(path)).send().await.unwrap()).await
}

/// A body that does not come to its end within the deadline.
fn slow_body(gateway: &Gateway) -> Failure {
    let mut stream = TcpStream::connect(gateway.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head =
        "POST /v1/online-features HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\nconnection: close\r\n";
    write!(stream, "{head}x-request-timeout-ms: 50\r\ncontent-length: 100\r\n\r\n{{\"entity_ids\":[").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 504 "), "{answer}");
    let body: Value = serde_json::from_str(body).unwrap();
    let text = |member: &str| body["error"][member].as_str().unwrap().to_owned();
    Failure { code: failures::code(&text("code")), message: text("message"), retry_after_ms: None, fields: Vec::new() }
}

#[tokio::test]
async fn unknown_paths_and_methods_of_both_protocols() {
    let store = Store::embedded();
    let gateway = Gateway::start(&store.url());
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/v1"),
        (Method::POST, "/v1/online-features/"),
        (Method::GET, "/v1/online-features/a/b"),
        (Method::POST, "/v1/views/default"),
        (Method::GET, "/V1/online-features/a"),
        (Method::POST, GET_ONLINE_FEATURES_OF_ANOTHER),
        (Method::POST, "/feature_store.FeatureStore/getOnlineFeatures"),
        (Method::GET, "/%00%ff"),
    ] {
        let failure = rest(&gateway, method.clone(), path).await;
        assert_eq!(failure.code, Code::NotFound, "{method} {path}: {failure:?}");
    }
    for (method, path, allow) in [
        (Method::GET, "/v1/online-features", "POST"),
        (Method::PUT, "/v1/online-features/a", "GET,HEAD"),
        (Method::GET, "/v1/views/default/rows", "POST"),
        (Method::POST, "/metrics", "GET,HEAD"),
        (Method::POST, "/healthz", "GET,HEAD"),
    ] {
        let response = clients::http1().request(method.clone(), gateway.url(path)).send().await.unwrap();
        assert_eq!(response.headers()["allow"], allow, "{method} {path}");
        assert_eq!(failures::of_rest(response).await.code, Code::MethodNotAllowed, "{method} {path}");
    }
    for path in [GET_ONLINE_FEATURES_OF_ANOTHER, "/feature_store.FeatureStore/", "/grpc.health.v1.Health/Nothing", "/"]
    {
        let failure = raw::failure(&gateway, path, &[], raw::frame(&[])).await;
        assert_eq!(failure.code, Code::NotFound, "{path}: {failure:?}");
    }
}

const GET_ONLINE_FEATURES_OF_ANOTHER: &str = "/another.FeatureStore/GetOnlineFeatures";

#[tokio::test]
async fn malformed_deadlines_are_refused_and_good_ones_kept() {
    let store = Store::embedded();
    let gateway = Gateway::start(&store.url());
    let http = clients::http1();
    for (header, value) in [
        ("x-request-timeout-ms", "0"),
        ("x-request-timeout-ms", "-5"),
        ("x-request-timeout-ms", "1.5"),
        ("x-request-timeout-ms", "soon"),
        ("x-request-timeout-ms", ""),
        ("x-request-timeout-ms", "4294967296"),
        ("grpc-timeout", "1"),
        ("grpc-timeout", "m"),
        ("grpc-timeout", "-1S"),
        ("grpc-timeout", "123456789S"),
        ("grpc-timeout", "1h"),
    ] {
        let request = http.post(gateway.url("/v1/online-features")).json(&Request::of(&["a"]));
        let failure = failures::of_rest(request.header(header, value).send().await.unwrap()).await;
        assert_eq!(
            (failure.code, failure.fields),
            (Code::InvalidArgument, vec![header.to_owned()]),
            "{header} {value}"
        );
        let failure = raw::failure(&gateway, GET_ONLINE_FEATURES, &[(header, value)], raw::frame(b"\x0a\x01a")).await;
        assert_eq!(failure.code, Code::InvalidArgument, "{header} {value}: {failure:?}");
        assert!(failure.message.starts_with(header), "{failure:?}");
    }
    for value in ["1000", "4294967295"] {
        let request = http.post(gateway.url("/v1/online-features")).json(&Request::of(&["a"]));
        assert!(request.header("x-request-timeout-ms", value).send().await.unwrap().status().is_success());
    }
}

#[tokio::test]
async fn a_request_id_is_echoed_or_made_on_both_protocols() {
    let store = Store::embedded();
    let gateway = Gateway::start(&store.url());
    let http = clients::http1();
    let (body, message) = (json!({"entity_ids": ["a"]}), raw::frame(b"\x0a\x01a"));
    let mut made = std::collections::HashSet::new();
    for path in ["/v1/online-features", "/nothing"] {
        let request = || http.post(gateway.url(path)).json(&body);
        let response = request().header("x-request-id", "mine-1").send().await.unwrap();
        assert_eq!(response.headers()["x-request-id"], "mine-1");
        let response = request().send().await.unwrap();
        made.insert(response.headers()["x-request-id"].to_str().unwrap().to_owned());
    }
    for path in [GET_ONLINE_FEATURES, "/nothing/Nothing"] {
        let headers = raw::headers(&gateway, path, &[("x-request-id", "mine-2")], message.clone()).await;
        assert_eq!(headers["x-request-id"], "mine-2");
        let headers = raw::headers(&gateway, path, &[], message.clone()).await;
        made.insert(headers["x-request-id"].to_str().unwrap().to_owned());
    }
    assert_eq!(made.len(), 4, "{made:?}");
    assert!(made.iter().all(|id| !id.is_empty()));
}
