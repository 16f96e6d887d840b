//! Backups of an embedded store, taken while it is written, and put back.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use unskew_gateway::store::embedded::{Embedded, Report, backup, check, restore};
use unskew_gateway::store::{Backup, Fetched, OnlineStore, StoreError, StoreErrorKind, order};

use crate::rows::{AMPLE, embedded_options, get, open_embedded, open_redis, put, redis_options, row};

/// A store, a place for backups and a place to restore to.
struct Places {
    directory: tempfile::TempDir,
}

impl Places {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("backups")).unwrap();
        Self { directory }
    }

    fn store(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    fn backups(&self) -> PathBuf {
        self.directory.path().join("backups")
    }

    fn restored(&self) -> PathBuf {
        self.directory.path().join("restored")
    }

    /// The files in the place for backups.
    fn files(&self) -> Vec<PathBuf> {
        fs::read_dir(self.backups()).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    fn restore(&self, file: &Path) -> Result<Backup, StoreError> {
        restore(file, &self.restored(), embedded_options())
    }
}

async fn filled(path: &Path, count: i64) -> Embedded {
    let store = open_embedded(path).unwrap();
    let rows = (0..count).map(|at| row(format!("k:{at}"), at, 1, &at.to_string())).collect();
    store.put(rows, AMPLE).await.unwrap();
    store
}

fn event_time(value: &Fetched) -> i64 {
    let Fetched::Value(value) = value else { panic!("{value:?}") };
    order::of(value).unwrap().0.event_time
}

/// Keys are written over and over while backups are taken. Each backup has of every key at least what was acknowledged before it began.
#[tokio::test(flavor = "multi_thread")]
async fn has_all_that_was_acknowledged_before_it_while_writes_go_on() {
    const KEYS: i64 = 300;
    let places = Places::new();
    let store = Arc::new(open_embedded(&places.store()).unwrap());
    let (acknowledged, stop) = (Arc::new(AtomicI64::new(-1)), Arc::new(AtomicBool::new(false)));
    let writing = tokio::spawn({
        let (store, acknowledged, stop) = (Arc::clone(&store), Arc::clone(&acknowledged), Arc::clone(&stop));
        async move {
            for time in 0.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                // More than a write buffer in a few rounds, so that tables are written and merged meanwhile.
                let rows = (0..KEYS).map(|at| row(format!("k:{at}"), time, 1, &format!("\"{time:0400}\""))).collect();
                store.put(rows, AMPLE).await.unwrap();
                acknowledged.store(time, Ordering::SeqCst);
            }
        }
    });
    let mut taken = HashMap::new();
    for round in 1..=4 {
        while acknowledged.load(Ordering::SeqCst) < round * 12 {
            tokio::task::yield_now().await;
        }
        let before = acknowledged.load(Ordering::SeqCst);
        let written = store.backup(places.backups()).await.unwrap();
        assert_eq!(fs::metadata(&written.file).unwrap().len(), written.bytes);
        taken.insert(before, written);
    }
    stop.store(true, Ordering::Relaxed);
    writing.await.unwrap();
    assert_eq!(places.files().len(), taken.len());
    for (before, written) in taken {
        assert_eq!(places.restore(&written.file).unwrap(), written);
        let report = check(&places.restored()).unwrap();
        assert_eq!((report.values, report.last_commit), (KEYS as u64, written.last_commit));
        assert!(report.is_sound() && report.acknowledged_commit == Some(written.last_commit), "{report:?}");
        let restored = open_embedded(&places.restored()).unwrap();
        let first = event_time(&get(&restored, "k:0").await);
        assert!(first >= before, "{first} < {before}");
        for at in 0..KEYS {
            let value = get(&restored, format!("k:{at}")).await;
            // One moment: a put of 300 rows is one commit.
            assert_eq!(value, Fetched::Value(row("k", first, 1, &format!("\"{first:0400}\"")).value));
        }
        put(&restored, row("new", 1, 1, "1")).await;
        restored.close().await.unwrap();
        drop(restored);
        fs::remove_dir_all(places.restored()).unwrap();
    }
}

