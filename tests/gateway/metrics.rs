//! Metrics: what they count, and that no client chooses a label.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use reqwest::Method;
use unskew_gateway::error::Code;
use unskew_gateway::telemetry::labels::METHODS;

use crate::clients::{self, Request};
use crate::raw;
use crate::stores::Store;
use crate::support::gateway::Gateway;

/// One reading of `/metrics`.
pub struct Scrape(String);

/// Reads `/metrics`.
pub async fn scrape(gateway: &Gateway) -> Scrape {
    scrape_url(&gateway.url("/metrics")).await
}

/// The same by its URL.
pub async fn scrape_url(url: &str) -> Scrape {
    let response = clients::http1().get(url).send().await.unwrap();
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
    Scrape(response.text().await.unwrap())
}

impl Scrape {
    /// A reading that was made otherwise.
    pub fn of(text: String) -> Self {
        Self(text)
    }

    /// Every sample: name, labels and value.
    fn samples(&self) -> impl Iterator<Item = (&str, Vec<(&str, &str)>, f64)> {
        self.0.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let labels = labels.trim_end_matches('}').split("\",").filter(|label| !label.is_empty());
            let label = |label: &'_ str| -> (usize, usize) { (label.find('=').unwrap(), label.len()) };
            let labels = labels.map(|text| (&text[..label(text).0], text[label(text).0 + 1..].trim_matches('"')));
            (name, labels.collect(), value.parse().unwrap())
        })
    }

    /// The sum over all series of a name that have these labels.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let fits = |found: &[(&str, &str)]| labels.iter().all(|label| found.contains(label));
        self.samples().filter(|(found, with, _)| *found == name && fits(with)).map(|(_, _, value)| value).sum()
    }

    /// How many requests ended so.
    pub fn requests(&self, protocol: &str, method: &str, code: &str) -> f64 {
        let labels = [("protocol", protocol), ("method", method), ("code", code)];
        self.value("unskew_request_duration_seconds_count", &labels)
    }

    fn in_flight(&self, protocol: &str) -> f64 {
        self.value("unskew_requests_in_flight", &[("protocol", protocol)])
    }
}

