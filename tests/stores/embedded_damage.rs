//! The embedded store over damaged files: an error, a damaged value or the right one, never a wrong one.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use unskew_gateway::store::embedded::{Embedded, accept_loss, check};
use unskew_gateway::store::{Fetched, OnlineStore, PutRow};

use crate::rows::{AMPLE, embedded_options, get, open_embedded, put, row};

/// The files of a directory, kept in memory. Journals are mostly zeros, which are not kept.
struct Files(Vec<(PathBuf, Vec<u8>, u64)>);

impl Files {
    fn of(directory: &Path) -> Self {
        let mut files = Vec::new();
        let mut open = vec![directory.to_owned()];
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            } else {
                // An open store removes tables.
                let Ok(mut bytes) = fs::read(&path) else { continue };
                let length = bytes.len() as u64;
                let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |at| at + 1);
                bytes.truncate(end);
                files.push((path.strip_prefix(directory).unwrap().to_owned(), bytes, length));
            }
        }
        files.sort();
        Self(files)
    }

    fn write(&self, directory: &Path) {
        for (path, bytes, length) in &self.0 {
            let path = directory.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, bytes).unwrap();
            fs::File::options().write(true).open(&path).unwrap().set_len(*length).unwrap();
        }
    }
}

fn flip(path: &Path, at: usize, bits: u8) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= bits;
    fs::write(path, bytes).unwrap();
}

/// Where the data of a file end: its last byte that is not zero.
fn data_end(path: &Path) -> usize {
    fs::read(path).unwrap().iter().rposition(|&byte| byte != 0).unwrap() + 1
}

fn open_small(directory: &Path) -> Result<Embedded, unskew_gateway::store::StoreError> {
    let mut options = embedded_options();
    options.write_buffer_bytes = 64 << 10;
    Embedded::open(directory, options)
}

/// A text of some hundred letters that does not compress.
fn noise(seed: i64) -> String {
    let mut state = u64::try_from(seed).unwrap();
    let mut text = "\"vvvv".to_owned();
    for _ in 0..20 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text += &format!("{state:x}");
    }
    text + "\""
}

