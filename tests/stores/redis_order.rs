//! The order of rows in the Lua script against the one in Rust, on random pairs, on a real server.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof};
use proptest::test_runner::TestRunner;
use unskew_gateway::store::order::{self, Times};
use unskew_gateway::store::{Fetched, OnlineStore, PutOutcome, PutRow};

use crate::rows::{AMPLE, get, open_redis, redis_options, wait_ready};
use crate::support::redis::RedisServer;

/// A number as text, right or wrong, close to the edges and to others of its kind.
fn number() -> impl Strategy<Value = String> {
    let near = |middle: i128| (-2_i128..=2).prop_map(move |away| (middle + away).to_string());
    prop_oneof![
        4 => (-3_i64..3).prop_map(|number| number.to_string()),
        2 => any::<i64>().prop_map(|number| number.to_string()),
        1 => near(i128::from(i64::MAX)),
        1 => near(i128::from(i64::MIN)),
        1 => near(1 << 53),
        1 => near(1_000_000_000),
        1 => near(-1_000_000_000),
        1 => (0..3_usize, any::<i64>()).prop_map(|(zeros, number)| format!("{}{}", "0".repeat(zeros * 9), number.unsigned_abs())),
        1 => "[-0-9]{0,22}",
        1 => Just("-0".to_owned()),
        1 => Just("1.5".to_owned()),
        1 => Just("\"1\"".to_owned()),
    ]
}

fn space() -> impl Strategy<Value = String> {
    prop_oneof![6 => Just(String::new()), 1 => "[ \t\r\n]{1,3}", 1 => Just("\u{b}".to_owned())]
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![4 => -3_i64..3, 1 => any::<i64>(), 1 => Just(i64::MAX), 1 => Just(i64::MIN)]
}

/// A stored value: packed, or with reserved members as ours or another tool's JSON has them, or anything at all.
fn stored() -> impl Strategy<Value = Vec<u8>> {
    let name = |name: &'static str| prop_oneof![8 => Just(name), 1 => Just("__created"), 1 => Just("x"), 1 => Just("__event_tim")];
    let tail = prop_oneof![Just("}"), Just(",\"x\":1}"), Just(",\"x\":2}"), Just(""), Just("]")];
    let one = (vec(space(), 5), name(order::EVENT_TIME), number(), tail.clone()).prop_map(|(s, name, number, tail)| {
        format!("{}{{{}\"{name}\"{}:{}{number}{}{tail}", s[0], s[1], s[2], s[3], s[4])
    });
    let two = (vec(space(), 9), name(order::EVENT_TIME), number(), name(order::CREATED), number(), tail).prop_map(
        |(s, first, one, second, two, tail)| {
            format!(
                "{}{{{}\"{first}\"{}:{}{one}{},{}\"{second}\"{}:{}{two}{}{tail}",
                s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8]
            )
        },
    );
    prop_oneof![
        3 => one.prop_map(String::into_bytes),
        6 => two.prop_map(String::into_bytes),
        4 => (0..4_u8, time(), time(), vec(any::<u8>(), 0..9)).prop_map(|(format, event_time, created, tail)| {
            let times = order::packed(Times { event_time, created });
            [&[format, 7, 7, 7, 7], &times[..], &tail].concat()
        }),
        1 => vec(any::<u8>(), 0..40),
    ]
}

/// A new row: as we write it, its bytes more or less like those of the stored one.
fn new_row() -> impl Strategy<Value = (i64, i64, Vec<u8>)> {
    let tail = prop_oneof![4 => Just(Vec::new()), 2 => Just(b",\"x\":1".to_vec()), 1 => vec(any::<u8>(), 0..2000)];
    (time(), time(), tail).prop_map(|(event_time, created, tail)| {
        let mut value = format!("{{\"__event_time\":{event_time},\"__created\":{created}").into_bytes();
        value.extend(tail);
        value.push(b'}');
        (event_time, created, value)
    })
}

/// The stored value of a pair is either apart from the new row or almost the same.
fn pair() -> impl Strategy<Value = ((i64, i64, Vec<u8>), Vec<u8>)> {
    let apart = (new_row(), stored());
    let alike = (new_row(), any::<proptest::sample::Index>(), any::<u8>(), 0..3_u8).prop_map(|(new, at, byte, how)| {
        let mut stored = new.2.clone();
        let at = at.index(stored.len());
        match how {
            0 => {}
            1 => stored[at] = byte,
            _ => stored.truncate(at),
        }
        (new, stored)
    });
    prop_oneof![3 => apart, 2 => alike]
}

#[test]
fn the_script_agrees_with_the_order_of_rows() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = RedisServer::start();
    let store = runtime.block_on(async {
        let store = open_redis(&server.url(), &redis_options()).unwrap();
        wait_ready(&store).await;
        store
    });
    let (mut replaced, mut kept) = (0, 0);
    let config = ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() };
    let (replaced, kept) = (&mut replaced, &mut kept);
    let counts = std::cell::RefCell::new((replaced, kept));
    TestRunner::new(config)
        .run(&pair(), |((event_time, created, value), stored)| {
            server.set(b"k", &stored);
            let replaces = order::replaces(Times { event_time, created }, &value, &stored);
            let value = Bytes::from(value);
            let row = PutRow { key: "k".into(), event_time, created, value: value.clone() };
            let outcome = runtime.block_on(store.put(vec![row], AMPLE));
            assert_eq!(outcome, Ok(vec![PutOutcome::Stored]));
            let found = runtime.block_on(get(&store, "k"));
            let expected = if replaces { value } else { Bytes::from(stored) };
            assert_eq!(found, Fetched::Value(expected));
            let mut counts = counts.borrow_mut();
            *(if replaces { &mut *counts.0 } else { &mut *counts.1 }) += 1;
            Ok(())
        })
        .unwrap();
    let counts = counts.into_inner();
    assert!(*counts.0 > 500 && *counts.1 > 500, "{counts:?}");
}
