//! More requests than the gateway takes: what is too much is refused at once on both protocols, probes are not, and it recovers by itself.

use std::time::{Duration, Instant};

use serde_json::json;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use unskew_gateway::error::Code;

use crate::clients::{self, Request};
use crate::failures;
use crate::metrics;
use crate::support::gateway::Gateway;
use crate::support::redis::RedisServer;

const LIMIT: usize = 4;
/// How long a refusal may take on a busy machine: far less than what the requests before it wait for.
const AT_ONCE: Duration = Duration::from_secs(2);

/// A gateway whose requests wait for as long as its Redis is paused.
async fn patient(redis: &RedisServer) -> Gateway {
    let settings = [
        ("limits.max_in_flight", "4"),
        ("store.timeout", "20s"),
        ("store.write_timeout", "20s"),
        ("server.default_deadline", "25s"),
        ("store.redis.unresponsive_timeout", "30s"),
    ];
    let gateway = Gateway::start_with(&redis.url(), &settings);
    clients::until_ready(&gateway, true).await;
    gateway
}

/// Waits until so many requests of gRPC are worked on.
async fn until_in_flight(gateway: &Gateway, expected: f64) {
    let start = Instant::now();
    while metrics::scrape(gateway).await.value("unskew_requests_in_flight", &[("protocol", "grpc")]) != expected {
        assert!(start.elapsed() < Duration::from_secs(10), "not {expected} in flight");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_is_refused_at_once_and_probes_are_not() {
    let redis = RedisServer::start();
    redis.set(b"features:a", b"{\"x\":1}");
    let gateway = patient(&redis).await;
    let (http, grpc) = (clients::http1(), clients::grpc(&gateway).await);
    let request = Request::of(&["a"]);
    redis.pause();
    let waiting: Vec<_> = (0..LIMIT)
        .map(|_| {
            let (mut client, request) = (grpc.clone(), request.clone());
            tokio::spawn(async move { clients::ask(&mut client, &request).await })
        })
        .collect();
    until_in_flight(&gateway, 4.0).await;

    let start = Instant::now();
    let rest = clients::post(&http, &gateway, &request).await.unwrap_err();
    let refused = clients::ask(&mut grpc.clone(), &request).await.unwrap_err();
    let write = clients::write_rest(&http, &gateway, "{\"entity_id\":\"a\",\"x\":2}").await.unwrap_err();
    for failure in [&rest, &refused, &write] {
        assert_eq!(failure.code, Code::Overloaded, "{failure:?}");
        assert!(failure.message.contains("limits.max_in_flight"), "{failure:?}");
    }
    let response =
        http.post(gateway.url("/v1/online-features")).json(&json!({"entity_ids": ["a"]})).send().await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (429, &"1".parse().unwrap()));
    let status = grpc.clone().get_online_features(request.message()).await.unwrap_err();
    assert_eq!(
        (status.code(), status.metadata().get("retry-after-ms").unwrap().to_str().unwrap()),
        (tonic::Code::ResourceExhausted, "100")
    );
    assert_eq!(failures::of_grpc(&status).code, Code::Overloaded);
    assert!(start.elapsed() < AT_ONCE, "took {:?}", start.elapsed());

    // Probes and Prometheus are answered.
    assert!(http.get(gateway.url("/healthz")).send().await.unwrap().status().is_success());
    let check = HealthCheckRequest { service: String::new() };
    HealthClient::new(clients::channel(&gateway).await).check(check).await.unwrap();
    let scrape = metrics::scrape(&gateway).await;
    let refused = scrape.value("unskew_request_duration_seconds_count", &[("code", "OVERLOADED")]);
    assert_eq!(refused, 5.0);

    redis.go_on();
    for answer in waiting {
        assert_eq!(answer.await.unwrap().unwrap()["results"]["a"]["features"], json!({"x": "number 1.0"}));
    }
    // Nothing holds a place any more, not even clients that went away.
    redis.pause();
    let gone: Vec<_> = (0..LIMIT)
        .map(|_| {
            let (mut client, request) = (grpc.clone(), request.clone());
            tokio::spawn(async move { clients::ask(&mut client, &request).await })
        })
        .collect();
    until_in_flight(&gateway, 4.0).await;
    gone.iter().for_each(tokio::task::JoinHandle::abort);
    until_in_flight(&gateway, 0.0).await;
    redis.go_on();
    for _ in 0..2 * LIMIT {
        clients::ask(&mut grpc.clone(), &request).await.unwrap();
        clients::post(&http, &gateway, &request).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_too_many_together_are_refused_at_once() {
    let redis = RedisServer::start();
    redis.set(b"features:a", b"{\"x\":1}");
    let settings = [
        ("limits.max_lookups_in_flight", "4"),
        ("store.timeout", "20s"),
        ("server.default_deadline", "25s"),
        ("store.redis.unresponsive_timeout", "30s"),
    ];
    let gateway = Gateway::start_with(&redis.url(), &settings);
    clients::until_ready(&gateway, true).await;
    let grpc = clients::grpc(&gateway).await;
    redis.pause();
    // Alone it may have more than the limit.
    let (mut client, large) = (grpc.clone(), Request::of(&["a", "b", "c", "d", "e"]));
    let waiting = tokio::spawn(async move { clients::ask(&mut client, &large).await });
    until_in_flight(&gateway, 1.0).await;
    let start = Instant::now();
    loop {
        let (mut client, small) = (grpc.clone(), Request::of(&["a"]));
        // The first to come may be this one.
        let answer = tokio::time::timeout(Duration::from_millis(500), clients::ask(&mut client, &small)).await;
        if let Ok(answer) = answer {
            let failure = answer.unwrap_err();
            assert_eq!(failure.code, Code::Overloaded, "{failure:?}");
            assert!(failure.message.contains("limits.max_lookups_in_flight, 4"), "{failure:?}");
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "nothing is refused");
    }
    redis.go_on();
    assert_eq!(waiting.await.unwrap().unwrap()["results"]["a"]["features"], json!({"x": "number 1.0"}));
    clients::ask(&mut grpc.clone(), &Request::of(&["a"])).await.unwrap();
}
