//! Writers that meet: two gateways on one Redis, several writers each, entities that all of them write. Nothing is lost or counted twice.

use serde_json::{Value as Json, json};
use unskew_gateway::lookup::time;

use crate::event_calls::{self, Events, Served, ndjson};
use crate::metrics;
use crate::stores::Store;

const WRITERS: i64 = 8;
const BATCHES: i64 = 12;
const EVENTS: i64 = 10;
/// The entity that every event of even number is of; the others are shared out over a few.
const HOT: i64 = 1;
const OTHERS: i64 = 5;
const AT: &str = "2026-01-10T12:00:00Z";

/// The batch of a writer: amounts are 1, 2, 4 in turn, so that a lost event can't be made up by one that counts twice.
fn batch(source: &str, writer: i64, batch: i64) -> String {
    let start = time::parse(AT).unwrap();
    let event = |n: i64| -> Json {
        let number = (writer * BATCHES + batch) * EVENTS + n;
        let customer = if n % 2 == 0 { HOT } else { 2 + number % OTHERS };
        // Out of order, within half an hour.
        let at = time::format(start + (number * 7919) % 1800 * 1_000_000);
        let amount = 1_i64 << (number % 3);
        match source {
            "plain" => json!({"at": at, "customer_id": customer, "amount": amount}),
            _ => {
                json!({"id": format!("{number}"), "at": at, "customer_id": customer, "region": "a|b", "terminal_id": 7, "amount": amount})
            }
        }
    };
    ndjson(&(0..EVENTS).map(event).collect::<Vec<_>>())
}

/// Sum and count of each entity, from the batches themselves.
fn expected() -> Vec<(f64, f64)> {
    let mut sums = vec![(0.0, 0.0); usize::try_from(2 + OTHERS).unwrap()];
    for (writer, number) in (0..WRITERS).flat_map(|writer| (0..BATCHES).map(move |batch| (writer, batch))) {
        for line in batch("plain", writer, number).lines() {
            let event: Json = serde_json::from_str(line).unwrap();
            let entity = &mut sums[usize::try_from(event["customer_id"].as_i64().unwrap()).unwrap()];
            *entity = (entity.0 + event["amount"].as_f64().unwrap(), entity.1 + 1.0);
        }
    }
    sums
}

/// Writes all batches of a writer, every second over gRPC; with ids each of them twice.
async fn write(events: Events, source: &'static str, writer: i64) {
    for number in 0..BATCHES {
        let text = batch(source, writer, number);
        for _ in 0..if source == "plain" { 1 } else { 2 } {
            let report = if number % 2 == 0 {
                events.rest(source, text.clone()).await
            } else {
                events.grpc(vec![event_calls::batch(source, text.clone())]).await.remove(0)
            };
            let report = report.unwrap();
            assert_eq!((&report["accepted"], &report["bad"]), (&json!(EVENTS), &json!([])), "{report}");
        }
    }
}

async fn meet(store: &Store, gateways: usize) {
    let mut served = Vec::new();
    for _ in 0..gateways {
        served.push(Served::start(store, &[]).await);
    }
    for source in ["payments", "plain"] {
        let writers = (0..WRITERS).map(|writer| {
            let events = served[usize::try_from(writer).unwrap() % gateways].events.clone();
            tokio::spawn(write(events, source, writer))
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap();
        }
        for (customer, (sum, count)) in (0_i64..).zip(expected()) {
            let found = match source {
                "plain" => served[0].of_customer("plain", customer, "2026-01-10T12:30:00Z").await,
                _ => served[0].model(customer, "2026-01-10T12:30:00Z").await,
            };
            assert_eq!(found[..2], [Some(sum), Some(count)], "{source} {customer} over {}", store.name());
        }
    }
    let mut retried = 0.0;
    for one in &served {
        retried += metrics::scrape(&one.gateway).await.value("unskew_state_swaps_retried_total", &[]);
    }
    // Within one process writers wait for each other.
    assert_eq!(retried > 0.0, gateways > 1, "{retried} states were computed again over {}", store.name());
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_of_two_gateways_on_one_redis_lose_nothing() {
    meet(&Store::redis(), 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_of_one_gateway_on_an_embedded_store_lose_nothing() {
    meet(&Store::embedded(), 1).await;
}
