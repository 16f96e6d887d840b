//! What every store keeps to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use unskew_gateway::store::{Fetched, OnlineStore, PutOutcome, PutRow, StoreErrorKind, SwapOutcome};

use crate::rows::{AMPLE, get, put, row, swap_row};
use crate::swap;

/// Stores a value as another tool would.
type SetPlainly<'a> = &'a (dyn Fn(&[u8], &[u8]) + Sync);

/// Runs the whole contract on an empty store. `set_plainly` stores a value as another tool would, without reserved members; a store
/// that no other tool can write to has none.
pub async fn contract(store: Arc<dyn OnlineStore>, set_plainly: Option<SetPlainly<'_>>) {
    let shared: &dyn OnlineStore = &*store;
    nothing_asked(shared).await;
    missing_and_present_keys_in_order(shared).await;
    binary_keys_and_values(shared).await;
    a_thousand_keys(shared).await;
    big_values(shared).await;
    the_greatest_row_stays(shared).await;
    extreme_times(shared).await;
    one_call_may_hold_a_key_twice(shared).await;
    concurrent_writers(&store).await;
    a_budget_is_kept(shared).await;
    swap::contract(&store).await;
    if let Some(set_plainly) = set_plainly {
        values_of_other_tools(shared, set_plainly).await;
    }
    closing(shared).await;
}

async fn nothing_asked(store: &dyn OnlineStore) {
    assert_eq!(store.fetch(Vec::new(), AMPLE).await, Ok(Vec::new()));
    assert_eq!(store.put(Vec::new(), AMPLE).await, Ok(Vec::new()));
    assert_eq!(store.swap(Vec::new(), AMPLE).await, Ok(Vec::new()));
    assert_eq!(store.ping(AMPLE).await, Ok(()));
}

async fn missing_and_present_keys_in_order(store: &dyn OnlineStore) {
    let (a, b) = (row("order:a", 1, 1, "1"), row("order:b", 1, 1, "2"));
    assert_eq!(store.put(vec![a.clone(), b.clone()], AMPLE).await, Ok(vec![PutOutcome::Stored, PutOutcome::Stored]));
    let keys = ["order:b", "order:none", "order:a", "order:b"].map(Bytes::from).to_vec();
    let (a, b) = (Fetched::Value(a.value), Fetched::Value(b.value));
    assert_eq!(store.fetch(keys, AMPLE).await, Ok(vec![b.clone(), Fetched::Missing, a, b]));
}

async fn binary_keys_and_values(store: &dyn OnlineStore) {
    for key in [&b"\x00"[..], b"\xff\xfe\x00key", b"with space\r\n", "schlüssel".as_bytes(), &[7; 1000]] {
        let mut row = row(key, 1, 1, "1");
        let mut value = row.value.to_vec();
        value.extend((0..=255).rev());
        row.value = value.into();
        put(store, row.clone()).await;
        assert_eq!(get(store, key).await, Fetched::Value(row.value));
    }
}

async fn a_thousand_keys(store: &dyn OnlineStore) {
    let rows: Vec<_> = (0..1000).map(|at| row(format!("thousand:{at}"), at, 1, &at.to_string())).collect();
    let outcomes = store.put(rows.clone(), AMPLE).await.unwrap();
    assert_eq!(outcomes, vec![PutOutcome::Stored; 1000]);
    let keys = rows.iter().map(|row| row.key.clone()).chain([Bytes::from("thousand:none")]).collect();
    let values = store.fetch(keys, AMPLE).await.unwrap();
    let expected = rows.into_iter().map(|row| Fetched::Value(row.value)).chain([Fetched::Missing]);
    assert!(values.into_iter().eq(expected));
}

async fn big_values(store: &dyn OnlineStore) {
    let big = |times: i64, letter: &str| row("big", times, 1, &format!("\"{}\"", letter.repeat(6 << 20)));
    put(store, big(1, "a")).await;
    put(store, big(1, "b")).await;
    put(store, big(1, "a")).await;
    assert!(get(store, "big").await == Fetched::Value(big(1, "b").value));
    put(store, row("big", 2, 1, "0")).await;
    assert_eq!(get(store, "big").await, Fetched::Value(row("big", 2, 1, "0").value));
}

