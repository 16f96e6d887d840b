//! SIGTERM: not ready, drain, exit 0, and nothing acknowledged is lost.

use std::time::{Duration, Instant};

use serde_json::json;
use tonic::transport::Channel;
use unskew_gateway::api::feature_store_client::FeatureStoreClient;
use unskew_gateway::error::Code;

use crate::clients::{self, Request};
use crate::failures;
use crate::load::{self, Acknowledged, Stop};
use crate::stores::Store;
use crate::support::gateway::Gateway;

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_gateway_ends_at_once_even_with_connections_open() {
    for store in Store::both() {
        let mut gateway = Gateway::start(&store.url());
        clients::until_ready(&gateway, true).await;
        let (http, mut grpc) = (clients::http1(), clients::grpc(&gateway).await);
        clients::post(&http, &gateway, &Request::of(&["a"])).await.unwrap();
        clients::ask(&mut grpc, &Request::of(&["a"])).await.unwrap();
        let silent = std::net::TcpStream::connect(gateway.address()).unwrap();
        let start = Instant::now();
        gateway.terminate();
        assert_eq!(gateway.exit().code(), Some(0), "{}", gateway.log_text());
        let took = start.elapsed();
        println!("{}: idle, ended after {took:?}", store.name());
        assert!(took < Duration::from_secs(5), "{took:?}");
        gateway.logged("stopped");
        drop(silent);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_gateway_ends_at_once() {
    let store = Store::embedded();
    let mut gateway = Gateway::start_with(&store.url(), &[("server.max_connections", "2")]);
    let (mut first, mut second) = (clients::grpc(&gateway).await, clients::grpc(&gateway).await);
    clients::ask(&mut first, &Request::of(&["a"])).await.unwrap();
    clients::ask(&mut second, &Request::of(&["a"])).await.unwrap();
    // One too many waits in the queue of the operating system, and is not answered.
    let mut third = std::net::TcpStream::connect(gateway.address()).unwrap();
    std::io::Write::write_all(&mut third, b"GET /healthz HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").unwrap();
    third.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(std::io::Read::read(&mut third, &mut [0]).is_err());
    drop(first);
    third.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut third, &mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // Full again.
    let mut fourth = clients::grpc(&gateway).await;
    clients::ask(&mut fourth, &Request::of(&["a"])).await.unwrap();
    let start = Instant::now();
    gateway.terminate();
    assert_eq!(gateway.exit().code(), Some(0), "{}", gateway.log_text());
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_the_health_is_told_of_the_end() {
    let store = Store::embedded();
    let mut gateway = Gateway::start(&store.url());
    let mut health = tonic_health::pb::health_client::HealthClient::new(clients::channel(&gateway).await);
    let asked = tonic_health::pb::HealthCheckRequest::default();
    let mut watched = health.watch(asked).await.unwrap().into_inner();
    watched.message().await.unwrap();
    let start = Instant::now();
    gateway.terminate();
    while let Ok(Some(_)) = watched.message().await {}
    assert_eq!(gateway.exit().code(), Some(0), "{}", gateway.log_text());
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_reflection_that_is_held_open_ends_with_the_gateway() {
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;

    let store = Store::embedded();
    let mut gateway = Gateway::start(&store.url());
    let mut client = ServerReflectionClient::new(clients::channel(&gateway).await);
    let question = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let questions = tokio_stream::StreamExt::chain(tokio_stream::once(question), tokio_stream::pending());
    let mut answers = client.server_reflection_info(questions).await.unwrap().into_inner();
    assert!(answers.message().await.unwrap().is_some());
    let start = Instant::now();
    gateway.terminate();
    assert!(answers.message().await.unwrap().is_none());
    assert_eq!(gateway.exit().code(), Some(0), "{}", gateway.log_text());
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn not_ready_but_serving_during_the_delay() {
    let store = Store::embedded();
    let mut gateway = Gateway::start_with(&store.url(), &[("shutdown.delay", "3s")]);
    let (http, mut grpc) = (clients::http1(), clients::grpc(&gateway).await);
    let channel = clients::channel(&gateway).await;
    gateway.terminate();
    gateway.logged("stopping");
    clients::until_ready(&gateway, false).await;
    let failure = failures::of_rest(http.get(gateway.url("/readyz")).send().await.unwrap()).await;
    assert_eq!((failure.code, failure.message.as_str()), (Code::Unavailable, "the gateway is stopping"));
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel);
    let start = Instant::now();
    loop {
        let status = health.check(tonic_health::pb::HealthCheckRequest::default()).await.unwrap().into_inner().status();
        if status == tonic_health::pb::health_check_response::ServingStatus::NotServing {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(1), "grpc.health says {status:?}");
    }
    clients::post(&http, &gateway, &Request::of(&["a"])).await.unwrap();
    clients::ask(&mut grpc, &Request::of(&["a"])).await.unwrap();
    clients::http1().get(gateway.url("/healthz")).send().await.unwrap().error_for_status().unwrap();
    assert_eq!(gateway.exit().code(), Some(0));
    assert!(std::net::TcpStream::connect(gateway.address()).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_flight_are_answered() {
    let store = Store::redis();
    let Store::Redis(server) = &store else { unreachable!() };
    server.set(b"features:a", b"{\"x\":1}");
    let settings =
        [("store.timeout", "10s"), ("server.default_deadline", "20s"), ("store.redis.unresponsive_timeout", "20s")];
    let mut gateway = Gateway::start_with(&store.url(), &settings);
    clients::until_ready(&gateway, true).await;
    let (http, mut grpc) = (clients::http1(), clients::grpc(&gateway).await);
    server.pause();
    let (request, url) = (Request::of(&["a"]), gateway.url("/v1/online-features"));
    let again = request.clone();
    let rest = tokio::spawn(async move { clients::post_to(&http, &url, &again).await });
    let grpc = tokio::spawn(async move { clients::ask(&mut grpc, &request).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    gateway.terminate();
    gateway.logged("stopping");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(gateway.is_alive(), "ended before its requests were answered");
    assert!(std::net::TcpStream::connect(gateway.address()).is_err(), "takes new connections while it drains");
    server.go_on();
    for answer in [rest.await.unwrap(), grpc.await.unwrap()] {
        assert_eq!(answer.unwrap()["results"]["a"]["features"], json!({"x": "number 1.0"}));
    }
    assert_eq!(gateway.exit().code(), Some(0), "{}", gateway.log_text());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_under_load() {
    for store in Store::both() {
        let mut gateway = Gateway::start_with(&store.url(), &[("shutdown.timeout", "30s")]);
        clients::until_ready(&gateway, true).await;
        let stop = Stop::default();
        let mut writers = vec![load::write_rest(&gateway, "stop_rest".to_owned(), &stop)];
        for writer in 0..2 {
            // These never end by themselves: the gateway ends them between two batches.
            writers.push(load::write_stream(&gateway, format!("stop_stream_{writer}"), &stop).await);
        }
        let reader = tokio::spawn(read_until_gone(clients::grpc(&gateway).await));
        tokio::time::sleep(Duration::from_millis(400)).await;
        let start = Instant::now();
        gateway.terminate();
        assert_eq!(gateway.exit().code(), Some(0), "{}", gateway.log_text());
        println!("{}: under load, ended after {:?}", store.name(), start.elapsed());
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        stop.now();
        let reads = reader.await.unwrap();
        println!("{}: {reads} reads", store.name());
        assert!(reads > 10, "{reads}");
        let mut acknowledged = Acknowledged::new();
        for writer in writers {
            acknowledged.extend(writer.await.unwrap());
        }
        assert!(acknowledged.len() > 100, "{}", acknowledged.len());
        let gateway = Gateway::start(&store.url());
        clients::until_ready(&gateway, true).await;
        load::check(&gateway, &acknowledged).await;
    }
}

/// Reads until there is no gateway any more; what it answered until then was right. Gives how many answers there were.
async fn read_until_gone(mut client: FeatureStoreClient<Channel>) -> usize {
    let mut answers = 0;
    loop {
        match client.get_online_features(Request::of(&["a"]).message()).await {
            Ok(reply) => assert_eq!(reply.into_inner().results.len(), 1),
            // An answer of the gateway names its code; the client's own word for a closed port does not.
            Err(status) if status.metadata().contains_key("error-code") => panic!("{status:?}"),
            Err(_) => return answers,
        }
        answers += 1;
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}
