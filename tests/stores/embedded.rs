//! The embedded store: the contract, one process at a time, writes that survive a kill.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use unskew_gateway::store::embedded::{Embedded, accept_loss, check};
use unskew_gateway::store::{Fetched, OnlineStore, PutOutcome, StoreErrorKind};

use crate::child;
use crate::contract::contract;
use crate::rows::{AMPLE, embedded_options, get, open_embedded, put, row};

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    contract(Arc::new(open_embedded(directory.path()).unwrap()), None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract_with_commits_of_few_rows_and_a_short_queue() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = embedded_options();
    (options.commit_max_rows, options.commit_max_bytes, options.queue_rows) = (7, 600, 11);
    contract(Arc::new(Embedded::open(directory.path(), options).unwrap()), None).await;
}

#[tokio::test]
async fn rows_are_there_after_closing_and_after_dropping() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep").join("er");
    let store = open_embedded(&path).unwrap();
    put(&store, row("a", 1, 1, "1")).await;
    store.close().await.unwrap();
    // The lock is free at once, while the closed store still exists.
    let again = open_embedded(&path).unwrap();
    assert_eq!(get(&again, "a").await, Fetched::Value(row("a", 1, 1, "1").value));
    put(&again, row("b", 1, 1, "2")).await;
    drop(again);
    let again = open_embedded(&path).unwrap();
    assert_eq!(get(&again, "b").await, Fetched::Value(row("b", 1, 1, "2").value));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_queued_is_written_before_closing() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(open_embedded(directory.path()).unwrap());
    let tasks: Vec<_> = (0..50)
        .map(|at| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { (at, store.put(vec![row(format!("q:{at}"), 1, 1, "1")], AMPLE).await) })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(2)).await;
    store.close().await.unwrap();
    let again = open_embedded(directory.path()).unwrap();
    for task in tasks {
        let (at, outcome) = task.await.unwrap();
        match outcome {
            Ok(outcome) => {
                assert_eq!(outcome, [PutOutcome::Stored]);
                assert!(matches!(get(&again, format!("q:{at}")).await, Fetched::Value(_)));
            }
            Err(error) => assert_eq!(error.kind, StoreErrorKind::Closed, "{error}"),
        }
    }
}

#[tokio::test]
async fn keys_that_no_row_can_have() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_embedded(directory.path()).unwrap();
    let rows =
        vec![row("", 1, 1, "1"), row("good", 1, 1, "1"), row([b'k'; 65_536], 1, 1, "1"), row(b"\xffcommit", 1, 1, "1")];
    let outcomes = store.put(rows.clone(), AMPLE).await.unwrap();
    let stored: Vec<_> = outcomes.iter().map(|outcome| *outcome == PutOutcome::Stored).collect();
    assert_eq!(stored, [false, true, false, false], "{outcomes:?}");
    let values = store.fetch(rows.iter().map(|row| row.key.clone()).collect(), AMPLE).await.unwrap();
    assert_eq!(values, [Fetched::Missing, Fetched::Value(rows[1].value.clone()), Fetched::Missing, Fetched::Missing]);
    let longest = row([b'k'; 65_535], 1, 1, "1");
    put(&store, longest.clone()).await;
    assert_eq!(get(&store, &longest.key).await, Fetched::Value(longest.value));
}

#[tokio::test]
async fn a_second_open_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let _store = open_embedded(directory.path()).unwrap();
    let error = open_embedded(directory.path()).err().unwrap();
    assert!(error.message.contains(&directory.path().display().to_string()), "{error}");
    assert!(error.message.contains("another process has it open"), "{error}");
    let error = check(directory.path()).unwrap_err();
    assert!(error.message.contains("another process has it open"), "{error}");
    let error = accept_loss(directory.path()).unwrap_err();
    assert!(error.message.contains("another process has it open"), "{error}");
}

