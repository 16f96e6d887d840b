//! Keys that may be used so many times a second: on both protocols together, with an exact hint, and not reset by a reload.

use std::time::{Duration, Instant};

use unskew_gateway::auth::{Digest, Scope};
use unskew_gateway::error::Code;

use crate::clients::{self, Answer, Request};
use crate::failures::{self, Failure};
use crate::metrics::Scrape;
use crate::stores::Store;
use crate::support::gateway::Gateway;

/// One comes back each second.
const RATE: &str = "rate_limit = 1, burst = 6";
const BURST: usize = 6;

/// A key that is called like its text.
fn key(name: &str, scope: Scope, limit: &str) -> String {
    let sha256 = Digest::of(name.as_bytes());
    let limit = if limit.is_empty() { String::new() } else { format!(", {limit}") };
    format!("{{name = {name:?}, sha256 = \"{sha256}\", scopes = [\"{scope}\"]{limit}}}")
}

async fn rest(gateway: &Gateway, key: &str) -> Result<(), Failure> {
    let request = clients::http1().get(gateway.url("/v1/definitions")).header("authorization", format!("Bearer {key}"));
    let response = request.send().await.unwrap();
    if response.status().is_success() { Ok(()) } else { Err(failures::of_rest(response).await) }
}

async fn grpc(gateway: &Gateway, key: &str) -> Answer {
    let mut request = tonic::Request::new(Request::of(&["a"]).message());
    request.metadata_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
    clients::ask_message(&mut clients::grpc(gateway).await, request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_too_many_is_refused_on_both_protocols_and_the_hint_is_right() {
    let store = Store::embedded();
    let keys = [
        key("limited", Scope::Read, RATE),
        key("free", Scope::Read, ""),
        key("quick", Scope::Read, "rate_limit = 4, burst = 1"),
    ];
    let gateway = Gateway::start_with(&store.url(), &[("auth.keys", &format!("[{}]", keys.join(", ")))]);
    let start = Instant::now();
    let (mut passed, mut refused) = (0, Vec::new());
    for _ in 0..BURST {
        for answer in [rest(&gateway, "limited").await, grpc(&gateway, "limited").await.map(drop)] {
            match answer {
                Ok(()) => passed += 1,
                Err(failure) => refused.push(failure),
            }
        }
    }
    // One bucket for both; a slow machine gives it time for some more.
    let more = usize::try_from(start.elapsed().as_secs()).unwrap();
    assert!((BURST..=BURST + more).contains(&passed), "{passed} passed, {more} seconds");
    for failure in &refused {
        assert_eq!(failure.code, Code::RateLimited, "{failure:?}");
        assert!(
            failure.message.contains("1 requests a second") && !failure.message.contains("limited\""),
            "{failure:?}"
        );
        assert!(failure.retry_after_ms.is_some_and(|ms| ms <= 1_000), "{failure:?}");
    }
    // Neither the others nor what is open has a part in it.
    for _ in 0..2 * BURST {
        rest(&gateway, "free").await.unwrap();
        grpc(&gateway, "free").await.unwrap();
    }
    clients::until_ready(&gateway, true).await;
    // Who waits as long as he is told is served.
    let hint = loop {
        match rest(&gateway, "quick").await {
            Ok(()) => {}
            Err(failure) => break failure.retry_after_ms.unwrap(),
        }
    };
    tokio::time::sleep(Duration::from_millis(hint.into())).await;
    grpc(&gateway, "quick").await.unwrap();

    let request = clients::http1().get(gateway.url("/metrics")).header("authorization", "Bearer free");
    let scrape = Scrape::of(request.send().await.unwrap().text().await.unwrap());
    let counted = |key| scrape.value("unskew_rate_limited_total", &[("key", key)]);
    assert_eq!((counted("limited"), counted("free")), (refused.len() as f64, 0.0));
    let codes = scrape.value("unskew_request_duration_seconds_count", &[("code", "RATE_LIMITED")]);
    assert_eq!(codes, refused.len() as f64 + counted("quick"));
    assert!(gateway.log_text().contains("rate_limit"), "{}", gateway.log_text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_changes_the_limit_and_fills_no_bucket() {
    let (directory, store) = (tempfile::tempdir().unwrap(), Store::embedded());
    let file = directory.path().join("unskew.toml");
    let write = |limited: &str| {
        let keys = [key("limited", Scope::Read, limited), key("admin", Scope::Admin, "")];
        std::fs::write(&file, format!("auth.keys = [{}]\n", keys.join(", "))).unwrap();
    };
    let reload = async |gateway: &Gateway| {
        let request = clients::http1().post(gateway.url("/v1/admin/reload")).header("authorization", "Bearer admin");
        request.send().await.unwrap()
    };
    write("rate_limit = 1, burst = 1000");
    let gateway = Gateway::start_configured(&store.url(), &file, &[]);
    // As many as one of 1 a second would give back in the time of this test, and more.
    for _ in 0..100 {
        rest(&gateway, "limited").await.unwrap();
    }
    write("rate_limit = 1, burst = 2");
    assert!(reload(&gateway).await.status().is_success());
    let failure = rest(&gateway, "limited").await.unwrap_err();
    assert!(failure.retry_after_ms.unwrap() > 1_000, "{failure:?}");
    write("rate_limit = 0");
    let refused = failures::of_rest(reload(&gateway).await).await;
    assert!(refused.message.contains("key 1: its rate_limit must be a whole number from 1 to 1000000"), "{refused:?}");
    assert_eq!(rest(&gateway, "limited").await.unwrap_err().code, Code::RateLimited);
    write("");
    assert!(reload(&gateway).await.status().is_success());
    rest(&gateway, "limited").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_batches_waits_for_its_turns() {
    let store = Store::embedded();
    let keys = key("writer", Scope::Write, "rate_limit = 20, burst = 1");
    let gateway = Gateway::start_with(&store.url(), &[("auth.keys", &format!("[{keys}]"))]);
    let stream = |deadline: Option<Duration>| {
        let batches = (0..11).map(|_| clients::batch("{\"entity_id\":\"a\",\"x\":1}"));
        let mut request = tonic::Request::new(tokio_stream::iter(batches));
        request.metadata_mut().insert("authorization", "Bearer writer".parse().unwrap());
        if let Some(deadline) = deadline {
            request.set_timeout(deadline);
        }
        request
    };
    let mut client = clients::grpc(&gateway).await;
    let start = Instant::now();
    let mut answers = client.write_rows(stream(None)).await.unwrap().into_inner();
    for batch in 0..11 {
        assert_eq!(answers.message().await.unwrap().unwrap().batch, batch);
    }
    assert!(start.elapsed() >= Duration::from_millis(490), "{:?}", start.elapsed());
    tokio::time::sleep(Duration::from_millis(100)).await;
    // Where its deadline comes first it is told so.
    let mut answers = client.write_rows(stream(Some(Duration::from_millis(200)))).await.unwrap().into_inner();
    let failure = loop {
        match answers.message().await {
            Ok(answer) => assert!(answer.is_some()),
            Err(status) => break failures::of_grpc(&status),
        }
    };
    assert!([Code::RateLimited, Code::DeadlineExceeded].contains(&failure.code), "{failure:?}");
}