/// A store with tables and a journal, and the newest row of each key; the first 120 are in tables.
async fn build(directory: &Path) -> Vec<PutRow> {
    let store = open_small(directory).unwrap();
    let mut newest = Vec::new();
    for round in 0..4 {
        newest = (0..120).map(|at| row(format!("key:{at}"), round, at, &noise(at))).collect();
        for part in newest.chunks(13) {
            store.put(part.to_vec(), AMPLE).await.unwrap();
        }
    }
    // More than the write buffer takes, so that what is before it goes into tables.
    let others: Vec<_> = (0..300).map(|at| row(format!("other:{at}"), 1, at, &noise(at))).collect();
    store.put(others.clone(), AMPLE).await.unwrap();
    let start = Instant::now();
    while !tables_have(directory, &newest).await {
        assert!(start.elapsed() < Duration::from_secs(30), "the rows are not written to tables");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    store.close().await.unwrap();
    newest.extend(others);
    newest
}

/// Whether the rows are in the tables of a store that is open: whether a copy without its journals has them.
async fn tables_have(directory: &Path, rows: &[PutRow]) -> bool {
    let (files, copy) = (Files::of(directory), tempfile::tempdir().unwrap());
    Files(files.0.into_iter().filter(|(path, ..)| path.extension().is_none_or(|end| end != "jnl")).collect())
        .write(copy.path());
    // Tables may have been written while they were copied.
    let Ok(store) = accept_loss(copy.path()).and_then(|_| open_small(copy.path())) else { return false };
    let mut all = true;
    for row in rows {
        all &= get(&store, &row.key).await == Fetched::Value(row.value.clone());
    }
    store.close().await.unwrap();
    all
}

#[tokio::test]
async fn a_flipped_byte_anywhere_never_gives_a_wrong_value() {
    let seeds = std::env::var("UNSKEW_DAMAGE_SEEDS").map_or(1, |count| count.parse().unwrap());
    for seed in 0..seeds {
        let [refused, damaged, unharmed] = flip_bytes_anywhere(seed).await;
        println!("refused {refused}, damaged {damaged}, unharmed {unharmed}");
        assert!(refused > 10 && damaged > 5, "refused {refused}, damaged {damaged}, unharmed {unharmed}");
    }
}

/// How many stores were refused, had a damaged value, and had none.
async fn flip_bytes_anywhere(seed: u64) -> [u32; 3] {
    let source = tempfile::tempdir().unwrap();
    let rows = build(source.path()).await;
    let files = Files::of(source.path());
    assert!(files.0.iter().any(|(path, ..)| path.to_string_lossy().contains("tables")), "no tables were written");
    let mut random = 42 + seed;
    let mut next = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).unwrap() % below
    };
    let (mut refused, mut damaged, mut unharmed) = (0, 0, 0);
    for (path, bytes, _) in files.0.iter().filter(|(_, bytes, _)| !bytes.is_empty()) {
        let trials = if path.iter().any(|part| part == "tables") { 30 } else { 8 };
        for _ in 0..trials {
            let directory = tempfile::tempdir().unwrap();
            files.write(directory.path());
            let (at, bits) = (next(bytes.len()), 1 << next(8));
            flip(&directory.path().join(path), at, bits);
            let what = format!("{} at {at} ^ {bits}", path.display());
            let store = match open_small(directory.path()) {
                Ok(store) => store,
                Err(error) => {
                    refused += 1;
                    assert!(error.message.contains(&directory.path().display().to_string()), "{what}: {error}");
                    // Whether anything can be saved or not, trying does no harm.
                    let (_, _) = (check(directory.path()), accept_loss(directory.path()));
                    continue;
                }
            };
            let mut harmed = false;
            for row in &rows {
                match store.fetch(vec![row.key.clone()], AMPLE).await.as_deref() {
                    Ok([Fetched::Value(value)]) => assert_eq!(value, &row.value, "{what}"),
                    Ok([Fetched::Damaged(_) | Fetched::Failed(_)]) | Err(_) => harmed = true,
                    other => panic!("{what}: {:?} is {other:?}", row.key),
                }
            }
            // Writes may fail; they must not hang or panic.
            let _ = store.put(vec![row("key:1", 9, 9, "1")], AMPLE).await;
            let _ = store.close().await;
            let report = check(directory.path()).unwrap();
            assert!(!harmed || !report.is_sound() || path.ends_with("lock"), "{what}: {report:?}");
            if harmed { damaged += 1 } else { unharmed += 1 }
        }
    }
    [refused, damaged, unharmed]
}

/// The files that name the tables of a keyspace, by their paths under the store.
fn lists(store: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for keyspace in fs::read_dir(store.join("engine/keyspaces")).unwrap() {
        let keyspace = keyspace.unwrap().path();
        let current = keyspace.join("current");
        let number = u64::from_le_bytes(fs::read(&current).unwrap()[..8].try_into().unwrap());
        paths.extend([current, keyspace.join(format!("v{number}"))]);
    }
    paths
}

fn refused(store: &Path, what: &str) {
    let error = open_small(store).map(|_| ()).expect_err(what);
    assert!(error.message.contains("is damaged: ") && error.message.contains("restore a copy"), "{what}: {error}");
    assert_eq!(check(store).unwrap_err().message, error.message, "{what}");
    assert_eq!(accept_loss(store).unwrap_err().message, error.message, "{what}");
}

