//! The Redis store while its server is down, paused, full or read-only: an error within the budget, and service again by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use unskew_gateway::store::{Fetched, OnlineStore, PutOutcome, StoreErrorKind};

use crate::rows::{AMPLE, get, open_redis, put, redis_options, row, swap_row, wait_ready};
use crate::support::redis::RedisServer;

const BUDGET: Duration = Duration::from_millis(250);
/// The budget and what a busy machine may add.
const PROMPT: Duration = Duration::from_millis(600);

/// All calls fail, promptly, with one of these kinds.
async fn fails(store: &dyn OnlineStore, kinds: &[StoreErrorKind]) {
    let start = Instant::now();
    let fetch = store.fetch(vec!["a".into()], BUDGET).await.unwrap_err();
    assert!(start.elapsed() < PROMPT, "a fetch took {:?}", start.elapsed());
    let start = Instant::now();
    let write = store.put(vec![row("a", 1, 1, "1")], BUDGET).await.unwrap_err();
    assert!(start.elapsed() < PROMPT, "a put took {:?}", start.elapsed());
    let start = Instant::now();
    let swap = store.swap(vec![swap_row("b", None, "1")], BUDGET).await.unwrap_err();
    assert!(start.elapsed() < PROMPT, "a swap took {:?}", start.elapsed());
    let start = Instant::now();
    let ping = store.ping(BUDGET).await.unwrap_err();
    assert!(start.elapsed() < PROMPT, "a ping took {:?}", start.elapsed());
    for error in [fetch, write, swap, ping] {
        assert!(kinds.contains(&error.kind), "{error}");
    }
}