async fn the_greatest_row_stays(store: &dyn OnlineStore) {
    let (early, late) = (row("greatest", 9, 5, "1"), row("greatest", 10, 1, "1"));
    for (stored, new, kept) in [
        (&early, &late, &late),
        (&late, &early, &late),
        (&row("greatest", 20, 1, "1"), &row("greatest", 20, 2, "0"), &row("greatest", 20, 2, "0")),
        (&row("greatest", 20, 2, "0"), &row("greatest", 20, 1, "9"), &row("greatest", 20, 2, "0")),
        (&row("greatest", 30, 1, "1"), &row("greatest", 30, 1, "2"), &row("greatest", 30, 1, "2")),
        (&row("greatest", 30, 1, "2"), &row("greatest", 30, 1, "1"), &row("greatest", 30, 1, "2")),
        (&row("greatest", 30, 1, "2"), &row("greatest", 30, 1, "2"), &row("greatest", 30, 1, "2")),
        // As bytes: "10" is less than "2", and ä (0xc3 0xa4) is greater than z.
        (&row("greatest", 31, 1, "10"), &row("greatest", 31, 1, "2"), &row("greatest", 31, 1, "2")),
        (&row("greatest", 32, 1, "\"z\""), &row("greatest", 32, 1, "\"ä\""), &row("greatest", 32, 1, "\"ä\"")),
        (&row("greatest", 33, 1, "\"Z\""), &row("greatest", 33, 1, "\"a\""), &row("greatest", 33, 1, "\"a\"")),
    ] {
        put(store, stored.clone()).await;
        put(store, new.clone()).await;
        assert_eq!(get(store, "greatest").await, Fetched::Value(kept.value.clone()), "{stored:?} then {new:?}");
    }
}

async fn extreme_times(store: &dyn OnlineStore) {
    // Each is greater than the one before it, and near neighbours differ by less than a double can tell.
    let ordered = [
        (i64::MIN, i64::MIN),
        (i64::MIN, 0),
        (i64::MIN + 1, i64::MIN),
        (-9_007_199_254_740_993, 0),
        (-9_007_199_254_740_992, 0),
        (-1_000_000_001, 0),
        (-1_000_000_000, 0),
        (-999_999_999, 0),
        (-1, i64::MAX),
        (0, i64::MIN),
        (0, -1),
        (0, 1),
        (999_999_999, 0),
        (1_000_000_000, 0),
        (9_007_199_254_740_992, 0),
        (9_007_199_254_740_993, 0),
        (i64::MAX - 1, i64::MAX),
        (i64::MAX, i64::MAX - 1),
        (i64::MAX, i64::MAX),
    ];
    for pair in ordered.windows(2) {
        let rows = [0, 1].map(|at| row(format!("extreme:{pair:?}"), pair[at].0, pair[at].1, "1"));
        for new in [&rows[0], &rows[1], &rows[0]] {
            put(store, new.clone()).await;
        }
        assert_eq!(get(store, &rows[1].key).await, Fetched::Value(rows[1].value.clone()), "{pair:?}");
    }
}

async fn one_call_may_hold_a_key_twice(store: &dyn OnlineStore) {
    let rows = [3, 5, 4].map(|time| row("twice", time, 1, "1")).to_vec();
    assert_eq!(store.put(rows, AMPLE).await, Ok(vec![PutOutcome::Stored; 3]));
    assert_eq!(get(store, "twice").await, Fetched::Value(row("twice", 5, 1, "1").value));
}

