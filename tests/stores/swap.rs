//! What every store keeps to when it swaps values.

use std::sync::Arc;

use bytes::Bytes;
use unskew_gateway::store::{Fetched, OnlineStore, PutOutcome, SwapOutcome, SwapRow};

use crate::rows::{AMPLE, get, row, swap_row};

/// Runs this part of the contract on a store without keys that begin with `swap:`.
pub async fn contract(store: &Arc<dyn OnlineStore>) {
    let shared: &dyn OnlineStore = &**store;
    another_value_is_left_alone(shared).await;
    near_misses(shared).await;
    a_thousand_rows(shared).await;
    large_values(shared).await;
    one_call_may_hold_a_key_twice(shared).await;
    one_of_many_creates(store).await;
    beside_rows_of_other_keys(store).await;
    over_a_row(shared).await;
    no_update_is_lost(&[Arc::clone(store)]).await;
    no_update_is_lost_in_large_calls(&[Arc::clone(store)]).await;
}

/// Swaps one value, which must be answered.
pub async fn one(store: &dyn OnlineStore, row: SwapRow) -> SwapOutcome {
    store.swap(vec![row], AMPLE).await.expect("an answer").pop().expect("one outcome")
}

async fn another_value_is_left_alone(store: &dyn OnlineStore) {
    let key = "swap:alone";
    assert_eq!(one(store, swap_row(key, Some(b"1"), "2")).await, SwapOutcome::Changed);
    assert_eq!(get(store, key).await, Fetched::Missing);
    assert_eq!(one(store, swap_row(key, None, "1")).await, SwapOutcome::Stored);
    for expected in [None, Some(&b"2"[..]), Some(b"")] {
        assert_eq!(one(store, swap_row(key, expected, "3")).await, SwapOutcome::Changed, "{expected:?}");
        assert_eq!(get(store, key).await, Fetched::Value("1".into()));
    }
    assert_eq!(one(store, swap_row(key, Some(b"1"), "3")).await, SwapOutcome::Stored);
    // What was expected is there no more.
    assert_eq!(one(store, swap_row(key, Some(b"1"), "4")).await, SwapOutcome::Changed);
    // The value that it has already is written like any other.
    assert_eq!(one(store, swap_row(key, Some(b"3"), "3")).await, SwapOutcome::Stored);
    assert_eq!(get(store, key).await, Fetched::Value("3".into()));
}

/// Values that differ by as little as values can.
async fn near_misses(store: &dyn OnlineStore) {
    let all_bytes: Vec<u8> = (0..=255).collect();
    let hash_of_nothing = b"da39a3ee5e6b4b0d3255bfef95601890afd80709";
    let values = [&b""[..], b"\x00", b"\r\n", hash_of_nothing, &all_bytes];
    for (at, value) in values.into_iter().enumerate() {
        let key = [b"swap:near:\x00\xff", at.to_string().as_bytes()].concat();
        assert_eq!(one(store, swap_row(&key, None, value)).await, SwapOutcome::Stored);
        let mut others = vec![[value, b"\x00"].concat()];
        if let Some((last, before)) = value.split_last() {
            others.extend([before.to_vec(), [before, &[last ^ 1]].concat(), value.to_ascii_uppercase()]);
        }
        for other in others.iter().map(|other| Some(&other[..])).chain([None]).filter(|other| *other != Some(value)) {
            let outcome = one(store, swap_row(&key, other, "wrong")).await;
            assert_eq!(outcome, SwapOutcome::Changed, "{value:?} for {other:?}");
        }
        assert_eq!(get(store, &key).await, Fetched::Value(Bytes::copy_from_slice(value)));
        assert_eq!(one(store, swap_row(&key, Some(value), "right")).await, SwapOutcome::Stored, "{value:?}");
        assert_eq!(get(store, &key).await, Fetched::Value("right".into()));
    }
}

