//! Callers that go on until they are told to stop, and remember what they were told.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;

use crate::clients::{self, Answer, Request};
use crate::support::gateway::Gateway;

/// Tells callers to stop.
#[derive(Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_told(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A call that was answered.
pub struct Call {
    pub took: Duration,
    pub answer: Answer,
}

/// Acknowledged rows: value by entity id.
pub type Acknowledged = HashMap<String, i64>;

/// Batches on their way on one stream.
const WINDOW: usize = 3;
const ROWS: i64 = 20;

/// Reads these entities over REST until told to stop.
pub fn read_rest(gateway: &Gateway, request: &Request, stop: &Stop) -> JoinHandle<Vec<Call>> {
    let (url, request, stop) = (gateway.url("/v1/online-features"), request.clone(), stop.clone());
    tokio::spawn(async move {
        let http = clients::http1();
        let mut calls = Vec::new();
        while !stop.is_told() {
            let at = Instant::now();
            let answer = clients::post_to(&http, &url, &request).await;
            calls.push(Call { took: at.elapsed(), answer });
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        calls
    })
}

/// Reads these entities over gRPC until told to stop, each call with this deadline.
pub async fn read_grpc(gateway: &Gateway, request: &Request, deadline: Duration, stop: &Stop) -> JoinHandle<Vec<Call>> {
    let (mut client, request, stop) = (clients::grpc(gateway).await, request.clone(), stop.clone());
    tokio::spawn(async move {
        let mut calls = Vec::new();
        while !stop.is_told() {
            let at = Instant::now();
            let mut message = tonic::Request::new(request.message());
            // Not grpc-timeout: the client would end the call itself.
            let milliseconds = deadline.as_millis().to_string().parse().unwrap();
            message.metadata_mut().insert("x-request-timeout-ms", milliseconds);
            let answer = clients::ask_message(&mut client, message).await;
            calls.push(Call { took: at.elapsed(), answer });
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        calls
    })
}

/// Rows for one batch: ids of this writer, numbered, and their values.
pub fn rows(writer: &str, batch: i64) -> (String, Acknowledged) {
    let rows: Acknowledged = (0..ROWS).map(|at| (format!("{writer}_{batch}_{at}"), batch * 1000 + at)).collect();
    let lines: Vec<_> = rows.iter().map(|(id, value)| json!({"entity_id": id, "x": value}).to_string()).collect();
    (lines.join("\n"), rows)
}

/// Writes batches over one stream of gRPC, several on their way at a time, until told to stop or cut off; gives the acknowledged rows.
pub async fn write_stream(gateway: &Gateway, writer: String, stop: &Stop) -> JoinHandle<Acknowledged> {
    let (mut client, stop) = (clients::grpc(gateway).await, stop.clone());
    tokio::spawn(async move {
        let (sender, batches) = mpsc::channel(WINDOW);
        let (to_check, mut sent) = mpsc::unbounded_channel();
        let feed = tokio::spawn(async move {
            for batch in 0.. {
                let (lines, rows) = rows(&writer, batch);
                if stop.is_told() || to_check.send(rows).is_err() || sender.send(clients::batch(lines)).await.is_err() {
                    break;
                }
            }
        });
        let mut acknowledged = Acknowledged::new();
        if let Ok(answers) = client.write_rows(ReceiverStream::new(batches)).await {
            let mut answers = answers.into_inner();
            while let Ok(Some(answer)) = answers.message().await {
                let rows = sent.recv().await.expect("a batch for every answer");
                assert_eq!((answer.accepted, answer.bad.len()), (ROWS, 0), "{answer:?}");
                acknowledged.extend(rows);
            }
        }
        drop(sent);
        feed.abort();
        acknowledged
    })
}

/// Writes batches over REST until told to stop; gives the acknowledged rows. Failures are let pass.
pub fn write_rest(gateway: &Gateway, writer: String, stop: &Stop) -> JoinHandle<Acknowledged> {
    let (url, stop) = (gateway.url("/v1/views/default/rows"), stop.clone());
    tokio::spawn(async move {
        let http = clients::http1();
        let mut acknowledged = Acknowledged::new();
        for batch in 0.. {
            if stop.is_told() {
                break;
            }
            let (lines, rows) = rows(&writer, batch);
            let request = http.post(&url).header("content-type", "application/x-ndjson").body(lines);
            if let Ok(response) = request.send().await
                && response.status().is_success()
                && let Ok(report) = response.json::<Value>().await
            {
                assert_eq!(report["accepted"], ROWS, "{report}");
                acknowledged.extend(rows);
            } else {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        acknowledged
    })
}

/// Every acknowledged row is served with its value.
pub async fn check(gateway: &Gateway, acknowledged: &Acknowledged) {
    let mut client = clients::grpc(gateway).await;
    let ids: Vec<_> = acknowledged.keys().map(String::as_str).collect();
    for part in ids.chunks(500) {
        let reply = clients::ask(&mut client, &Request::of(part)).await.unwrap();
        for &id in part {
            let expected = json!({"x": format!("number {}.0", acknowledged[id])});
            assert_eq!(reply["results"][id]["features"], expected, "{id}: {}", reply["results"][id]);
        }
    }
}