/// Many tasks write rows of the same few keys in different orders; whatever the order, the greatest of each key stays.
async fn concurrent_writers(store: &Arc<dyn OnlineStore>) {
    let keys = 20;
    let rows: Vec<PutRow> = (0..600)
        .map(|at: i64| {
            let scrambled = at * 7919 % 600;
            // Few distinct times, so that created times and bytes decide as well.
            row(format!("race:{}", at % keys), scrambled % 7, scrambled % 5, &scrambled.to_string())
        })
        .collect();
    let tasks: Vec<_> = (0..24)
        .map(|task: usize| {
            let (store, mut rows) = (Arc::clone(store), rows.clone());
            let middle = task * 25;
            rows.rotate_left(middle);
            if task % 2 == 1 {
                rows.reverse();
            }
            tokio::spawn(async move {
                for part in rows.chunks(1 + task * 3) {
                    let outcomes = store.put(part.to_vec(), AMPLE).await.unwrap();
                    assert_eq!(outcomes, vec![PutOutcome::Stored; part.len()]);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    for key in 0..keys {
        let key = format!("race:{key}");
        let same = rows.iter().filter(|row| row.key == key.as_bytes());
        let greatest = same.max_by_key(|row| (row.event_time, row.created, row.value.clone())).unwrap();
        assert_eq!(get(&**store, key).await, Fetched::Value(greatest.value.clone()));
    }
}

async fn a_budget_is_kept(store: &dyn OnlineStore) {
    let keys: Vec<_> = (0..5000).map(|at| Bytes::from(format!("budget:{at}"))).collect();
    let start = Instant::now();
    let error = store.fetch(keys, Duration::ZERO).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Timeout, "{error}");
    let rows = (0..100).map(|at| row(format!("budget:{at}"), 1, 1, "1")).collect();
    let error = store.put(rows, Duration::ZERO).await.unwrap_err();
    assert!([StoreErrorKind::Timeout, StoreErrorKind::Busy].contains(&error.kind), "{error}");
    let rows = (0..100).map(|at| swap_row(format!("budget:{at}"), None, "1")).collect();
    let error = store.swap(rows, Duration::ZERO).await.unwrap_err();
    assert!([StoreErrorKind::Timeout, StoreErrorKind::Busy].contains(&error.kind), "{error}");
    assert!(start.elapsed() < Duration::from_secs(1));
}

async fn values_of_other_tools(store: &dyn OnlineStore, set_plainly: SetPlainly<'_>) {
    for value in [
        &b"{\"x\":1}"[..],
        b"not json",
        b"",
        b"\xff\x00",
        b"{\"__event_time\":9223372036854775808,\"x\":1}",
        b"{\"__event_time\":1.5}",
        b"{\"x\":1,\"__event_time\":9000}",
    ] {
        let key = format!("plain:{}", value.escape_ascii());
        set_plainly(key.as_bytes(), value);
        assert_eq!(get(store, &key).await, Fetched::Value(Bytes::copy_from_slice(value)));
        let oldest = row(&key, i64::MIN, i64::MIN, "1");
        put(store, oldest.clone()).await;
        assert_eq!(get(store, &key).await, Fetched::Value(oldest.value), "over {key}");
    }
    set_plainly(b"plain:swap", b"\xff\x00set");
    assert_eq!(swap::one(store, swap_row("plain:swap", None, "1")).await, SwapOutcome::Changed);
    assert_eq!(swap::one(store, swap_row("plain:swap", Some(b"\xff\x00set"), "2")).await, SwapOutcome::Stored);
    assert_eq!(get(store, "plain:swap").await, Fetched::Value("2".into()));
    let spaced: &[u8] = b" {\r\n\t\"__event_time\" : 50 , \"__created\" : 3 , \"x\" : 1 }";
    set_plainly(b"plain:spaced", spaced);
    put(store, row("plain:spaced", 50, 2, "1")).await;
    assert_eq!(get(store, "plain:spaced").await, Fetched::Value(Bytes::copy_from_slice(spaced)));
    put(store, row("plain:spaced", 50, 4, "1")).await;
    assert_eq!(get(store, "plain:spaced").await, Fetched::Value(row("plain:spaced", 50, 4, "1").value));
}

async fn closing(store: &dyn OnlineStore) {
    assert_eq!(store.close().await, Ok(()));
    assert_eq!(store.close().await, Ok(()));
    let kind = |error: unskew_gateway::store::StoreError| error.kind;
    assert_eq!(store.fetch(vec!["a".into()], AMPLE).await.map_err(kind), Err(StoreErrorKind::Closed));
    assert_eq!(store.put(vec![row("a", 1, 1, "1")], AMPLE).await.map_err(kind), Err(StoreErrorKind::Closed));
    assert_eq!(store.swap(vec![swap_row("a", None, "1")], AMPLE).await.map_err(kind), Err(StoreErrorKind::Closed));
    assert_eq!(store.ping(AMPLE).await.map_err(kind), Err(StoreErrorKind::Closed));
}
