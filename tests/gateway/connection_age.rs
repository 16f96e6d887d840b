//! Connections that reach their age: they end without a lost request, and streams that go on are told why.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tokio_stream::StreamExt;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use unskew_gateway::api::feature_store_client::FeatureStoreClient;
use unskew_gateway::error::Code;

use crate::clients::{self, Request};
use crate::failures;
use crate::load::{self, Stop};
use crate::metrics::scrape;
use crate::raw;
use crate::stores::Store;
use crate::support::gateway::Gateway;

const PATIENCE: Duration = Duration::from_secs(30);

async fn aged(gateway: &Gateway, result: &str) -> f64 {
    scrape(gateway).await.value("unskew_connections_aged_total", &[("result", result)])
}

async fn until_aged(gateway: &Gateway, result: &str, count: f64) {
    let start = Instant::now();
    while aged(gateway, result).await < count {
        assert!(start.elapsed() < PATIENCE, "not {count} connections {result}:\n{}", gateway.log_text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_lost_when_connections_end() {
    let store = Store::embedded();
    let settings = [("server.max_connection_age", "400ms"), ("server.max_connection_age_grace", "30s")];
    let gateway = Gateway::start_with(&store.url(), &settings);
    let (stop, request) = (Stop::default(), Request::of(&["a"]));
    // Each keeps its connection for as long as the gateway lets it.
    let (mut rest, mut grpc) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        rest.push(load::read_rest(&gateway, &request, &stop));
        grpc.push(tokio::spawn(ask_on(clients::grpc(&gateway).await, stop.clone())));
    }
    until_aged(&gateway, "finished", 24.0).await;
    stop.now();
    for caller in rest {
        let calls = caller.await.unwrap();
        assert!(calls.len() > 10, "{} calls", calls.len());
        for call in calls {
            call.answer.unwrap();
        }
    }
    let mut answered = 0.0;
    for caller in grpc {
        answered += caller.await.unwrap();
    }
    let scrape = scrape(&gateway).await;
    let requests = |code| scrape.requests("grpc", raw::GET_ONLINE_FEATURES, code);
    assert!(answered > 30.0, "{answered} answers");
    assert_eq!((requests("OK"), requests("CANCELLED")), (answered, 0.0));
    assert_eq!(aged(&gateway, "cut").await, 0.0);
}

/// Asks until told to stop, and counts the answers. This client opens streams even after GOAWAY, until the connection is closed, and then says
/// that they failed, though nothing was done of them: grpc-core sends such calls again unasked. What the gateway has counted tells whether
/// it answered anything that did not arrive.
async fn ask_on(mut client: FeatureStoreClient<Channel>, stop: Stop) -> f64 {
    let mut answered = 0.0;
    while !stop.is_told() {
        match client.get_online_features(Request::of(&["a"]).message()).await {
            Ok(_) => answered += 1.0,
            Err(status) => assert!(!status.metadata().contains_key("error-code"), "{status:?}"),
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    answered
}

#[tokio::test(flavor = "multi_thread")]
async fn http_1_ends_with_the_next_reply_or_once_it_is_not_used() {
    let store = Store::embedded();
    let settings = [("server.max_connection_age", "300ms"), ("server.max_connection_age_grace", "1s")];
    let gateway = Gateway::start_with(&store.url(), &settings);
    let mut stream = TcpStream::connect(gateway.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let ask = |stream: &mut TcpStream| {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: h\r\n\r\n").unwrap();
        let mut reply = Vec::new();
        while !reply.ends_with(b"ok\n") {
            let mut byte = [0];
            assert_eq!(stream.read(&mut byte).unwrap(), 1, "{}", reply.escape_ascii());
            reply.push(byte[0]);
        }
        String::from_utf8(reply).unwrap().contains("connection: close")
    };
    let start = Instant::now();
    while !ask(&mut stream) {
        assert!(start.elapsed() < PATIENCE, "the connection does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(start.elapsed() >= Duration::from_millis(250), "{:?}", start.elapsed());
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "it stays open");
    let mut idle = TcpStream::connect(gateway.address()).unwrap();
    idle.set_read_timeout(Some(PATIENCE)).unwrap();
    let start = Instant::now();
    assert!(!ask(&mut idle) || start.elapsed() > Duration::from_millis(250));
    assert_eq!(idle.read(&mut [0]).unwrap(), 0);
    assert!(start.elapsed() >= Duration::from_millis(1_200), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_told_where_to_go_on_and_those_that_do_not_end_are_cut() {
    let store = Store::embedded();
    let settings = [("server.max_connection_age", "300ms"), ("server.max_connection_age_grace", "500ms")];
    let gateway = Gateway::start_with(&store.url(), &settings);
    let mut writer = clients::grpc(&gateway).await;
    let (sender, batches) = tokio::sync::mpsc::channel(1);
    sender.send(clients::batch("{\"entity_id\":\"a\",\"x\":1}")).await.unwrap();
    let batches = tokio_stream::wrappers::ReceiverStream::new(batches);
    let mut answers = writer.write_rows(batches).await.unwrap().into_inner();
    assert_eq!(answers.message().await.unwrap().unwrap().accepted, 1);
    let failure = failures::of_grpc(&answers.message().await.unwrap_err());
    assert_eq!(failure.code, Code::Unavailable);
    let told = "the connection is old (server.max_connection_age): send batch 1 and what follows on another connection";
    assert_eq!(failure.message, told);
    // The same client goes on, by another connection, once it has seen the end of this one.
    let start = Instant::now();
    while writer.get_online_features(Request::of(&["a"]).message()).await.is_err() {
        assert!(start.elapsed() < PATIENCE, "the client does not connect again");
    }

    // This stream has no end.
    let mut health = HealthClient::new(clients::channel(&gateway).await);
    let mut watched = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    let start = Instant::now();
    let mut last = watched.next().await;
    while let Some(Ok(_)) = last {
        last = watched.next().await;
    }
    assert!(start.elapsed() >= Duration::from_millis(1_200), "{:?}", start.elapsed());
    assert!(last.is_none_or(|status| status.is_err()));
    until_aged(&gateway, "cut", 1.0).await;
    assert!(gateway.log_text().contains("server.max_connection_age_grace"), "{}", gateway.log_text());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_age_connections_stay() {
    let store = Store::embedded();
    let gateway = Gateway::start_with(&store.url(), &[("server.max_connection_age", "0s")]);
    let mut client = clients::grpc(&gateway).await;
    clients::ask(&mut client, &Request::of(&["a"])).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    clients::ask(&mut client, &Request::of(&["a"])).await.unwrap();
    assert_eq!(aged(&gateway, "finished").await, 0.0);
}
