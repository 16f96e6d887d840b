//! Swaps on the embedded store: on disk before they are acknowledged, and never over what can't be read.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use unskew_gateway::store::embedded::{Embedded, check};
use unskew_gateway::store::{Fetched, OnlineStore, StoreErrorKind, SwapOutcome};

use crate::child;
use crate::rows::{AMPLE, embedded_options, get, open_embedded, put, row, swap_row};
use crate::swap::{increment, number, one};

/// Writers of a child that is killed; each may have one swap on its way.
const WRITERS: u64 = 6;

#[tokio::test]
async fn values_are_there_after_closing_and_after_dropping() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_embedded(directory.path()).unwrap();
    assert_eq!(one(&store, swap_row("a", None, "1")).await, SwapOutcome::Stored);
    put(&store, row("row", 1, 1, "1")).await;
    store.close().await.unwrap();
    let again = open_embedded(directory.path()).unwrap();
    assert_eq!(one(&again, swap_row("a", None, "2")).await, SwapOutcome::Changed);
    assert_eq!(one(&again, swap_row("a", Some(b"1"), "2")).await, SwapOutcome::Stored);
    drop(again);
    let report = check(directory.path()).unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.values, report.last_commit), (2, 3), "a swap that changed nothing is no commit");
    assert_eq!(get(&open_embedded(directory.path()).unwrap(), "a").await, Fetched::Value("2".into()));
}

#[tokio::test]
async fn keys_that_no_value_can_have() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_embedded(directory.path()).unwrap();
    let rows = [&b""[..], b"good", &[b'k'; 65_536], b"\xffcommit"].map(|key| swap_row(key, None, "1")).to_vec();
    let outcomes = store.swap(rows, AMPLE).await.unwrap();
    let stored: Vec<_> = outcomes.iter().map(|outcome| *outcome == SwapOutcome::Stored).collect();
    assert_eq!(stored, [false, true, false, false], "{outcomes:?}");
    assert!(matches!(&outcomes[0], SwapOutcome::Failed(why) if why == "the key is empty"), "{outcomes:?}");
}

#[tokio::test]
async fn a_full_queue_is_busy() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = embedded_options();
    (options.commit_max_rows, options.queue_rows) = (1, 1);
    let store = Embedded::open(directory.path(), options).unwrap();
    let rows: Vec<_> = (0..20_000).map(|at| swap_row(format!("{at}"), None, "1")).collect();
    let outcomes = store.swap(rows, Duration::from_millis(50)).await.unwrap();
    let stored = outcomes.iter().filter(|&outcome| *outcome == SwapOutcome::Stored).count();
    assert!(stored > 0 && stored < 20_000, "{stored}");
    let busy = |outcome: &SwapOutcome| matches!(outcome, SwapOutcome::Failed(why) if why.contains("queue of writes stayed full"));
    assert!(outcomes.iter().any(busy), "{:?}", outcomes.last());
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_queued_is_written_before_closing() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(open_embedded(directory.path()).unwrap());
    let tasks: Vec<_> = (0..50)
        .map(|at| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { (at, store.swap(vec![swap_row(format!("q:{at}"), None, "1")], AMPLE).await) })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(2)).await;
    store.close().await.unwrap();
    let again = open_embedded(directory.path()).unwrap();
    for task in tasks {
        let (at, outcome) = task.await.unwrap();
        match outcome {
            Ok(outcome) => {
                assert_eq!(outcome, [SwapOutcome::Stored]);
                assert_eq!(get(&again, format!("q:{at}")).await, Fetched::Value("1".into()));
            }
            Err(error) => assert_eq!(error.kind, StoreErrorKind::Closed, "{error}"),
        }
    }
}

#[tokio::test]
async fn nothing_is_written_over_a_damaged_value() {
    let directory = tempfile::tempdir().unwrap();
    drop(open_embedded(directory.path()).unwrap());
    // As if another program had written it: fjall finds nothing amiss.
    {
        let database = fjall::Database::builder(directory.path().join("engine")).open().unwrap();
        let keyspace = database.keyspace("rows", fjall::KeyspaceCreateOptions::default).unwrap();
        keyspace.insert("a", "a value without a checksum").unwrap();
    }
    let store = open_embedded(directory.path()).unwrap();
    for expected in [None, Some(&b"a value without a checksum"[..]), Some(b"a value without a chec")] {
        let outcomes = store.swap(vec![swap_row("a", expected, "1"), swap_row("b", None, "1")], AMPLE).await.unwrap();
        let why = "the stored value is damaged: checksum mismatch".to_owned();
        assert_eq!(outcomes[0], SwapOutcome::Failed(why));
        assert_eq!(get(&store, "a").await, Fetched::Damaged("checksum mismatch"));
    }
    assert_eq!(get(&store, "b").await, Fetched::Value("1".into()));
    // A row repairs its key, in the same commit as well.
    let repair = row("a", 1, 1, "1");
    put(&store, repair.clone()).await;
    assert_eq!(one(&store, swap_row("a", Some(&repair.value), "2")).await, SwapOutcome::Stored);
}

/// A child counts and prints what was acknowledged; it is killed at some moment, several times over. No count that was printed is lost,
/// and none is counted that was not on its way.
#[tokio::test]
async fn nothing_acknowledged_is_lost_by_a_kill() {
    const NAME: &str = "swap_embedded::nothing_acknowledged_is_lost_by_a_kill";
    if let Some(directory) = child::directory() {
        count_for_ever(&directory).await;
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged: HashMap<String, u64> = HashMap::new();
    for round in 1..=4 {
        let mut writer = child::command(NAME, directory.path()).spawn().unwrap();
        let lines = BufReader::new(writer.stdout.take().unwrap()).lines();
        let mut seen = 0;
        for line in lines {
            // A line is whole or, the last one, cut by the kill.
            let Some(key) = line.as_deref().ok().and_then(|line| line.strip_prefix("ok ")?.strip_suffix(" .")) else {
                continue;
            };
            *acknowledged.entry(key.to_owned()).or_default() += 1;
            seen += 1;
            if seen == 100 + round * 70 {
                writer.kill().unwrap();
            }
        }
        writer.wait().unwrap();
        let store = open_embedded(directory.path()).unwrap();
        let mut stored = 0;
        for (key, &count) in &acknowledged {
            let found = number(&get(&store, key).await).unwrap_or_default();
            assert!(found >= count, "{key} says {found} of {count} in round {round}");
            stored += found;
        }
        let told: u64 = acknowledged.values().sum();
        assert!(stored <= told + round * WRITERS, "{stored} are stored and {told} were acknowledged");
        store.close().await.unwrap();
        assert!(check(directory.path()).unwrap().is_sound());
    }
}

async fn count_for_ever(directory: &Path) {
    let store = Arc::new(open_embedded(directory).unwrap());
    let tasks: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for at in 0_u64.. {
                    let key = format!("count:{}", (at * 7 + writer) % 5);
                    increment(&*store, vec![key.clone().into()]).await;
                    std::io::stdout().write_all(format!("ok {key} .\n").as_bytes()).unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}
