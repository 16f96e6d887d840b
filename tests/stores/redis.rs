//! The Redis store: the contract, who may connect, and how.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use unskew_gateway::store::redis;
use unskew_gateway::store::{Fetched, OnlineStore, PutOutcome, Secret, StoreErrorKind};

use crate::contract::contract;
use crate::rows::{AMPLE, get, open_redis, put, redis_options, row, wait_ready};
use crate::support::redis::RedisServer;

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract() {
    let server = RedisServer::start();
    let store = open_redis(&server.url(), &redis_options()).unwrap();
    wait_ready(&store).await;
    contract(Arc::new(store), Some(&|key, value| server.set(key, value))).await;
}

#[tokio::test]
async fn a_fetch_is_one_mget() {
    let server = RedisServer::start();
    let store = open_redis(&server.url(), &redis_options()).unwrap();
    wait_ready(&store).await;
    server.run("CONFIG RESETSTAT");
    store.fetch((0..1000).map(|at| Bytes::from(format!("{at}"))).collect(), AMPLE).await.unwrap();
    let statistics = String::from_utf8(server.command(&[b"INFO", b"commandstats"])).unwrap();
    assert!(statistics.contains("cmdstat_mget:calls=1,"), "{statistics}");
    assert!(!statistics.contains("cmdstat_get:"), "{statistics}");
}

#[tokio::test]
async fn a_key_of_another_type_reads_missing_and_can_t_be_written() {
    let server = RedisServer::start();
    server.run("RPUSH list 1 2");
    let store = open_redis(&server.url(), &redis_options()).unwrap();
    wait_ready(&store).await;
    assert_eq!(get(&store, "list").await, Fetched::Missing);
    let outcomes =
        store.put(vec![row("a", 1, 1, "1"), row("list", 1, 1, "1"), row("b", 1, 1, "1")], AMPLE).await.unwrap();
    assert_eq!(outcomes[0], PutOutcome::Stored);
    assert!(matches!(&outcomes[1], PutOutcome::Failed(why) if why.contains("another type")), "{outcomes:?}");
    assert_eq!(outcomes[2], PutOutcome::Stored);
    let alone = store.put(vec![row("list", 1, 1, "1")], AMPLE).await.unwrap();
    assert!(matches!(&alone[0], PutOutcome::Failed(_)), "{alone:?}");
}

#[tokio::test]
async fn a_load_of_new_keys_is_plain_and_keeps_the_greatest_all_the_same() {
    let server = RedisServer::start();
    let store = open_redis(&server.url(), &redis::Options { pool_size: 1, ..redis_options() }).unwrap();
    wait_ready(&store).await;
    let calls = |command: &str| {
        let said = String::from_utf8(server.command(&[b"INFO", b"commandstats"])).unwrap();
        let calls = said.split_once(&format!("cmdstat_{command}:calls=")).map_or("0", |(_, rest)| rest);
        calls.split(',').next().unwrap().parse::<usize>().unwrap()
    };
    let write = async |keys: std::ops::Range<usize>, time: i64| {
        server.run("CONFIG RESETSTAT");
        let mut rows: Vec<_> = keys.map(|key| row(format!("k{key}"), time, 1, "1")).collect();
        // Twice in one batch, the lesser one last.
        rows.push(row("twice", time, 2, "2"));
        rows.push(row("twice", time, 1, "3"));
        let count = rows.len();
        assert_eq!(store.put(rows, AMPLE).await, Ok(vec![PutOutcome::Stored; count]));
        assert_eq!(get(&store, "twice").await, Fetched::Value(row("twice", time, 2, "2").value));
        calls("evalsha")
    };
    let stored = async |key: usize, time: i64| {
        assert_eq!(get(&store, format!("k{key}")).await, Fetched::Value(row(format!("k{key}"), time, 1, "1").value));
    };
    // Nothing is known of the server: 102 scripts, twice, as the first is told to load it.
    assert!(write(0..100, 10).await >= 102);
    assert_eq!(write(100..200, 11).await, 2);
    server.run("RPUSH k250 1 2");
    let mut rows: Vec<_> = (200..260).map(|key| row(format!("k{key}"), 12, 1, "1")).collect();
    rows.push(row("k7", 9, 1, "1"));
    let outcomes = store.put(rows, AMPLE).await.unwrap();
    let failed: Vec<_> = (0..outcomes.len()).filter(|&at| outcomes[at] != PutOutcome::Stored).collect();
    assert!(matches!(&outcomes[50], PutOutcome::Failed(why) if why.contains("another type")), "{outcomes:?}");
    assert_eq!(failed, [50]);
    stored(7, 10).await;
    // Keys that are there: both ways once, then the script alone; the lesser row of `twice` is set by neither.
    assert_eq!((write(0..100, 13).await, calls("set") - 102), (102, 101));
    assert_eq!((write(0..100, 14).await, calls("set")), (102, 101));
    for (key, time) in [(0, 14), (99, 14), (150, 11), (259, 12)] {
        stored(key, time).await;
    }
}