/// The gauge of requests in flight falls to nothing but the one that reads it.
async fn until_idle(gateway: &Gateway) {
    let start = Instant::now();
    loop {
        let scrape = scrape(gateway).await;
        let (grpc, rest) = (scrape.in_flight("grpc"), scrape.in_flight("rest"));
        if (grpc, rest) == (0.0, 1.0) {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "in flight: grpc {grpc}, rest {rest}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_stays_in_flight_after_answers_errors_and_clients_that_go_away() {
    let store = Store::redis();
    let settings =
        [("store.timeout", "10s"), ("server.default_deadline", "20s"), ("store.redis.unresponsive_timeout", "20s")];
    let gateway = Gateway::start_with(&store.url(), &settings);
    clients::until_ready(&gateway, true).await;
    let (http, grpc) = (clients::http1(), clients::grpc(&gateway).await);
    for ids in [&["a", "b"][..], &[]] {
        let request = Request::of(ids);
        assert_eq!(clients::post(&http, &gateway, &request).await.is_ok(), !ids.is_empty());
        assert_eq!(clients::ask(&mut grpc.clone(), &request).await.is_ok(), !ids.is_empty());
    }
    raw::failure(&gateway, "/nothing/Nothing", &[], Vec::new()).await;
    until_idle(&gateway).await;
    // Clients that go away while the store is silent.
    let Store::Redis(server) = &store else { unreachable!() };
    server.pause();
    let patience = Duration::from_millis(300);
    let request = Request::of(&["a"]);
    for _ in 0..3 {
        let mut one = grpc.clone();
        let rest = clients::http1();
        let asked = (clients::ask(&mut one, &request), clients::post(&rest, &gateway, &request));
        assert!(tokio::time::timeout(patience, async { tokio::join!(asked.0, asked.1) }).await.is_err());
    }
    let mut writer = grpc.clone();
    let (sender, batches) = tokio::sync::mpsc::channel(1);
    sender.send(clients::batch("{\"entity_id\":\"a\",\"x\":1}")).await.unwrap();
    let stream = writer.write_rows(tokio_stream::wrappers::ReceiverStream::new(batches)).await.unwrap();
    assert!(scrape(&gateway).await.in_flight("grpc") >= 1.0);
    drop((stream, sender));
    until_idle(&gateway).await;
    let scrape = scrape(&gateway).await;
    assert_eq!(scrape.requests("grpc", raw::GET_ONLINE_FEATURES, "CANCELLED"), 3.0);
    assert_eq!(scrape.requests("rest", "/v1/online-features", "CANCELLED"), 3.0);
    assert_eq!(scrape.requests("grpc", raw::WRITE_ROWS, "CANCELLED"), 1.0);
    server.go_on();
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_say_what_was_asked_found_and_written() {
    let store = Store::embedded();
    let values: [(&str, &[u8]); 3] = [
        ("m_present", b"{\"a\":1,\"b\":null}"),
        ("m_broken", b"oops"),
        ("m_newer", b"{\"__event_time\":99999999999999999,\"a\":1}"),
    ];
    store.set(values.into_iter()).await;
    let gateway = Gateway::start(&store.url());
    let (http, mut grpc) = (clients::http1(), clients::grpc(&gateway).await);
    let request = Request::of(&["m_present", "m_broken", "m_newer", "m_nobody", ""]).named(&["a", "b", "c"]);
    clients::ask(&mut grpc, &request).await.unwrap();
    clients::post(&http, &gateway, &request).await.unwrap();
    clients::get(&http, &gateway, &Request::of(&["m_present"])).await.unwrap();
    clients::post(&http, &gateway, &Request::of(&[])).await.unwrap_err();
    let ndjson = "{\"entity_id\":\"w\",\"x\":1}\nnope\n{\"entity_id\":\"v\",\"x\":1}";
    clients::write_rest(&http, &gateway, ndjson).await.unwrap();
    clients::write_grpc(&mut grpc, vec![clients::batch(ndjson)]).await;
    let found = scrape(&gateway).await;
    let counted = |name: &str, label: &str, value: &str| found.value(name, &[(label, value)]);
    let entities =
        ["PRESENT", "MISSING", "ERROR", "NULL"].map(|status| counted("unskew_entities_total", "status", status));
    assert_eq!(entities, [3.0, 2.0, 6.0, 0.0]);
    let features =
        ["PRESENT", "NULL", "MISSING", "ERROR"].map(|status| counted("unskew_features_total", "status", status));
    assert_eq!(features, [3.0, 3.0, 2.0 + 6.0, 18.0]);
    let errors = ["UNDECODABLE", "NEWER_THAN_AS_OF", "BAD_KEY", "STORE"];
    assert_eq!(errors.map(|reason| counted("unskew_entity_errors_total", "reason", reason)), [2.0, 2.0, 2.0, 0.0]);
    assert_eq!(["accepted", "bad"].map(|result| counted("unskew_rows_written_total", "result", result)), [4.0, 2.0]);
    assert_eq!(found.requests("grpc", raw::GET_ONLINE_FEATURES, "OK"), 1.0);
    assert_eq!(found.requests("grpc", raw::WRITE_ROWS, "OK"), 1.0);
    assert_eq!(found.requests("rest", "/v1/online-features", "OK"), 1.0);
    assert_eq!(found.requests("rest", "/v1/online-features", "INVALID_ARGUMENT"), 1.0);
    assert_eq!(found.requests("rest", "/v1/online-features/{entity_id}", "OK"), 1.0);
    assert_eq!(found.requests("rest", "/v1/views/{view}/rows", "OK"), 1.0);
    for stage in ["decode", "store", "encode"] {
        assert_eq!(found.value("unskew_stage_duration_seconds_count", &[("stage", stage)]), 3.0, "{stage}");
    }
    let limits = ["connections", "store_queue", "event_batches"].map(|what| format!("unskew_{what}_limit"));
    assert_eq!(limits.map(|name| found.value(&name, &[])), [10_000.0, 20_000.0, 8.0]);
    assert_eq!(found.value("unskew_event_batches", &[]), 0.0);
    // A row leaves the queue just after it is acknowledged.
    let start = Instant::now();
    while scrape(&gateway).await.value("unskew_store_queued", &[]) != 0.0 {
        assert!(start.elapsed() < Duration::from_secs(10), "rows stay in the queue");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(found.value("unskew_worker_threads", &[]) >= 1.0);
    assert!(found.value("unskew_tasks", &[]) >= 1.0);
    assert_eq!(found.value("unskew_build_info", &[("version", env!("CARGO_PKG_VERSION"))]), 1.0);
    assert!(found.value("process_resident_memory_bytes", &[]) > 0.0);
    let warning = gateway.logged("row can't be served");
    assert_eq!((&warning["key"], &warning["reason"]), (&"features:m_broken".into(), &"UNDECODABLE".into()));
    assert!(warning["cause"].as_str().is_some_and(|cause| cause.contains("byte 0")), "{warning}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_client_chooses_a_label() {
    let store = Store::embedded();
    let gateway = Gateway::start(&store.url());
    let mark = "chosenbyclient";
    let http = clients::http1();
    for (method, path) in [
        (Method::GET, format!("/v1/online-features/{mark}?{mark}={mark}")),
        (Method::POST, format!("/v1/views/{mark}/rows")),
        (Method::GET, format!("/{mark}")),
        (Method::GET, format!("/docs/{mark}")),
        (Method::from_bytes(mark.to_uppercase().as_bytes()).unwrap(), "/healthz".to_owned()),
    ] {
        let request = http.request(method, gateway.url(&path)).header("x-request-id", mark).header(mark, mark);
        request.send().await.unwrap();
    }
    let request = Request::of(&[mark]).named(&[mark]);
    clients::post(&http, &gateway, &request).await.unwrap();
    clients::ask(&mut clients::grpc(&gateway).await, &request).await.unwrap();
    raw::failure(&gateway, &format!("/{mark}/{mark}"), &[], Vec::new()).await;
    raw::failure(&gateway, &format!("/feature_store.FeatureStore/{mark}"), &[], Vec::new()).await;
    let found = scrape(&gateway).await;
    assert!(!found.0.to_lowercase().contains(mark), "{}", found.0);
    let codes: HashSet<_> = Code::ALL.iter().map(|code| code.facts().name).chain(["OK", "CANCELLED"]).collect();
    let mut requests = 0;
    for (_, labels, _) in found.samples().filter(|(name, ..)| *name == "unskew_request_duration_seconds_bucket") {
        requests += 1;
        for (label, value) in labels {
            let known = match label {
                "protocol" => ["grpc", "rest"].contains(&value),
                "method" => METHODS.contains(&value),
                "code" => codes.contains(value),
                "le" => true,
                _ => false,
            };
            assert!(known, "{label}={value}");
        }
    }
    assert!(requests > 100, "{requests}");
    let first = found.samples().find(|(name, ..)| *name == "unskew_request_duration_seconds_bucket").unwrap();
    assert!(first.1.contains(&("le", "0.000015")), "{first:?}");
}