async fn a_thousand_rows(store: &dyn OnlineStore) {
    let key = |at: usize| format!("swap:thousand:{at}");
    let rows = (0..1000).map(|at| swap_row(key(at), None, at.to_string())).collect();
    assert_eq!(store.swap(rows, AMPLE).await, Ok(vec![SwapOutcome::Stored; 1000]));
    // Every third expects something else, every seventh nothing at all.
    let wrong = |at: usize| at.is_multiple_of(3) || at.is_multiple_of(7);
    let rows = (0..1000)
        .map(|at: usize| {
            let read = (if at.is_multiple_of(3) { at + 1 } else { at }).to_string();
            let expected = (!at.is_multiple_of(7)).then_some(read.as_bytes());
            swap_row(key(at), expected, format!("new {at}"))
        })
        .collect();
    let outcomes = store.swap(rows, AMPLE).await.unwrap();
    let values = store.fetch((0..1000).map(|at| key(at).into()).collect(), AMPLE).await.unwrap();
    assert_eq!((outcomes.len(), values.len()), (1000, 1000));
    for (at, (outcome, value)) in outcomes.into_iter().zip(values).enumerate() {
        let (expected, left) =
            if wrong(at) { (SwapOutcome::Changed, at.to_string()) } else { (SwapOutcome::Stored, format!("new {at}")) };
        assert_eq!((outcome, value), (expected, Fetched::Value(left.into())), "row {at}");
    }
}

async fn large_values(store: &dyn OnlineStore) {
    let large = |letter: u8| vec![letter; 1 << 20];
    let mut before: Option<Vec<u8>> = None;
    for letter in *b"abcd" {
        let outcome = one(store, swap_row("swap:large", before.as_deref(), large(letter))).await;
        assert_eq!(outcome, SwapOutcome::Stored);
        assert!(get(store, "swap:large").await == Fetched::Value(large(letter).into()));
        let mut almost = large(letter);
        almost[(1 << 20) - 1] ^= 1;
        assert_eq!(one(store, swap_row("swap:large", Some(&almost), "x")).await, SwapOutcome::Changed);
        before = Some(large(letter));
    }
    let rows = (0..8).map(|at| swap_row(format!("swap:large:{at}"), None, large(at))).collect();
    assert_eq!(store.swap(rows, AMPLE).await, Ok(vec![SwapOutcome::Stored; 8]));
    assert_eq!(one(store, swap_row("swap:large", before.as_deref(), "small")).await, SwapOutcome::Stored);
    assert_eq!(get(store, "swap:large").await, Fetched::Value("small".into()));
}

async fn one_call_may_hold_a_key_twice(store: &dyn OnlineStore) {
    let rows = [(None, "a"), (None, "b"), (Some("a"), "c"), (Some("a"), "d"), (Some("c"), "e")]
        .map(|(expected, value)| swap_row("swap:twice", expected.map(str::as_bytes), value));
    let (stored, changed) = (SwapOutcome::Stored, SwapOutcome::Changed);
    let outcomes = [&stored, &changed, &stored, &changed, &stored].map(SwapOutcome::clone).to_vec();
    assert_eq!(store.swap(rows.to_vec(), AMPLE).await, Ok(outcomes));
    assert_eq!(get(store, "swap:twice").await, Fetched::Value("e".into()));
}

async fn one_of_many_creates(store: &Arc<dyn OnlineStore>) {
    for round in 0..5 {
        let key = format!("swap:create:{round}");
        let tasks: Vec<_> = (0..16)
            .map(|writer: u8| {
                let (store, row) = (Arc::clone(store), swap_row(&key, None, [writer]));
                tokio::spawn(async move { (writer, one(&*store, row).await) })
            })
            .collect();
        let mut won = Vec::new();
        for task in tasks {
            match task.await.unwrap() {
                (writer, SwapOutcome::Stored) => won.push(writer),
                (_, SwapOutcome::Changed) => {}
                (_, SwapOutcome::Failed(why)) => panic!("{why}"),
            }
        }
        assert_eq!(won.len(), 1, "{won:?}");
        assert_eq!(get(&**store, &key).await, Fetched::Value(won.into()));
    }
}

/// Rows and values of different keys, written at once, share a commit and know nothing of each other.
async fn beside_rows_of_other_keys(store: &Arc<dyn OnlineStore>) {
    for round in 0..20 {
        let rows: Vec<_> = (0..10).map(|at| row(format!("swap:row:{at}"), round, 1, "1")).collect();
        let swaps = |from: i64, to: i64| {
            let read = |at| format!("{at} {from}").into_bytes();
            let row = |at| {
                swap_row(format!("swap:beside:{at}"), (from > 0).then(|| read(at)).as_deref(), format!("{at} {to}"))
            };
            (0..10).map(row).collect::<Vec<_>>()
        };
        let (put, first, stale) = tokio::join!(
            store.put(rows, AMPLE),
            store.swap(swaps(round, round + 1), AMPLE),
            store.swap(swaps(round + 7, round), AMPLE),
        );
        assert_eq!(put, Ok(vec![PutOutcome::Stored; 10]));
        assert_eq!(first, Ok(vec![SwapOutcome::Stored; 10]));
        assert_eq!(stale, Ok(vec![SwapOutcome::Changed; 10]));
    }
    for at in 0..10 {
        assert_eq!(get(&**store, format!("swap:beside:{at}")).await, Fetched::Value(format!("{at} 20").into()));
        let newest = row(format!("swap:row:{at}"), 19, 1, "1");
        assert_eq!(get(&**store, &newest.key).await, Fetched::Value(newest.value));
    }
}

