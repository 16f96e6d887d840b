//! Swaps on Redis: several gateways, other types of value, and what travels.

use std::sync::Arc;

use unskew_gateway::store::{Fetched, OnlineStore, SwapOutcome};

use crate::rows::{AMPLE, get, open_redis, put, redis_options, row, swap_row, wait_ready};
use crate::support::redis::RedisServer;
use crate::swap::{no_update_is_lost, no_update_is_lost_in_large_calls, one};

#[tokio::test(flavor = "multi_thread")]
async fn no_update_of_several_gateways_is_lost() {
    let server = RedisServer::start();
    let mut stores: Vec<Arc<dyn OnlineStore>> = Vec::new();
    for _ in 0..2 {
        let store = open_redis(&server.url(), &redis_options()).unwrap();
        wait_ready(&store).await;
        stores.push(Arc::new(store));
    }
    no_update_is_lost(&stores).await;
    no_update_is_lost_in_large_calls(&stores).await;
}

#[tokio::test]
async fn a_key_of_another_type_can_t_be_swapped() {
    let server = RedisServer::start();
    server.run("RPUSH list 1 2");
    let store = open_redis(&server.url(), &redis_options()).unwrap();
    wait_ready(&store).await;
    let rows = ["a", "list", "b"].map(|key| swap_row(key, None, "1")).to_vec();
    let outcomes = store.swap(rows, AMPLE).await.unwrap();
    assert_eq!([&outcomes[0], &outcomes[2]], [&SwapOutcome::Stored; 2]);
    assert!(matches!(&outcomes[1], SwapOutcome::Failed(why) if why.contains("another type")), "{outcomes:?}");
    let alone = one(&store, swap_row("list", Some(b"1"), "1")).await;
    assert!(matches!(&alone, SwapOutcome::Failed(_)), "{alone:?}");
    assert_eq!(server.command(&[b"LLEN", b"list"]), b":2\r\n");
}

#[tokio::test]
async fn the_scripts_are_loaded_again_when_the_server_forgets_them() {
    let server = RedisServer::start();
    let store = open_redis(&server.url(), &redis_options()).unwrap();
    wait_ready(&store).await;
    let mut before: Option<String> = None;
    for time in 0..3 {
        let value = time.to_string();
        put(&store, row("row", time, 1, "1")).await;
        let outcome = one(&store, swap_row("state", before.as_ref().map(String::as_bytes), &value)).await;
        assert_eq!(outcome, SwapOutcome::Stored);
        before = Some(value);
        server.run("SCRIPT FLUSH");
    }
    assert_eq!(get(&store, "row").await, Fetched::Value(row("row", 2, 1, "1").value));
    assert_eq!(get(&store, "state").await, Fetched::Value("2".into()));
}

/// A figure of `INFO stats`.
fn statistic(server: &RedisServer, name: &str) -> u64 {
    let text = String::from_utf8(server.command(&[b"INFO", b"stats"])).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).expect("a figure");
    line.parse().expect("a number")
}

#[tokio::test]
async fn the_old_value_does_not_travel() {
    let server = RedisServer::start();
    let store = open_redis(&server.url(), &redis_options()).unwrap();
    wait_ready(&store).await;
    let old = vec![b'v'; 1 << 20];
    assert_eq!(one(&store, swap_row("a", None, &old)).await, SwapOutcome::Stored);
    let before = ["total_net_input_bytes", "total_net_output_bytes"].map(|name| statistic(&server, name));
    assert_eq!(one(&store, swap_row("a", Some(&old), "new")).await, SwapOutcome::Stored);
    let after = ["total_net_input_bytes", "total_net_output_bytes"].map(|name| statistic(&server, name));
    assert!(after[0] - before[0] < 10_000 && after[1] - before[1] < 50_000, "{before:?} {after:?}");
    assert_eq!(get(&store, "a").await, Fetched::Value("new".into()));
}