#[tokio::test]
async fn the_script_is_loaded_again_when_the_server_forgets_it() {
    let server = RedisServer::start();
    let store = open_redis(&server.url(), &redis_options()).unwrap();
    wait_ready(&store).await;
    for time in 0..3 {
        put(&store, row("a", time, 1, "1")).await;
        server.run("SCRIPT FLUSH");
    }
    assert_eq!(get(&store, "a").await, Fetched::Value(row("a", 2, 1, "1").value));
}

#[tokio::test]
async fn databases_are_apart() {
    let server = RedisServer::start();
    let store = open_redis(&format!("{}/3", server.url()), &redis_options()).unwrap();
    wait_ready(&store).await;
    put(&store, row("a", 1, 1, "1")).await;
    let zero = open_redis(&server.url(), &redis_options()).unwrap();
    wait_ready(&zero).await;
    assert_eq!(get(&zero, "a").await, Fetched::Missing);
}

#[tokio::test]
async fn passwords_and_users() {
    let server = RedisServer::start_with(&["--requirepass", "sec ret"]);
    let right = open_redis(&format!("redis://:sec%20ret@127.0.0.1:{}", server.port()), &redis_options()).unwrap();
    wait_ready(&right).await;
    put(&right, row("features:a", 1, 1, "1")).await;

    let mut options = redis_options();
    options.password = Some(Secret::new("wrong".to_owned()));
    let wrong = open_redis(&format!("redis://:sec%20ret@127.0.0.1:{}", server.port()), &options).unwrap();
    refused(&wrong, "the user or the password is wrong").await;
    let none = open_redis(&server.url(), &redis_options()).unwrap();
    refused(&none, "it needs a password and none is configured").await;

    let auth = |command: &str| {
        let script: Vec<_> = command.split(' ').map(str::as_bytes).collect();
        server.command_as("default", "sec ret", &script)
    };
    auth("ACL SETUSER gateway on >pass ~features:* +@all");
    auth("ACL SETUSER reader on >pass ~features:* +mget +ping +info +client +select");
    let url = |user: &str| format!("redis://{user}:pass@127.0.0.1:{}", server.port());
    let user = open_redis(&url("gateway"), &redis_options()).unwrap();
    wait_ready(&user).await;
    put(&user, row("features:b", 1, 1, "1")).await;
    let error = user.fetch(vec!["other:a".into()], AMPLE).await.unwrap_err();
    assert!(error.message.contains("not permitted"), "{error}");
    let reader = open_redis(&url("reader"), &redis_options()).unwrap();
    wait_ready(&reader).await;
    assert!(matches!(get(&reader, "features:b").await, Fetched::Value(_)));
    let error = reader.put(vec![row("features:c", 1, 1, "1")], AMPLE).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Refused);
    assert!(error.message.contains("not permitted"), "{error}");

    // A password that is put right on the server is enough.
    auth("CONFIG SET requirepass wrong");
    let start = Instant::now();
    wait_ready(&wrong).await;
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

async fn refused(store: &dyn OnlineStore, why: &str) {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let start = Instant::now();
        let error = store.fetch(vec!["features:a".into()], Duration::from_millis(250)).await.unwrap_err();
        assert!(start.elapsed() < Duration::from_millis(400), "{:?}", start.elapsed());
        if error.kind == StoreErrorKind::Refused && error.message.contains(why) {
            return;
        }
        assert!(Instant::now() < deadline, "{error}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn tls_with_an_authority_of_one_s_own() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let server = RedisServer::start_with_tls(&certificate, &key);
    for host in ["localhost", "127.0.0.1"] {
        let mut options = redis_options();
        options.ca_file = Some(server.directory().join("server.crt"));
        let store = open_redis(&format!("rediss://{host}:{}", server.port()), &options).unwrap();
        wait_ready(&store).await;
        put(&store, row("a", 1, 1, "1")).await;
        assert_eq!(get(&store, "a").await, Fetched::Value(row("a", 1, 1, "1").value));
    }
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let other_file = server.directory().join("other.crt");
    std::fs::write(&other_file, other.cert.pem()).unwrap();
    let mut options = redis_options();
    options.ca_file = Some(other_file);
    let store = open_redis(&format!("rediss://localhost:{}", server.port()), &options).unwrap();
    tokio::time::sleep(Duration::from_millis(800)).await;
    let error = store.ping(AMPLE).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unreachable);
    assert!(error.message.contains("certificate"), "{error}");
}

#[tokio::test]
async fn certificate_files_that_can_t_be_used() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ca.pem");
    let mut options = redis_options();
    options.ca_file = Some(path.clone());
    let message = |text: Option<&str>| {
        if let Some(text) = text {
            std::fs::write(&path, text).unwrap();
        }
        open_redis("rediss://localhost:1", &options).err().unwrap().message
    };
    assert!(message(None).contains("ca.pem can't be read: "));
    assert!(message(Some("hello")).contains("holds no certificate"));
    let broken = "-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----\n";
    assert!(message(Some(broken)).contains("is no PEM file"));
    let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(message(Some(empty)).contains("can't be used"));
    // Without TLS the file is not looked at.
    open_redis("redis://localhost:1", &options).unwrap();
}