#[tokio::test]
async fn of_a_store_at_rest_and_of_an_empty_one() {
    let places = Places::new();
    let store = filled(&places.store(), 5000).await;
    let error = backup(&places.store(), &places.backups()).unwrap_err();
    assert!(error.message.contains("another process has it open"), "{error}");
    store.close().await.unwrap();
    let written = backup(&places.store(), &places.backups()).unwrap();
    assert_eq!((written.rows, written.last_commit), (5000, 3));
    let again = backup(&places.store(), &places.backups()).unwrap();
    assert!(again.file > written.file && again.sha256 == written.sha256, "{again:?}");
    places.restore(&written.file).unwrap();
    let restored = open_embedded(&places.restored()).unwrap();
    assert_eq!(get(&restored, "k:4999").await, Fetched::Value(row("k", 4999, 1, "4999").value));
    drop(restored);
    let empty = Places::new();
    drop(open_embedded(&empty.store()).unwrap());
    let written = backup(&empty.store(), &empty.backups()).unwrap();
    assert_eq!(empty.restore(&written.file).unwrap().rows, 0);
    assert_eq!(check(&empty.restored()).unwrap(), Report { acknowledged_commit: Some(0), ..Report::default() });
}

#[tokio::test]
async fn a_damaged_file_is_refused_and_nothing_is_made_of_it() {
    let places = Places::new();
    drop(filled(&places.store(), 40).await);
    let written = backup(&places.store(), &places.backups()).unwrap();
    let whole = fs::read(&written.file).unwrap();
    let file = places.backups().join("damaged");
    let refused = |bytes: &[u8], what: &str| {
        fs::write(&file, bytes).unwrap();
        let error = places.restore(&file).unwrap_err();
        assert!(error.message.contains(what) && error.message.starts_with(&file.display().to_string()), "{error}");
        assert!(!places.restored().exists());
    };
    for at in 24..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        refused(&bytes, "is damaged or cut short");
        if at % 7 == 0 {
            refused(&whole[..at], "is damaged or cut short");
        }
    }
    refused(&[&whole[..], b"x"].concat(), "is damaged or cut short");
    refused(b"", "is no backup");
    refused(b"something else that is long enough", "is no backup");
    refused(b"unskew backup, format 2\n and more", "has a format that this version does not read");
    assert!(restore(&places.backups().join("none"), &places.restored(), embedded_options()).is_err());
    assert_eq!(places.restore(&written.file).unwrap(), written);
}

#[tokio::test]
async fn a_directory_in_use_and_one_that_is_unfinished_are_refused() {
    let places = Places::new();
    drop(filled(&places.store(), 40).await);
    let written = backup(&places.store(), &places.backups()).unwrap();
    let error = restore(&written.file, &places.store(), embedded_options()).unwrap_err();
    assert!(error.message.contains("is not empty, it holds "), "{error}");
    let error = restore(&written.file, &written.file, embedded_options()).unwrap_err();
    assert!(error.message.contains("is a file"), "{error}");
    // An empty one is taken.
    fs::create_dir(places.restored()).unwrap();
    places.restore(&written.file).unwrap();
    fs::write(places.restored().join("unfinished"), "").unwrap();
    for error in [open_embedded(&places.restored()).err().unwrap(), check(&places.restored()).unwrap_err()] {
        assert!(error.message.contains("holds a restore that was not finished"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_at_a_time_into_a_directory_that_is_there() {
    let places = Places::new();
    let store = Arc::new(filled(&places.store(), 20_000).await);
    let error = store.backup(places.directory.path().join("none")).await.unwrap_err();
    assert!(error.message.contains("none can't be used for backups"), "{error}");
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (store, into) = (Arc::clone(&store), places.backups());
            tokio::spawn(async move { store.backup(into).await })
        })
        .collect();
    let mut written = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => written += 1,
            Err(error) => assert_eq!(error.kind, StoreErrorKind::Busy, "{error}"),
        }
    }
    assert!(written > 0);
    assert_eq!(places.files().len(), written);
    store.close().await.unwrap();
    assert_eq!(store.backup(places.backups()).await.unwrap_err().kind, StoreErrorKind::Closed);
}

#[tokio::test]
async fn a_server_is_backed_up_by_its_own_means() {
    let store = open_redis("redis://127.0.0.1:1", &redis_options()).unwrap();
    let error = store.backup(PathBuf::new()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Refused);
    assert!(error.message.contains("the store is redis"), "{error}");
}
