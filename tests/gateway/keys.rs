//! API keys on every route of both protocols: who gets in, who does not, and that keys can be changed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use prost::Message;
use prost_types::FileDescriptorSet;
use reqwest::Method;
use serde_json::Value;
use unskew_gateway::auth::{Digest, Scope};
use unskew_gateway::error::Code;

use crate::certificates::Secure;
use crate::clients::{self, Request};
use crate::failures;
use crate::metrics::{Scrape, scrape_url};
use crate::raw;
use crate::stores::Store;
use crate::support::gateway::{self, Gateway};

const WRONG: &str = "unskew_0000000000000000000000000000000000000000000000000000000000000000";
const PATIENCE: Duration = Duration::from_secs(20);

/// Keys whose text is their name, as the value of `auth.keys`.
pub fn keys(keys: &[(&str, &[Scope])]) -> String {
    let table = |(name, scopes): &(&str, &[Scope])| {
        let scopes: Vec<_> = scopes.iter().map(|scope| format!("{:?}", scope.name())).collect();
        let sha256 = Digest::of(name.as_bytes());
        format!("{{name = {name:?}, sha256 = \"{sha256}\", scopes = [{}]}}", scopes.join(", "))
    };
    format!("[{}]", keys.iter().map(table).collect::<Vec<_>>().join(", "))
}

/// One key for each scope, called like it.
pub fn one_each() -> String {
    keys(&[("read", &[Scope::Read]), ("write", &[Scope::Write]), ("admin", &[Scope::Admin])])
}

fn bearer(key: &str) -> String {
    format!("Bearer {key}")
}

/// How REST answers to a key: the code of its failure, if it has one of ours.
async fn rest(gateway: &Gateway, method: &Method, path: &str, key: Option<&str>) -> Option<Code> {
    let mut request = clients::http1().request(method.clone(), gateway.url(path));
    if let Some(key) = key {
        request = request.header("authorization", bearer(key));
    }
    let response = request.send().await.unwrap();
    let status = response.status();
    let challenge = response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(challenge.as_deref(), (status == 401).then_some("Bearer"), "{method} {path}");
    if *method == Method::HEAD {
        return Code::ALL.into_iter().find(|code| code.facts().http == status.as_u16());
    }
    if !status.is_client_error() && !status.is_server_error() {
        return None;
    }
    let failure = failures::of_rest(response).await;
    assert!(key.is_none_or(|key| !failure.message.contains(key) || key.len() < 10), "{failure:?}");
    Some(failure.code)
}

/// The same of gRPC: its headers say at once that a call is refused.
async fn grpc(gateway: &Gateway, path: &str, key: Option<&str>) -> Option<Code> {
    let key = key.map(bearer);
    let headers: Vec<_> = key.iter().map(|key| ("authorization", key.as_str())).collect();
    let headers = raw::headers(gateway, path, &headers, raw::frame(&[])).await;
    headers.contains_key("error-code").then(|| failures::of_grpc_headers(&headers).code)
}

/// Every operation of the OpenAPI document, with an example of its path and the scope that the document says.
fn operations() -> Vec<(Method, String, Option<Scope>)> {
    let output = gateway::run(&["openapi"], &[]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let scope = operation["security"][0]["key"][0].as_str().map(|name| Scope::named(name).unwrap());
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let example = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
            found.push((method, example.collect::<Vec<_>>().join("/"), scope));
        }
    }
    assert!(found.len() >= 11, "{found:?}");
    found
}

/// Every method of every service of gRPC.
fn methods() -> Vec<String> {
    let sets = [
        unskew_gateway::grpc::DESCRIPTORS,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ];
    let mut found = Vec::new();
    for file in sets.iter().flat_map(|set| FileDescriptorSet::decode(*set).unwrap().file) {
        for service in &file.service {
            let path = |name: &str| format!("/{}.{}/{name}", file.package(), service.name());
            found.extend(service.method.iter().map(|method| path(method.name())));
        }
    }
    assert!(found.len() >= 11, "{found:?}");
    found
}