/// A row is a value like any other.
async fn over_a_row(store: &dyn OnlineStore) {
    let old = row("swap:over", 10, 1, "1");
    let (put, swap) = tokio::join!(
        store.put(vec![old.clone()], AMPLE),
        store.swap(vec![swap_row(&old.key, Some(b"something else"), "1")], AMPLE)
    );
    assert_eq!((put, swap), (Ok(vec![PutOutcome::Stored]), Ok(vec![SwapOutcome::Changed])));
    let older = row("swap:over", 5, 1, "2");
    assert_eq!(one(store, swap_row(&old.key, Some(&old.value), &older.value)).await, SwapOutcome::Stored);
    assert_eq!(get(store, &old.key).await, Fetched::Value(older.value));
}

/// The number that a value says; none without a value.
pub fn number(found: &Fetched) -> Option<u64> {
    match found {
        Fetched::Value(value) => Some(std::str::from_utf8(value).expect("digits").parse().expect("a number")),
        Fetched::Missing => None,
        Fetched::Damaged(why) | Fetched::Failed(why) => panic!("{why}"),
    }
}

/// Adds one to the number under each key, from as many tries as it takes. Gives how many came too late.
pub async fn increment(store: &dyn OnlineStore, mut keys: Vec<Bytes>) -> u64 {
    let mut late = 0;
    while !keys.is_empty() {
        let found = store.fetch(keys.clone(), AMPLE).await.unwrap();
        let rows: Vec<_> = keys
            .iter()
            .zip(&found)
            .map(|(key, found)| {
                let expected = number(found).map(|number| number.to_string());
                let next = number(found).unwrap_or(0) + 1;
                swap_row(key, expected.as_ref().map(String::as_bytes), next.to_string())
            })
            .collect();
        let outcomes = store.swap(rows, AMPLE).await.unwrap();
        assert_eq!(outcomes.len(), keys.len());
        assert!(!outcomes.iter().any(|outcome| matches!(outcome, SwapOutcome::Failed(_))), "{outcomes:?}");
        let mut outcomes = outcomes.iter();
        keys.retain(|_| outcomes.next() == Some(&SwapOutcome::Changed));
        late += keys.len() as u64;
    }
    late
}

/// Eight writers, who take turns at the stores, add 200 each to one number.
pub async fn no_update_is_lost(stores: &[Arc<dyn OnlineStore>]) {
    let (late, found) = race(stores, &["swap:hot".into()], 200).await;
    assert_eq!(found, [Some(1600)]);
    assert!(late > 0, "no two writers met");
}

/// Eight writers add 25 each to each of 40 numbers, all in one call.
pub async fn no_update_is_lost_in_large_calls(stores: &[Arc<dyn OnlineStore>]) {
    let keys: Vec<Bytes> = (0..40).map(|at| format!("swap:many:{at}").into()).collect();
    let (late, found) = race(stores, &keys, 25).await;
    assert_eq!(found, [Some(200); 40]);
    assert!(late > 0, "no two writers met");
}

/// Eight writers, each of whom adds one to each number this many times: how many swaps came too late, and the numbers.
async fn race(stores: &[Arc<dyn OnlineStore>], keys: &[Bytes], times: usize) -> (u64, Vec<Option<u64>>) {
    let tasks: Vec<_> = (0..8)
        .map(|writer: usize| {
            let (store, mut keys) = (Arc::clone(&stores[writer % stores.len()]), keys.to_vec());
            let middle = writer * keys.len() / 8;
            keys.rotate_left(middle);
            tokio::spawn(async move {
                let mut late = 0;
                for _ in 0..times {
                    late += increment(&*store, keys.clone()).await;
                }
                late
            })
        })
        .collect();
    let mut late = 0;
    for task in tasks {
        late += task.await.unwrap();
    }
    let found = stores[0].fetch(keys.to_vec(), AMPLE).await.unwrap();
    (late, found.iter().map(number).collect())
}
