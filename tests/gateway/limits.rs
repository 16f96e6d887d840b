//! Limits on the size of requests and replies: the same on both protocols, told with the name of the setting.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use unskew_gateway::error::Code;

use crate::clients::{self, Answer, Request};
use crate::failures::Failure;
use crate::stores::Store;
use crate::support::gateway::Gateway;

const SETTINGS: [(&str, &str); 6] = [
    ("limits.max_entity_ids", "5"),
    ("limits.max_feature_names", "3"),
    ("limits.max_request_bytes", "4000"),
    ("limits.max_reply_bytes", "3000"),
    ("limits.max_row_bytes", "1500"),
    ("limits.max_batch_rows", "10"),
];

/// Both protocols fail alike, and name the setting.
fn refused(answers: [Answer; 2], code: Code, setting: &str) {
    let [rest, grpc] = answers.map(Result::unwrap_err);
    for failure in [&rest, &grpc] {
        assert_eq!(failure.code, code, "{failure:?}");
        assert!(failure.message.contains(setting), "{failure:?}");
    }
}

struct Both {
    gateway: Gateway,
    _store: Store,
}

impl Both {
    async fn ask(&self, request: &Request) -> [Answer; 2] {
        let rest = clients::post(&clients::http1(), &self.gateway, request).await;
        [rest, clients::ask(&mut clients::grpc(&self.gateway).await, request).await]
    }

    async fn write(&self, ndjson: String) -> [Answer; 2] {
        let rest = clients::write_rest(&clients::http1(), &self.gateway, ndjson.clone()).await;
        let mut client = clients::grpc(&self.gateway).await;
        let grpc = clients::write_grpc(&mut client, vec![clients::batch(ndjson)]).await.remove(0);
        [rest, grpc]
    }
}

async fn limited() -> Both {
    let store = Store::embedded();
    let value = json!({"a": "x".repeat(800), "b": 1}).to_string();
    let ids = ["one", "two", "three", "four"];
    store.set(ids.iter().map(|id| (*id, value.as_bytes()))).await;
    Both { gateway: Gateway::start_with(&store.url(), &SETTINGS), _store: store }
}

#[tokio::test]
async fn limits_of_requests() {
    let both = limited().await;
    let ids = ["1", "2", "3", "4", "5", "6"];
    refused(both.ask(&Request::of(&ids)).await, Code::InvalidArgument, "limits.max_entity_ids");
    // Repeats count: the limit is on the size of the request.
    refused(both.ask(&Request::of(&["a"; 6])).await, Code::InvalidArgument, "limits.max_entity_ids");
    assert!(both.ask(&Request::of(&ids[..5])).await.iter().all(Result::is_ok));
    let names = ["a", "b", "c", "d"];
    refused(both.ask(&Request::of(&["a"]).named(&names)).await, Code::InvalidArgument, "limits.max_feature_names");
    assert!(both.ask(&Request::of(&["a"]).named(&names[..3])).await.iter().all(Result::is_ok));
    let large = Request::of(&["x".repeat(5000).as_str()]);
    refused(both.ask(&large).await, Code::RequestTooLarge, "limits.max_request_bytes");
    assert!(without_length(&both.gateway, 5000).starts_with("HTTP/1.1 413 "));
    assert!(without_length(&both.gateway, 3000).starts_with("HTTP/1.1 200 "));
}

/// The answer to a body of so many bytes whose length is not told beforehand.
fn without_length(gateway: &Gateway, size: usize) -> String {
    let mut stream = TcpStream::connect(gateway.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head =
        "POST /v1/online-features HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\nconnection: close\r\n";
    let body = format!("{:size$}", "{\"entity_ids\":[\"a\"]}");
    write!(stream, "{head}transfer-encoding: chunked\r\n\r\n{size:x}\r\n{body}\r\n0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test]
async fn limits_of_replies() {
    let both = limited().await;
    let all = ["one", "two", "three", "four"];
    refused(both.ask(&Request::of(&all)).await, Code::ReplyTooLarge, "limits.max_reply_bytes");
    assert!(both.ask(&Request::of(&all[..3])).await.iter().all(Result::is_ok));
    assert!(both.ask(&Request::of(&all).named(&["b"])).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn limits_of_writes() {
    let both = limited().await;
    let row = |size: usize| json!({"entity_id": "w", "x": "y".repeat(size)}).to_string();
    let rows = |count: usize| vec![row(1); count].join("\n");
    refused(both.write(rows(11)).await, Code::RequestTooLarge, "limits.max_batch_rows");
    refused(
        both.write([row(1400), row(1400), row(1400)].join("\n")).await,
        Code::RequestTooLarge,
        "limits.max_request",
    );
    for answer in both.write(rows(10)).await {
        assert_eq!(answer.unwrap()["accepted"], 10);
    }
    for answer in both.write([row(1), row(1600), row(1)].join("\n")).await {
        let report = answer.unwrap();
        assert_eq!((&report["accepted"], report["bad"].as_array().unwrap().len()), (&json!(2), 1), "{report}");
        assert_eq!((&report["bad"][0]["row"], &report["bad"][0]["code"]), (&json!(1), &json!("TOO_LARGE")), "{report}");
        assert!(report["bad"][0]["message"].as_str().unwrap().contains("limits.max_row_bytes"), "{report}");
    }
}

#[tokio::test]
async fn a_batch_above_the_limit_ends_its_stream_after_the_answers_before_it() {
    let both = limited().await;
    let mut client = clients::grpc(&both.gateway).await;
    let good = || clients::batch("{\"entity_id\":\"s\",\"x\":1}");
    let large = clients::batch(vec![b' '; 5000]);
    let mut answers = clients::write_grpc(&mut client, vec![good(), good(), large, good()]).await;
    let Failure { code, message, .. } = answers.pop().unwrap().unwrap_err();
    assert_eq!(code, Code::RequestTooLarge, "{message}");
    assert!(message.contains("batch 2"), "{message}");
    let batches: Vec<_> = answers.into_iter().map(|answer| answer.unwrap()["batch"].clone()).collect();
    assert_eq!(batches, [json!(0), json!(1)]);
}