async fn holds(store: &Path, rows: &[PutRow]) {
    let store = open_small(store).unwrap();
    for row in rows {
        assert_eq!(get(&store, &row.key).await, Fetched::Value(row.value.clone()));
    }
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_damaged_list_of_tables_is_refused_at_every_byte() {
    let directory = tempfile::tempdir().unwrap();
    let rows = build(directory.path()).await;
    let paths = lists(directory.path());
    assert_eq!(paths.len(), 4, "{paths:?}");
    for path in paths {
        let bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            flip(&path, at, 1 << (at % 8));
            refused(directory.path(), &format!("{} at {at}", path.display()));
            fs::write(&path, &bytes).unwrap();
        }
        for end in [0, 8, bytes.len() - 1] {
            fs::write(&path, &bytes[..end]).unwrap();
            refused(directory.path(), &format!("{} cut at {end}", path.display()));
        }
        // Without it fjall would take the keyspace for one that was never finished, and delete it.
        fs::remove_file(&path).unwrap();
        refused(directory.path(), &format!("{} is gone", path.display()));
        fs::write(&path, &bytes).unwrap();
    }
    let stranger = directory.path().join("engine/keyspaces/lost+found");
    fs::create_dir(&stranger).unwrap();
    refused(directory.path(), "a directory that is none of a keyspace");
    fs::remove_dir(&stranger).unwrap();
    holds(directory.path(), &rows).await;
}

#[tokio::test]
async fn a_keyspace_that_was_not_finished_is_no_damage() {
    let directory = tempfile::tempdir().unwrap();
    let rows = build(directory.path()).await;
    fs::create_dir_all(directory.path().join("engine/keyspaces/2/tables")).unwrap();
    holds(directory.path(), &rows).await;
}

#[tokio::test]
async fn commits_that_fjall_dropped_are_missed() {
    let directory = tempfile::tempdir().unwrap();
    let journal = directory.path().join("engine").join("0.jnl");
    let store = open_embedded(directory.path()).unwrap();
    let mut ends = Vec::new();
    for at in 0..10 {
        put(&store, row(format!("{at}"), 1, 1, "1")).await;
        ends.push(data_end(&journal));
    }
    drop(store);
    // The tag of the seventh commit: fjall takes it for the end of the journal.
    flip(&journal, ends[5], 0xff);
    for _ in 0..2 {
        let error = open_embedded(directory.path()).err().unwrap();
        assert!(error.message.contains("has lost acknowledged writes: its commits 7 to 10 are gone"), "{error}");
        assert!(error.message.contains("check-store --accept-loss"), "{error}");
    }
    let report = check(directory.path()).unwrap();
    assert_eq!((report.values, report.last_commit, report.acknowledged_commit), (6, 6, Some(10)));
    assert!(!report.is_sound() && report.lost.is_some());
    let lost = accept_loss(directory.path()).unwrap().unwrap();
    assert!(lost.contains("commits 7 to 10"), "{lost}");
    assert_eq!(accept_loss(directory.path()), Ok(None));
    assert!(check(directory.path()).unwrap().is_sound());
    let store = open_embedded(directory.path()).unwrap();
    assert!(matches!(get(&store, "5").await, Fetched::Value(_)));
    assert_eq!(get(&store, "6").await, Fetched::Missing);
    put(&store, row("6", 1, 1, "1")).await;
    drop(store);
    assert_eq!(check(directory.path()).unwrap().last_commit, 7);
}

#[tokio::test]
async fn a_commit_that_fails_its_checksum_is_an_error_and_can_be_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let rows = build(directory.path()).await;
    let journals: Vec<_> =
        fs::read_dir(directory.path().join("engine")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let journal = journals.into_iter().filter(|path| path.extension().is_some_and(|end| end == "jnl")).max().unwrap();
    let text = fs::read(&journal).unwrap();
    let at = text.windows(4).position(|part| part == b"vvvv").unwrap();
    flip(&journal, at, 1);
    let error = open_small(directory.path()).err().unwrap();
    assert!(error.message.contains("a commit in its journal fails its checksum"), "{error}");
    let lost = accept_loss(directory.path()).unwrap().unwrap();
    assert!(lost.contains("journals-set-aside-1"), "{lost}");
    let store = open_small(directory.path()).unwrap();
    put(&store, PutRow { event_time: i64::MAX, ..rows[0].clone() }).await;
    store.close().await.unwrap();
    assert!(check(directory.path()).unwrap().is_sound());
}

