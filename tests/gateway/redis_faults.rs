//! Redis that is not up yet, paused, killed and started again, under load over both protocols.

use std::time::{Duration, Instant};

use serde_json::json;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use unskew_gateway::error::Code;

use crate::clients::{self, Request};
use crate::load::{self, Acknowledged, Call, Stop};
use crate::support::gateway::Gateway;
use crate::support::redis::RedisServer;

/// What a busy machine may add to a deadline.
const SLACK: Duration = Duration::from_secs(2);

async fn until_health(gateway: &Gateway, expected: ServingStatus) {
    let mut health = HealthClient::new(clients::channel(gateway).await);
    let start = Instant::now();
    loop {
        let request = HealthCheckRequest { service: "feature_store.FeatureStore".to_owned() };
        if health.check(request).await.unwrap().into_inner().status == expected as i32 {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "grpc.health did not become {expected:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Asks until the gateway answers, and gives the time that this took.
async fn serves_again(gateway: &Gateway) -> Duration {
    let mut client = clients::grpc(gateway).await;
    let start = Instant::now();
    while clients::ask(&mut client, &Request::of(&["a"])).await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(3), "does not serve 3 s after redis is back");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    start.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_up_before_its_redis() {
    let mut server = RedisServer::stopped();
    let gateway = Gateway::start(&server.url());
    until_health(&gateway, ServingStatus::NotServing).await;
    let (http, mut grpc) = (clients::http1(), clients::grpc(&gateway).await);
    for _ in 0..5 {
        let start = Instant::now();
        let request = Request::of(&["a"]);
        let rest = clients::post(&http, &gateway, &request).await.unwrap_err();
        let grpc = clients::ask(&mut grpc, &request).await.unwrap_err();
        let write = clients::write_rest(&http, &gateway, "{\"entity_id\":\"a\",\"x\":1}").await.unwrap_err();
        assert_eq!([rest.code, grpc.code, write.code], [Code::Unavailable; 3], "{rest:?} {grpc:?} {write:?}");
        assert!(start.elapsed() < SLACK, "took {:?}", start.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let ready = http.get(gateway.url("/readyz")).send().await.unwrap();
    assert_eq!(crate::failures::of_rest(ready).await.code, Code::Unavailable);
    server.up();
    println!("serves {:?} after redis came up", serves_again(&gateway).await);
    clients::until_ready(&gateway, true).await;
    until_health(&gateway, ServingStatus::Serving).await;
    clients::write_rest(&http, &gateway, "{\"entity_id\":\"a\",\"x\":1}").await.unwrap();
}

struct Running {
    stop: Stop,
    readers: Vec<tokio::task::JoinHandle<Vec<Call>>>,
    writers: Vec<tokio::task::JoinHandle<Acknowledged>>,
}

const DEADLINE: Duration = Duration::from_secs(1);
/// Shorter than the store's own time-out.
const SHORT: Duration = Duration::from_millis(60);

impl Running {
    async fn start(gateway: &Gateway) -> Self {
        let (stop, request) = (Stop::default(), Request::of(&["a", "b"]));
        let readers = vec![
            load::read_rest(gateway, &request, &stop),
            load::read_grpc(gateway, &request, DEADLINE, &stop).await,
            load::read_grpc(gateway, &request, SHORT, &stop).await,
        ];
        let writers = vec![
            load::write_rest(gateway, "fault_rest".to_owned(), &stop),
            load::write_stream(gateway, "fault_stream".to_owned(), &stop).await,
        ];
        Self { stop, readers, writers }
    }

    /// Stops, checks every read, and gives how many were answered and how many failed, and the acknowledged rows.
    async fn end(self, may_be_missing: bool) -> (usize, usize, Acknowledged) {
        self.stop.now();
        let (mut answered, mut failed) = (0, 0);
        for (at, reader) in self.readers.into_iter().enumerate() {
            let deadline = [DEADLINE, DEADLINE, SHORT][at];
            for call in reader.await.unwrap() {
                assert!(call.took < deadline + SLACK, "a call took {:?}: {:?}", call.took, call.answer);
                match call.answer {
                    Ok(reply) => {
                        answered += 1;
                        for (id, value) in [("a", "number 1.0"), ("b", "number 2.0")] {
                            let row = &reply["results"][id];
                            let right = row["features"] == json!({"x": value});
                            let missing = may_be_missing && row["status"] == json!({"status": "MISSING"});
                            assert!(right || missing, "a wrong value: {reply}");
                        }
                    }
                    Err(failure) => {
                        failed += 1;
                        let allowed = failure.code == Code::Unavailable
                            || deadline == SHORT && failure.code == Code::DeadlineExceeded;
                        assert!(allowed, "{failure:?} with a deadline of {deadline:?}");
                    }
                }
            }
        }
        let mut acknowledged = Acknowledged::new();
        for writer in self.writers {
            acknowledged.extend(writer.await.unwrap());
        }
        (answered, failed, acknowledged)
    }
}

fn fill(server: &RedisServer) {
    server.set(b"features:a", b"{\"x\":1}");
    server.set(b"features:b", b"{\"x\":2}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_paused_under_load() {
    let server = RedisServer::start();
    fill(&server);
    let gateway = Gateway::start(&server.url());
    clients::until_ready(&gateway, true).await;
    let running = Running::start(&gateway).await;
    for pause in [100, 700, 2500] {
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.pause();
        if pause > 1000 {
            clients::until_ready(&gateway, false).await;
            until_health(&gateway, ServingStatus::NotServing).await;
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
        server.go_on();
        println!("serves {:?} after a pause of {pause} ms", serves_again(&gateway).await);
    }
    clients::until_ready(&gateway, true).await;
    until_health(&gateway, ServingStatus::Serving).await;
    let (answered, failed, acknowledged) = running.end(false).await;
    println!("answered {answered}, failed {failed}, acknowledged {} rows", acknowledged.len());
    assert!(answered > 100 && failed > 5 && acknowledged.len() > 100, "{answered} {failed} {}", acknowledged.len());
    load::check(&gateway, &acknowledged).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_killed_and_started_again_under_load() {
    let mut server = RedisServer::start();
    fill(&server);
    let mut gateway = Gateway::start(&server.url());
    clients::until_ready(&gateway, true).await;
    let running = Running::start(&gateway).await;
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.kill();
        clients::until_ready(&gateway, false).await;
        until_health(&gateway, ServingStatus::NotServing).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.up();
        println!("serves {:?} after redis came back", serves_again(&gateway).await);
        // The new server is empty.
        fill(&server);
    }
    clients::until_ready(&gateway, true).await;
    until_health(&gateway, ServingStatus::Serving).await;
    let (answered, failed, _) = running.end(true).await;
    println!("answered {answered}, failed {failed}");
    assert!(answered > 100 && failed > 5, "{answered} {failed}");
    assert!(gateway.is_alive() && !gateway.log_text().contains("panicked"));
    assert_eq!(gateway.logged("store did not answer")["store"], "redis");
}