/// The store answers within a second.
async fn serves_again(store: &dyn OnlineStore) {
    let start = Instant::now();
    wait_ready(store).await;
    assert!(store.fetch(vec!["a".into()], BUDGET).await.is_ok());
    assert!(start.elapsed() < Duration::from_secs(1), "served after {:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_up_at_the_start() {
    let mut server = RedisServer::stopped();
    let store = open_redis(&server.url(), &redis_options()).unwrap();
    fails(&store, &[StoreErrorKind::Unreachable]).await;
    tokio::time::sleep(Duration::from_millis(900)).await;
    let error = store.ping(BUDGET).await.unwrap_err();
    assert!(error.message.contains(&server.port().to_string()), "{error}");
    assert!(error.message.to_lowercase().contains("refused"), "{error}");
    assert_eq!(store.gauges().connections_up, 0);
    server.up();
    serves_again(&store).await;
    put(&store, row("a", 1, 1, "1")).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!((store.gauges().connections, store.gauges().connections_up), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_and_started_again() {
    let mut server = RedisServer::start();
    let store = open_redis(&server.url(), &redis_options()).unwrap();
    wait_ready(&store).await;
    for _ in 0..3 {
        put(&store, row("a", 1, 1, "1")).await;
        server.kill();
        fails(&store, &[StoreErrorKind::Unreachable, StoreErrorKind::Timeout]).await;
        tokio::time::sleep(Duration::from_millis(700)).await;
        fails(&store, &[StoreErrorKind::Unreachable]).await;
        server.up();
        serves_again(&store).await;
        // The new server has neither the row nor the script.
        assert_eq!(get(&store, "a").await, Fetched::Missing);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_paused() {
    let server = RedisServer::start();
    let store = open_redis(&server.url(), &redis_options()).unwrap();
    wait_ready(&store).await;
    put(&store, row("a", 1, 1, "1")).await;
    for pause in [100, 2500] {
        server.pause();
        let end = Instant::now() + Duration::from_millis(pause);
        while Instant::now() < end {
            fails(&store, &[StoreErrorKind::Unreachable, StoreErrorKind::Timeout]).await;
        }
        server.go_on();
        serves_again(&store).await;
        assert_eq!(get(&store, "a").await, Fetched::Value(row("a", 1, 1, "1").value));
    }
    // Closing does not wait for a server that does not answer.
    server.pause();
    let start = Instant::now();
    store.close().await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    server.go_on();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_is_an_error_and_never_a_missing_value() {
    let server = RedisServer::start();
    let store = Arc::new(open_redis(&server.url(), &redis_options()).unwrap());
    wait_ready(&*store).await;
    let rows: Vec<_> = (0..50).map(|at| row(format!("{at}"), 1, 1, "1")).collect();
    store.put(rows.clone(), AMPLE).await.unwrap();
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let (store, rows, stop, answered) =
                (Arc::clone(&store), rows.clone(), Arc::clone(&stop), Arc::clone(&answered));
            tokio::spawn(async move {
                let (mut errors, mut slowest) = (0, Duration::ZERO);
                while !stop.load(Ordering::Relaxed) {
                    let start = Instant::now();
                    let reply = store.fetch(rows.iter().map(|row| row.key.clone()).collect(), BUDGET).await;
                    slowest = slowest.max(start.elapsed());
                    match reply {
                        Ok(values) => {
                            assert!(
                                values
                                    .iter()
                                    .zip(&rows)
                                    .all(|(value, row)| *value == Fetched::Value(row.value.clone()))
                            );
                            answered.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(_) => {
                            errors += 1;
                            tokio::time::sleep(Duration::from_millis(1)).await;
                        }
                    }
                }
                (errors, slowest)
            })
        })
        .collect();
    for _ in 0..8 {
        let before = answered.load(Ordering::Relaxed);
        server.run("CLIENT KILL TYPE normal");
        let deadline = Instant::now() + Duration::from_secs(2);
        while answered.load(Ordering::Relaxed) < before + 50 {
            assert!(Instant::now() < deadline, "not served again");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    // A busy machine may let a task sleep each time that the connections break.
    let mut all_errors = 0;
    for task in tasks {
        let (errors, slowest) = task.await.unwrap();
        assert!(slowest < PROMPT, "slowest {slowest:?}");
        all_errors += errors;
    }
    assert!(all_errors > 0);
}

#[tokio::test]
async fn a_server_that_is_full() {
    let server = RedisServer::start();
    let store = open_redis(&server.url(), &redis_options()).unwrap();
    wait_ready(&store).await;
    put(&store, row("a", 1, 1, "1")).await;
    server.run("CONFIG SET maxmemory 1");
    let error = store.put(vec![row("a", 2, 1, "1"), row("b", 2, 1, "1")], AMPLE).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Refused);
    assert!(error.message.contains("it has used up its maxmemory"), "{error}");
    let error = store.swap(vec![swap_row("b", None, "1")], AMPLE).await.unwrap_err();
    assert!(error.message.contains("it has used up its maxmemory"), "{error}");
    assert_eq!(get(&store, "a").await, Fetched::Value(row("a", 1, 1, "1").value));
    server.run("CONFIG SET maxmemory 0");
    put(&store, row("a", 2, 1, "1")).await;
}

#[tokio::test]
async fn a_read_only_replica() {
    let (primary, replica) = (RedisServer::start(), RedisServer::start());
    let store = open_redis(&primary.url(), &redis_options()).unwrap();
    wait_ready(&store).await;
    put(&store, row("a", 1, 1, "1")).await;
    replica.run("CONFIG SET repl-diskless-sync-delay 0");
    primary.run("CONFIG SET repl-diskless-sync-delay 0");
    replica.run(&format!("REPLICAOF 127.0.0.1 {}", primary.port()));
    let store = open_redis(&replica.url(), &redis_options()).unwrap();
    wait_ready(&store).await;
    let deadline = Instant::now() + Duration::from_secs(10);
    while get(&store, "a").await == Fetched::Missing {
        assert!(Instant::now() < deadline, "not replicated");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let error = store.put(vec![row("a", 2, 1, "1")], AMPLE).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Refused);
    assert!(error.message.contains("read-only replica"), "{error}");
    let error = store.swap(vec![swap_row("b", None, "1")], AMPLE).await.unwrap_err();
    assert!(error.message.contains("read-only replica"), "{error}");
    replica.run("REPLICAOF NO ONE");
    put(&store, row("a", 2, 1, "1")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_calls_than_may_wait_are_refused() {
    let server = RedisServer::start();
    let mut options = redis_options();
    (options.pool_size, options.max_queued_commands) = (1, 10);
    let store = Arc::new(open_redis(&server.url(), &options).unwrap());
    wait_ready(&*store).await;
    server.pause();
    let value = "v".repeat(2 << 20);
    let tasks: Vec<_> = (0..200)
        .map(|at| {
            let (store, row) = (Arc::clone(&store), row(format!("{at}"), 1, 1, &format!("\"{value}\"")));
            tokio::spawn(async move { store.put(vec![row], BUDGET).await })
        })
        .collect();
    let mut busy = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(outcomes) => assert!(matches!(outcomes[0], PutOutcome::Failed(_))),
            Err(error) => busy += usize::from(error.kind == StoreErrorKind::Busy),
        }
    }
    assert!(busy > 0, "none was refused");
    server.go_on();
    serves_again(&*store).await;
}

#[tokio::test]
async fn a_server_that_is_no_redis() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let store = open_redis(&format!("redis://127.0.0.1:{port}"), &redis_options()).unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    fails(&store, &[StoreErrorKind::Unreachable, StoreErrorKind::Timeout, StoreErrorKind::Refused]).await;
}