#[tokio::test]
async fn a_second_process_is_refused() {
    const NAME: &str = "embedded::a_second_process_is_refused";
    if let Some(directory) = child::directory() {
        println!("refused: {}", open_embedded(&directory).err().unwrap());
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let store = open_embedded(directory.path()).unwrap();
    let output = child::command(NAME, directory.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("refused: store io: "), "{text}");
    assert!(text.contains("another process has it open"), "{text}");
    put(&store, row("a", 1, 1, "1")).await;
}

#[tokio::test]
async fn directories_that_are_not_a_store() {
    let directory = tempfile::tempdir().unwrap();
    let message = |path: &Path| open_embedded(path).err().unwrap().message;
    let file = directory.path().join("file");
    std::fs::write(&file, "x").unwrap();
    assert!(message(&file).contains("is a file; the embedded store needs a directory"));
    assert!(message(directory.path()).contains("is not an embedded store of unskew: it holds \"file\""));
    assert!(message(&file.join("below")).contains("can't be"));
    assert!(check(&directory.path().join("none")).unwrap_err().message.contains("does not exist"));
    let empty = directory.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    assert!(check(&empty).unwrap_err().message.contains("holds no embedded store"));
    drop(open_embedded(&empty).unwrap());
    let marker = empty.join("unskew-store");
    std::fs::write(&marker, "unskew embedded store, format 2\n").unwrap();
    let newer = message(&empty);
    assert!(newer.contains("has format 2, written by a newer unskew; this version reads format 1"), "{newer}");
    std::fs::write(&marker, "unskew embedded store, for").unwrap();
    assert!(message(&empty).contains("is damaged: it should name the format"));
    std::fs::write(&marker, "unskew embedded store, format 1\n").unwrap();
    drop(open_embedded(&empty).unwrap());
    assert!(check(&empty).unwrap().is_sound());
}

#[tokio::test]
async fn a_making_that_was_cut_short_is_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    let engine = directory.path().join("engine");
    std::fs::create_dir_all(engine.join("keyspaces")).unwrap();
    std::fs::write(engine.join("0.jnl"), [0; 100]).unwrap();
    drop(open_embedded(directory.path()).unwrap());
    std::fs::remove_file(engine.join("version")).unwrap();
    let error = open_embedded(directory.path()).err().unwrap();
    assert!(error.message.contains("is missing beside data"), "{error}");
}

#[tokio::test]
async fn a_full_queue_is_busy() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = embedded_options();
    (options.commit_max_rows, options.queue_rows) = (1, 1);
    let store = Embedded::open(directory.path(), options).unwrap();
    let rows: Vec<_> = (0..20_000).map(|at| row(format!("{at}"), 1, 1, "1")).collect();
    let outcomes = store.put(rows, Duration::from_millis(50)).await.unwrap();
    let stored = outcomes.iter().filter(|&outcome| *outcome == PutOutcome::Stored).count();
    assert!(stored > 0 && stored < 20_000, "{stored}");
    let busy = |outcome: &PutOutcome| matches!(outcome, PutOutcome::Failed(why) if why.contains("queue of writes stayed full"));
    assert!(outcomes.iter().any(busy), "{:?}", outcomes.last());
    store.close().await.unwrap();
}

/// A child writes and prints what was acknowledged; it is killed at some moment, several times over. All that was printed is there, and
/// what is there is right.
#[tokio::test]
async fn nothing_acknowledged_is_lost_by_a_kill() {
    const NAME: &str = "embedded::nothing_acknowledged_is_lost_by_a_kill";
    if let Some(directory) = child::directory() {
        write_for_ever(&directory).await;
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged: HashMap<String, i64> = HashMap::new();
    let mut total = 0;
    for round in 0..6 {
        let mut writer = child::command(NAME, directory.path()).spawn().unwrap();
        let lines = BufReader::new(writer.stdout.take().unwrap()).lines();
        let mut seen = 0;
        for line in lines {
            // A line is whole or, the last one, cut by the kill.
            let Some((key, time)) =
                line.as_deref().ok().and_then(|line| line.strip_prefix("ok ")?.strip_suffix(" .")?.split_once(' '))
            else {
                continue;
            };
            let newest = acknowledged.entry(key.to_owned()).or_insert(i64::MIN);
            *newest = time.parse::<i64>().unwrap().max(*newest);
            seen += 1;
            if seen == 500 + round * 700 {
                writer.kill().unwrap();
            }
        }
        writer.wait().unwrap();
        total += seen;
        let store = open_embedded(directory.path()).unwrap();
        for (key, &time) in &acknowledged {
            let Fetched::Value(value) = get(&store, key).await else {
                panic!("{key} of {time} is lost in round {round}");
            };
            let (stored, _) = unskew_gateway::store::order::of(&value).unwrap();
            assert!(stored.event_time >= time, "{key}: {time} is lost, {} is there", stored.event_time);
            assert_eq!(value, row(key, stored.event_time, 1, "1").value);
        }
        store.close().await.unwrap();
        assert!(check(directory.path()).unwrap().is_sound());
    }
    assert!(total > 6 * 500, "{total}");
}

async fn write_for_ever(directory: &Path) {
    let store = Arc::new(open_embedded(directory).unwrap());
    let mut time = i64::from(std::process::id()) << 32;
    loop {
        time += 1;
        let rows: Vec<_> = (0..40).map(|at| row(format!("kill:{}", (time * 40 + at) % 3000), time, 1, "1")).collect();
        let (first, second) = rows.split_at(11);
        let (first, second) = tokio::join!(store.put(first.to_vec(), AMPLE), store.put(second.to_vec(), AMPLE));
        assert!(first.unwrap().iter().chain(&second.unwrap()).all(|outcome| *outcome == PutOutcome::Stored));
        let mut text = String::new();
        for row in rows {
            text += &format!("ok {} {time} .\n", std::str::from_utf8(&row.key).unwrap());
        }
        std::io::stdout().write_all(text.as_bytes()).unwrap();
    }
}