/// The scope that a route of REST must need, told without the gateway's own table; none: it is open to all.
fn rest_scope(method: &Method, path: &str) -> Option<Scope> {
    match path {
        "/healthz" | "/readyz" => None,
        _ if path.starts_with("/v1/admin/") => Some(Scope::Admin),
        _ if *method == Method::POST && (path.ends_with("/rows") || path.ends_with("/events")) => Some(Scope::Write),
        _ => Some(Scope::Read),
    }
}

fn grpc_scope(path: &str) -> Option<Scope> {
    match path {
        _ if path.starts_with("/grpc.health.v1.Health/") => None,
        _ if path.contains("/Write") => Some(Scope::Write),
        _ => Some(Scope::Read),
    }
}

/// What a route answers to no key, to wrong ones and to each scope, by its answer to one key.
async fn expect_guarded(route: &str, scope: Option<Scope>, ask: impl AsyncFn(Option<&str>) -> Option<Code>) {
    for key in [None, Some(WRONG), Some("Read"), Some("")] {
        let code = ask(key).await;
        match scope {
            Some(_) => assert_eq!(code, Some(Code::Unauthenticated), "{route} {key:?}"),
            None => assert_ne!(code, Some(Code::Unauthenticated), "{route} {key:?}"),
        }
    }
    for has in Scope::ALL {
        let code = ask(Some(has.name())).await;
        if scope.is_some_and(|scope| scope != has) {
            assert_eq!(code, Some(Code::PermissionDenied), "{route} {has}");
        } else {
            let refused = [Code::Unauthenticated, Code::PermissionDenied, Code::NotFound];
            assert!(code.is_none_or(|code| !refused.contains(&code)), "{route} {has}: {code:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_needs_a_key_with_its_scope_but_the_open_list() {
    let store = Store::embedded();
    let gateway = Gateway::start_with(&store.url(), &[("auth.keys", &one_each())]);
    clients::until_ready(&gateway, true).await;
    let mut paths = BTreeMap::new();
    for (method, path, documented) in operations() {
        let scope = rest_scope(&method, &path);
        assert_eq!(documented, scope, "{method} {path}: the document says another scope");
        expect_guarded(&format!("{method} {path}"), scope, async |key| rest(&gateway, &method, &path, key).await).await;
        paths.insert(path, scope);
    }
    for path in ["/docs", "/docs/", "/docs/index.css", "/openapi.json"] {
        paths.insert(path.to_owned(), Some(Scope::Read));
        expect_guarded(path, Some(Scope::Read), async |key| rest(&gateway, &Method::GET, path, key).await).await;
    }
    for path in methods() {
        let scope = grpc_scope(&path);
        expect_guarded(&path, scope, async |key| grpc(&gateway, &path, key).await).await;
        paths.insert(path, scope);
    }
    // No path is open to another HTTP method, or to the other protocol.
    for (path, _) in paths.iter().filter(|(_, scope)| scope.is_some()) {
        for method in ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let code = rest(&gateway, &method, path, None).await;
            assert_eq!(code, Some(Code::Unauthenticated), "{method} {path}");
        }
        assert_eq!(grpc(&gateway, path, None).await, Some(Code::Unauthenticated), "{path} as gRPC");
    }
    let open: Vec<_> = paths.iter().filter(|(_, scope)| scope.is_none()).map(|(path, _)| path.as_str()).collect();
    assert_eq!(open, ["/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch", "/healthz", "/readyz"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_told_to_those_with_a_key_alone() {
    let store = Store::embedded();
    let gateway = Gateway::start_with(&store.url(), &[("auth.keys", &one_each())]);
    for path in
        ["/", "/nothing", "/v1", "/healthz/", "/v1/admin/reload/", "//healthz", "/feature_store.FeatureStore/Nothing"]
    {
        assert_eq!(rest(&gateway, &Method::GET, path, None).await, Some(Code::Unauthenticated), "{path}");
        assert_eq!(grpc(&gateway, path, None).await, Some(Code::Unauthenticated), "{path}");
        assert_eq!(rest(&gateway, &Method::GET, path, Some("write")).await, Some(Code::NotFound), "{path}");
        assert_eq!(grpc(&gateway, path, Some("write")).await, Some(Code::NotFound), "{path}");
    }
    assert_eq!(rest(&gateway, &Method::DELETE, "/v1/explain", Some("read")).await, Some(Code::MethodNotAllowed));
    // The message says what is needed.
    let response = clients::http1().post(gateway.url("/v1/admin/reload")).send().await.unwrap();
    let message = failures::of_rest(response).await.message;
    assert!(message.contains("scope admin") && message.contains("authorization: Bearer"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_counted_by_reason_and_logged_without_the_key() {
    let store = Store::embedded();
    let gateway = Gateway::start_with(&store.url(), &[("auth.keys", &one_each())]);
    let secret = "unskew_this-must-not-be-logged";
    for _ in 0..30 {
        assert_eq!(rest(&gateway, &Method::GET, "/v1/definitions", Some(secret)).await, Some(Code::Unauthenticated));
        assert_eq!(grpc(&gateway, raw::GET_ONLINE_FEATURES, None).await, Some(Code::Unauthenticated));
    }
    rest(&gateway, &Method::POST, "/v1/admin/reload", Some("read")).await;
    let malformed =
        clients::http1().get(gateway.url("/v1/definitions")).header("authorization", format!("Basic {secret}"));
    assert_eq!(malformed.send().await.unwrap().status(), 401);
    let metrics = clients::http1().get(gateway.url("/metrics")).header("authorization", bearer("read"));
    let scrape = Scrape::of(metrics.send().await.unwrap().text().await.unwrap());
    for (reason, count) in [("unknown", 30.0), ("missing", 30.0), ("scope", 1.0), ("malformed", 1.0)] {
        assert_eq!(scrape.value("unskew_auth_failures_total", &[("reason", reason)]), count, "{reason}");
    }
    assert!(scrape.requests("rest", "/v1/definitions", "UNAUTHENTICATED") >= 30.0);
    gateway.logged("a request was refused for its API key");
    let log = gateway.log_text();
    assert!(!log.contains(secret), "{log}");
    let lines = log.matches("a request was refused for its API key").count();
    assert!(lines < 62, "{lines} lines");
}

/// A configuration file that is written again and again.
struct File(tempfile::TempDir);

impl File {
    fn path(&self) -> PathBuf {
        self.0.path().join("unskew.toml")
    }

    fn write(&self, keys: &str) {
        std::fs::write(self.path(), format!("auth.keys = {keys}\n")).unwrap();
    }
}

async fn until(gateway: &Gateway, key: &str, expected: Option<Code>) {
    let start = Instant::now();
    while rest(gateway, &Method::GET, "/v1/definitions", Some(key)).await != expected {
        assert!(start.elapsed() < PATIENCE, "{key} is not {expected:?}:\n{}", gateway.log_text());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_without_a_gap_by_sighup_and_by_the_call() {
    let (file, store) = (File(tempfile::tempdir().unwrap()), Store::embedded());
    let all = [Scope::Read, Scope::Admin];
    file.write(&keys(&[("old", &all)]));
    let gateway = Gateway::start_configured(&store.url(), &file.path(), &[]);
    let mut open = clients::grpc(&gateway).await;
    let mut ask = async |key: &str| {
        let mut request = tonic::Request::new(Request::of(&["a"]).message());
        request.metadata_mut().insert("authorization", bearer(key).parse().unwrap());
        clients::ask_message(&mut open, request).await.map(drop).map_err(|failure| failure.code)
    };
    assert_eq!((ask("old").await, ask("new").await), (Ok(()), Err(Code::Unauthenticated)));
    // The new one beside the old one, then alone: clients have the time between to change.
    file.write(&keys(&[("old", &all), ("new", &all)]));
    gateway.hang_up();
    until(&gateway, "new", None).await;
    assert_eq!((ask("old").await, ask("new").await), (Ok(()), Ok(())));
    file.write(&keys(&[("new", &all)]));
    assert_eq!(rest(&gateway, &Method::POST, "/v1/admin/reload", Some("old")).await, None);
    assert_eq!((ask("old").await, ask("new").await), (Err(Code::Unauthenticated), Ok(())));
    // What is wrong is told, without what was there, and changes nothing.
    for (text, part) in [
        ("[{name = \"new\", sha256 = \"hunter2\", scopes = [\"read\"]}]", "64 hexadecimal digits"),
        ("hunter2", "not TOML"),
    ] {
        file.write(text);
        let request = clients::http1().post(gateway.url("/v1/admin/reload")).header("authorization", bearer("new"));
        let failure = failures::of_rest(request.send().await.unwrap()).await;
        assert_eq!(failure.code, Code::FailedPrecondition);
        assert!(failure.message.contains(part) && !failure.message.contains("hunter2"), "{failure:?}");
        assert_eq!((ask("old").await, ask("new").await), (Err(Code::Unauthenticated), Ok(())));
    }
    assert!(!gateway.log_text().contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_taken_out_ends_its_streams_at_their_next_batch() {
    let (file, store) = (File(tempfile::tempdir().unwrap()), Store::embedded());
    file.write(&keys(&[("writer", &[Scope::Write]), ("admin", &[Scope::Admin])]));
    let gateway = Gateway::start_configured(&store.url(), &file.path(), &[]);
    let (sender, batches) = tokio::sync::mpsc::channel(1);
    let batch = || clients::batch("{\"entity_id\":\"a\",\"x\":1}");
    sender.send(batch()).await.unwrap();
    let mut request = tonic::Request::new(tokio_stream::wrappers::ReceiverStream::new(batches));
    request.metadata_mut().insert("authorization", bearer("writer").parse().unwrap());
    let mut client = clients::grpc(&gateway).await;
    let mut answers = client.write_rows(request).await.unwrap().into_inner();
    assert_eq!(answers.message().await.unwrap().unwrap().accepted, 1);
    sender.send(batch()).await.unwrap();
    assert_eq!(answers.message().await.unwrap().unwrap().batch, 1);
    file.write(&keys(&[("other", &[Scope::Write]), ("admin", &[Scope::Admin])]));
    assert_eq!(rest(&gateway, &Method::POST, "/v1/admin/reload", Some("admin")).await, None);
    sender.send(batch()).await.unwrap();
    let failure = failures::of_grpc(&answers.message().await.unwrap_err());
    assert_eq!(failure.code, Code::Unauthenticated, "{failure:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_stay_where_a_reload_would_leave_the_gateway_open() {
    let (file, store) = (File(tempfile::tempdir().unwrap()), Store::embedded());
    file.write(&one_each());
    let gateway = Gateway::start_configured(&store.url(), &file.path(), &[("server.address", "0.0.0.0:0")]);
    file.write("[]");
    let reload = clients::http1().post(gateway.url("/v1/admin/reload")).header("authorization", bearer("admin"));
    let failure = failures::of_rest(reload.send().await.unwrap()).await;
    assert!(failure.message.contains("is not loopback"), "{failure:?}");
    assert_eq!(rest(&gateway, &Method::GET, "/v1/definitions", None).await, Some(Code::Unauthenticated));
    assert_eq!(rest(&gateway, &Method::GET, "/v1/definitions", Some("read")).await, None);
}

#[test]
fn a_public_address_needs_keys_or_client_certificates() {
    let store = Store::embedded();
    for address in ["0.0.0.0:0", "[::]:0"] {
        let output = gateway::run(&["serve"], &[("server.address", address), ("store.url", &store.url())]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{address}: {error}");
        for part in [
            "server.address",
            "not loopback",
            "key new",
            "auth.keys",
            "server.tls.client_ca_file",
            "server.insecure = true",
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
    // TLS alone shows who the gateway is, not who its clients are.
    let secure = Secure::new();
    let (certificate, key, ca) = (secure.text("certificate.pem"), secure.text("key.pem"), secure.text("ca.pem"));
    let tls = [("server.tls.certificate_file", certificate.as_str()), ("server.tls.private_key_file", &key)];
    let public = [("server.address", "0.0.0.0:0"), ("store.url", &store.url())];
    let output = gateway::run(&["serve"], &[&public[..], &tls].concat());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let keys = one_each();
    for more in [
        &[("server.insecure", "true")][..],
        &[("auth.keys", &keys)],
        &[&tls[..], &[("server.tls.client_ca_file", &ca)]].concat(),
    ] {
        let gateway = Gateway::start_with(&store.url(), &[&public[..1], more].concat());
        let warned = gateway.log_text().contains("as plain text");
        assert_eq!(warned, more[0].0 != "server.tls.certificate_file", "{}", gateway.log_text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_on_their_own_address_need_no_key() {
    let store = Store::embedded();
    let settings = [("auth.keys", &one_each()[..]), ("telemetry.metrics_address", "127.0.0.1:0")];
    let mut gateway = Gateway::start_with(&store.url(), &settings);
    let event = gateway.logged("metrics are served without a key");
    let base = format!("http://{}", event["address"].as_str().unwrap());
    let scrape = scrape_url(&format!("{base}/metrics")).await;
    assert_eq!(scrape.value("unskew_build_info", &[]), 1.0);
    for path in ["/healthz", "/v1/definitions", "/v1/online-features/a", "/"] {
        let response = clients::http1().get(format!("{base}{path}")).send().await.unwrap();
        assert_eq!(failures::of_rest(response).await.code, Code::NotFound, "{path}");
    }
    assert_eq!(rest(&gateway, &Method::GET, "/metrics", None).await, Some(Code::Unauthenticated));
    gateway.terminate();
    assert!(gateway.exit().success());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = gateway::run(
        &["serve"],
        &[("server.address", "127.0.0.1:0"), ("store.url", &store.url()), ("telemetry.metrics_address", &address)],
    );
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains(&format!("telemetry.metrics_address: could not listen on {address}")), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_nothing_is_asked() {
    let store = Store::embedded();
    let gateway = Gateway::start(&store.url());
    for key in [None, Some(WRONG)] {
        assert_eq!(rest(&gateway, &Method::GET, "/v1/definitions", key).await, None);
        assert_eq!(grpc(&gateway, "/feature_store.FeatureStore/GetDefinitions", key).await, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_works_as_it_is_printed() {
    let output = gateway::run(&["key", "new", "--name", "loader", "--scope", "write", "--scope", "read"], &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    let (key, toml) = text.split_once("\n\n").unwrap();
    assert!(key.starts_with("unskew_") && key.len() == 71 && !toml.contains(key), "{text}");
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("unskew.toml");
    std::fs::write(&config, toml).unwrap();
    let store = Store::embedded();
    let gateway = Gateway::start_configured(&store.url(), &config, &[]);
    assert_eq!(rest(&gateway, &Method::GET, "/v1/definitions", Some(key)).await, None);
    assert_eq!(rest(&gateway, &Method::POST, "/v1/admin/reload", Some(key)).await, Some(Code::PermissionDenied));
    // The command that loads files takes it from its environment.
    let rows = directory.path().join("rows.ndjson");
    std::fs::write(&rows, "{\"entity_id\":\"a\",\"x\":1}\n").unwrap();
    let address = gateway.address().to_string();
    let load = |key: &str| {
        let mut command = gateway::command(&["load", rows.to_str().unwrap(), "--address", &address], &[]);
        command.env("UNSKEW_API_KEY", key).output().unwrap()
    };
    let loaded = load(key);
    assert!(loaded.status.success(), "{loaded:?}");
    let refused = load(WRONG);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("needs an API key with the scope write"), "{refused:?}");
    let mut plain = gateway::command(&["load", rows.to_str().unwrap(), "--address", "192.0.2.1:1"], &[]);
    let plain = plain.env("UNSKEW_API_KEY", key).output().unwrap();
    let error = String::from_utf8(plain.stderr).unwrap();
    assert!(error.contains("as plain text") && !error.contains(key), "{error}");
    for bad in [&["key", "new", "--name", "a b"][..], &["key", "new", "--scope", "all"], &["key"]] {
        assert_eq!(gateway::run(bad, &[]).status.code(), Some(2), "{bad:?}");
    }
}