#[tokio::test]
async fn a_gap_in_a_sealed_journal_is_missed() {
    let directory = tempfile::tempdir().unwrap();
    let engine = directory.path().join("engine");
    let journal = engine.join("0.jnl");
    let store = open_embedded(directory.path()).unwrap();
    let mut ends = Vec::new();
    for at in 0..9 {
        put(&store, row(format!("{at}"), 1, 1, "1")).await;
        ends.push(data_end(&journal));
    }
    drop(store);
    // As fjall leaves it when it has begun a second journal and not yet written the first one's rows to a table.
    let mut bytes = fs::read(&journal).unwrap();
    bytes.truncate(ends[8]);
    let second = bytes.split_off(ends[5]);
    bytes.resize(bytes.len() + 1000, 0);
    fs::write(&journal, &bytes).unwrap();
    fs::write(engine.join("1.jnl"), &second).unwrap();
    let sound = tempfile::tempdir().unwrap();
    Files::of(directory.path()).write(sound.path());
    assert!(open_embedded(sound.path()).is_ok());
    assert_eq!(check(sound.path()).unwrap().values, 9);
    flip(&journal, ends[2], 0xff);
    for _ in 0..2 {
        let error = open_embedded(directory.path()).err().unwrap();
        assert!(error.message.contains("has lost acknowledged writes: the sealed journal"), "{error}");
    }
    assert_eq!(check(directory.path()).unwrap().values, 6);
    assert!(accept_loss(directory.path()).unwrap().is_some());
    assert!(open_embedded(directory.path()).is_ok());
}

#[tokio::test]
async fn a_torn_or_missing_watermark_is_written_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_embedded(directory.path()).unwrap();
    put(&store, row("a", 1, 1, "1")).await;
    drop(store);
    let watermark = directory.path().join("watermark");
    for bytes in [&b"torn"[..], &[7; 16], b""] {
        fs::write(&watermark, bytes).unwrap();
        assert_eq!(check(directory.path()).unwrap().acknowledged_commit, None);
        drop(open_embedded(directory.path()).unwrap());
        assert_eq!(check(directory.path()).unwrap().acknowledged_commit, Some(1));
    }
    fs::remove_file(&watermark).unwrap();
    drop(open_embedded(directory.path()).unwrap());
    assert_eq!(check(directory.path()).unwrap().acknowledged_commit, Some(1));
}

#[tokio::test]
async fn a_check_lists_what_is_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let rows = build(directory.path()).await;
    let report = check(directory.path()).unwrap();
    assert!(report.is_sound(), "{report:?}");
    let bytes: usize = rows.iter().map(|row| row.key.len() + row.value.len()).sum();
    assert_eq!((report.values, report.bytes), (rows.len() as u64, bytes as u64));
    // As if a value of ours had been written wrongly by another program: fjall finds nothing amiss.
    let keys: Vec<Bytes> = rows.iter().take(110).map(|row| row.key.clone()).collect();
    {
        let database = fjall::Database::builder(directory.path().join("engine")).open().unwrap();
        let keyspace = database.keyspace("rows", fjall::KeyspaceCreateOptions::default).unwrap();
        for key in &keys {
            keyspace.insert(key.clone(), "a value without a checksum").unwrap();
        }
    }
    let report = check(directory.path()).unwrap();
    assert_eq!((report.values, report.damaged, report.damaged_keys.len()), (rows.len() as u64 - 110, 110, 100));
    assert!(report.damaged_keys.iter().all(|key| keys.contains(key)));
    let store = open_small(directory.path()).unwrap();
    assert_eq!(get(&store, &keys[0]).await, Fetched::Damaged("checksum mismatch"));
    assert_eq!(get(&store, &rows[115].key).await, Fetched::Value(rows[115].value.clone()));
    // A new row repairs its key.
    put(&store, row(&keys[0], 1, 1, "1")).await;
    assert_eq!(get(&store, &keys[0]).await, Fetched::Value(row(&keys[0], 1, 1, "1").value));
}
