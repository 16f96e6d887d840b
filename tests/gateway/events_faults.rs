//! Events while things break: a gateway that is killed, a Redis that is paused, too much at once. What is sent again counts once.

use std::time::{Duration, Instant};

use serde_json::json;
use unskew_gateway::error::Code;
use unskew_gateway::lookup::time;

use crate::event_calls::{Events, Served, ndjson};
use crate::stores::Store;

const SLACK: Duration = Duration::from_secs(2);
const BATCHES: i64 = 400;
const EVENTS: i64 = 5;

fn batch(number: i64) -> String {
    let start = time::parse("2026-01-10T12:00:00Z").unwrap();
    let event = |n: i64| {
        let number = number * EVENTS + n;
        let at = time::format(start + number % 1800 * 1_000_000);
        json!({"id": number, "at": at, "customer_id": number % 3, "amount": 1})
    };
    ndjson(&(0..EVENTS).map(event).collect::<Vec<_>>())
}

/// Writes batches from one on until the gateway goes away, and gives how many were acknowledged.
async fn write_until_gone(events: Events, from: i64) -> i64 {
    let mut acknowledged = from;
    while acknowledged < BATCHES {
        let Some(report) = events.acknowledged("tiled", batch(acknowledged)).await else { break };
        assert_eq!(report["accepted"], EVENTS, "{report}");
        acknowledged += 1;
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_killed_loses_nothing_and_what_is_sent_again_counts_once() {
    for store in Store::both() {
        let mut acknowledged = 0;
        let mut served = Served::start(&store, &[]).await;
        for round in 0..3 {
            let writer = tokio::spawn(write_until_gone(served.events.clone(), acknowledged));
            tokio::time::sleep(Duration::from_millis(60 + 50 * round)).await;
            served.gateway.kill();
            acknowledged = writer.await.unwrap();
            served = Served::start(&store, &[]).await;
            // All that was acknowledged is there; of the batch under way nobody knows.
            let mut count = 0.0;
            for customer in 0..3 {
                count += served.of_customer("tiled", customer, "2026-01-10T13:00:00Z").await[1].unwrap();
            }
            let least = (acknowledged * EVENTS) as f64;
            assert!(least <= count && count <= least + EVENTS as f64, "{count} of {least} over {}", store.name());
        }
        println!("{acknowledged} batches were acknowledged over three kills over {}", store.name());
        for number in 0..BATCHES {
            let report = served.rest("tiled", batch(number)).await.unwrap();
            assert_eq!(report["accepted"], EVENTS, "{report}");
        }
        let mut sums = Vec::new();
        for customer in 0..3 {
            sums.push(served.of_customer("tiled", customer, "2026-01-10T13:00:00Z").await[0].unwrap());
        }
        assert_eq!(sums.iter().sum::<f64>(), (BATCHES * EVENTS) as f64, "{sums:?} over {}", store.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_redis_is_an_error_within_the_deadline_and_a_resend_counts_once() {
    let store = Store::redis();
    let Store::Redis(server) = &store else { unreachable!() };
    let served = Served::start(&store, &[]).await;
    served.rest("tiled", batch(0)).await.unwrap();
    server.pause();
    let start = Instant::now();
    let failure = served.within(700).rest("tiled", batch(1)).await.unwrap_err();
    assert!(matches!(failure.code, Code::Unavailable | Code::DeadlineExceeded), "{failure:?}");
    assert!(start.elapsed() < Duration::from_millis(700) + SLACK, "took {:?}", start.elapsed());
    server.go_on();
    let start = Instant::now();
    while served.within(1000).rest("tiled", batch(1)).await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(10), "does not write after redis is back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut count = 0.0;
    for customer in 0..3 {
        count += served.of_customer("tiled", customer, "2026-01-10T13:00:00Z").await[1].unwrap();
    }
    assert_eq!(count, (2 * EVENTS) as f64);
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_beyond_the_room_wait_and_are_refused_at_their_deadline() {
    let store = Store::redis();
    let Store::Redis(server) = &store else { unreachable!() };
    let served = Served::start(&store, &[("ingest.max_batches", "1")]).await;
    served.rest("tiled", batch(0)).await.unwrap();
    server.pause();
    let first = served.within(10_000);
    let first = tokio::spawn(async move { first.rest("tiled", batch(1)).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let start = Instant::now();
    let refused = served.within(500).rest("tiled", batch(2)).await.unwrap_err();
    assert_eq!(refused.code, Code::Unavailable);
    assert!(refused.message.contains("overloaded") && refused.message.contains("ingest.max_batches"), "{refused:?}");
    assert!(start.elapsed() < Duration::from_millis(500) + SLACK, "took {:?}", start.elapsed());
    server.go_on();
    // Redis was away for less than the first would wait; its connections may have been made anew.
    drop(first.await.unwrap());
    let start = Instant::now();
    while served.within(1000).rest("tiled", batch(2)).await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(10), "does not write after redis is back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
