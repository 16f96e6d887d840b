//! Redis through the gateway: rows of any tool, one MGET a request, TLS, secrets.

use serde_json::json;
use unskew_gateway::error::Code;

use crate::clients::{self, Request};
use crate::event_calls;
use crate::metrics::scrape;
use crate::stores::Store;
use crate::support::gateway::Gateway;
use crate::support::redis::RedisServer;

#[tokio::test]
async fn a_request_is_one_mget_and_duplicates_are_read_once() {
    let server = RedisServer::start();
    let gateway = Gateway::start(&server.url());
    clients::until_ready(&gateway, true).await;
    let ids: Vec<_> = (0..300).map(|at| format!("mget_{}", at % 100)).collect();
    let request = Request { entity_ids: ids, ..Request::default() };
    let mut grpc = clients::grpc(&gateway).await;
    server.run("CONFIG RESETSTAT");
    clients::ask(&mut grpc, &request).await.unwrap();
    clients::post(&clients::http1(), &gateway, &request).await.unwrap();
    let stats = String::from_utf8(server.command(&[b"INFO", b"commandstats"])).unwrap();
    let calls =
        |name: &str| stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{name}:"))).map(str::to_owned);
    assert!(calls("mget").is_some_and(|calls| calls.starts_with("calls=2,")), "{stats}");
    assert_eq!(calls("get"), None, "{stats}");
    let keys = String::from_utf8(server.command(&[b"INFO", b"stats"])).unwrap();
    assert!(keys.contains("keyspace_misses:200\r\n"), "duplicates were read again: {keys}");
}

#[tokio::test]
async fn all_views_of_a_service_are_one_mget() {
    let server = RedisServer::start();
    let profile = "  profile: {entity: customer, features: {age: int32}}\nservices:\n  all: {vector: [{input: customer.total_1h}, {input: terminal.risk_7d, \
                   steps: [{impute: {value: 0}}]}, {input: tiled.nb_30d}, {input: profile.age, steps: [{impute: {value: 0}}]}]}\n";
    let definitions = tempfile::tempdir().unwrap();
    let text = event_calls::DEFINITIONS.replace("services:\n", profile);
    std::fs::write(definitions.path().join("definitions.yaml"), text).unwrap();
    let settings = [("definitions.path", definitions.path().to_str().unwrap())];
    let gateway = Gateway::start_with(&server.url(), &settings);
    clients::until_ready(&gateway, true).await;
    let asked = json!({"service": "all", "entities": {"customer_id": [1, 2, 1], "region": ["a", "a", "b"], "terminal_id": [7, 7, 8]}});
    let ask = async || {
        let request = clients::http1().post(gateway.url("/v1/feature-vectors")).json(&asked);
        let reply: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(reply["vectors"], json!(vec![[0.0; 4]; 3]), "{reply}");
    };
    ask().await;
    server.run("CONFIG RESETSTAT");
    ask().await;
    let stats = String::from_utf8(server.command(&[b"INFO", b"commandstats"])).unwrap();
    // Beside these there are those of connecting.
    let kinds = ["mget:", "get:", "h", "eval", "fcall", "exists:"];
    let is_read =
        |line: &&str| line.strip_prefix("cmdstat_").is_some_and(|name| kinds.iter().any(|kind| name.starts_with(kind)));
    let reads: Vec<_> = stats.lines().filter(is_read).collect();
    assert!(matches!(reads[..], [mget] if mget.starts_with("cmdstat_mget:calls=1,")), "{stats}");
    let keys = String::from_utf8(server.command(&[b"INFO", b"stats"])).unwrap();
    // Two customers in three views, and two terminals.
    assert!(keys.contains("keyspace_misses:8\r\n"), "{keys}");
}

#[tokio::test]
async fn what_another_tool_sets_is_served_at_once() {
    let server = RedisServer::start();
    let gateway = Gateway::start(&server.url());
    clients::until_ready(&gateway, true).await;
    let mut grpc = clients::grpc(&gateway).await;
    for value in 0..50 {
        server.set(b"features:user_1", format!("{{\"feature_a\":{value}}}").as_bytes());
        let reply = clients::ask(&mut grpc, &Request::of(&["user_1"])).await.unwrap();
        assert_eq!(reply["results"]["user_1"]["features"], json!({"feature_a": format!("number {value}.0")}));
    }
    server.run("DEL features:user_1");
    let reply = clients::ask(&mut grpc, &Request::of(&["user_1"])).await.unwrap();
    assert_eq!(reply["results"]["user_1"]["status"], json!({"status": "MISSING"}));
}

#[tokio::test]
async fn tls_with_an_authority_of_one_s_own() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let server = RedisServer::start_with_tls(&made.cert.pem(), &made.signing_key.serialize_pem());
    let url = format!("rediss://localhost:{}", server.port());
    let ca_file = server.directory().join("server.crt").display().to_string();
    let gateway = Gateway::start_with(&url, &[("store.redis.ca_file", &ca_file)]);
    clients::until_ready(&gateway, true).await;
    clients::write_rest(&clients::http1(), &gateway, "{\"entity_id\":\"tls\",\"x\":1}").await.unwrap();
    let reply = clients::ask(&mut clients::grpc(&gateway).await, &Request::of(&["tls"])).await.unwrap();
    assert_eq!(reply["results"]["tls"]["features"], json!({"x": "number 1.0"}));
    while scrape(&gateway).await.value("unskew_store_connections_up", &[]) < 4.0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    // Without the authority the server is not trusted, and the reply says so.
    let other = Gateway::start(&url);
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    let failure = clients::post(&clients::http1(), &other, &Request::of(&["tls"])).await.unwrap_err();
    assert_eq!(failure.code, Code::Unavailable);
    assert!(failure.message.contains("certificate"), "{failure:?}");
}

#[tokio::test]
async fn passwords_are_used_and_never_shown() {
    let server = RedisServer::start_with(&["--requirepass", "right-hunter2"]);
    let port = server.port();
    let ready = Gateway::start_with(&format!("redis://127.0.0.1:{port}"), &[("store.redis.password", "right-hunter2")]);
    clients::until_ready(&ready, true).await;
    let in_url = Gateway::start(&format!("redis://:right-hunter2@127.0.0.1:{port}"));
    clients::until_ready(&in_url, true).await;
    let wrong = Gateway::start(&format!("redis://:wrong-hunter2@127.0.0.1:{port}"));
    let failure = loop {
        let failure = clients::post(&clients::http1(), &wrong, &Request::of(&["a"])).await.unwrap_err();
        if failure.message.contains("refused") {
            break failure;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert_eq!(failure.code, Code::Unavailable);
    assert!(failure.message.contains("the user or the password is wrong"), "{failure:?}");
    let ready_page = clients::http1().get(wrong.url("/readyz")).send().await.unwrap().text().await.unwrap();
    for text in [&failure.message, &ready_page, &wrong.log_text(), &ready.log_text(), &in_url.log_text()] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert!(scrape(&wrong).await.value("unskew_store_errors_total", &[("kind", "refused")]) >= 1.0);
    drop(Store::Redis(server));
}
