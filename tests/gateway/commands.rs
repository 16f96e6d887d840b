//! The commands beside `serve`: what they print, and their exit codes.

use std::process::Output;

use crate::clients;
use crate::keys;
use crate::stores::{Store, embedded_url};
use crate::support::gateway::{self, Gateway};
use crate::support::redis::RedisServer;

fn texts(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn run(arguments: &[&str], settings: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let (code, stdout, stderr) = texts(&gateway::run(arguments, settings));
    for text in [&stdout, &stderr] {
        assert!(!text.contains("hunter2"), "a secret was shown: {text}");
        assert!(!text.contains("panicked"), "{text}");
    }
    (code, stdout, stderr)
}

#[tokio::test]
async fn healthcheck() {
    let store = Store::embedded();
    let gateway = Gateway::start(&store.url());
    clients::until_ready(&gateway, true).await;
    let address = gateway.address().to_string();
    assert_eq!(run(&["healthcheck", "--address", &address], &[]), (Some(0), "ready\n".to_owned(), String::new()));
    assert_eq!(run(&["healthcheck"], &[("server.address", &address)]).0, Some(0));
    drop(gateway);
    let (code, _, error) = run(&["healthcheck", "--address", &address], &[]);
    assert_eq!(code, Some(1));
    assert!(error.starts_with(&format!("error: {address}: ")), "{error}");
    let down = RedisServer::stopped();
    let gateway = Gateway::start(&down.url());
    let (code, _, error) = run(&["healthcheck", "--address", &gateway.address().to_string()], &[]);
    assert_eq!(code, Some(1));
    assert!(error.contains("is not ready: HTTP/1.1 503") && error.contains("UNAVAILABLE"), "{error}");
    // Something that listens and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let (code, _, error) = run(&["healthcheck", "--timeout", "1", "--address", &address], &[]);
    assert_eq!(code, Some(1), "{error}");
}

#[test]
fn check_config() {
    let secret = [("store.url", "redis://user:hunter2@localhost/1"), ("store.redis.password", "hunter2")];
    let (code, printed, error) = run(&["check-config"], &secret);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{printed}");
    assert!(printed.contains("password = \"[redacted]\""), "{printed}");
    assert!(printed.contains("APP__STORE__URL"), "the layer of a value is not named: {printed}");
    for (settings, parts) in [
        (&[("server.addres", "127.0.0.1:1")][..], &["APP__SERVER__ADDRES ", "did you mean APP__SERVER__ADDRESS?"][..]),
        (&[("server.address", "nowhere")], &["APP__SERVER__ADDRESS", "nowhere"]),
        (&[("limits.max_entity_ids", "0")], &["APP__LIMITS__MAX_ENTITY_IDS", "0"]),
        (&[("store.timeout", "fast")], &["APP__STORE__TIMEOUT", "fast", "ms"]),
        (&[("store.url", "mysql://u:hunter2@h/1")], &["APP__STORE__URL", "redis://"]),
        (&[("store.url", "redis://u:hunter2@"), ("store.redis.password", "hunter2")], &["APP__STORE__URL"]),
        (&[("telemetry.log_format", "xml")], &["APP__TELEMETRY__LOG_FORMAT", "xml", "json"]),
        // Every fault at once.
        (&[("store.timeout", "fast"), ("server.nothing", "1")], &["APP__STORE__TIMEOUT", "APP__SERVER__NOTHING"]),
    ] {
        for command in ["check-config", "serve"] {
            let (code, _, error) = run(&[command], settings);
            assert_eq!(code, Some(2), "{command} {settings:?}: {error}");
            assert!(parts.iter().all(|part| error.contains(part)), "{command} {settings:?}: {error}");
        }
    }
    // As the start does, once all else is right.
    let (code, printed, error) = run(&["check-config"], &[("server.address", "0.0.0.0:1")]);
    assert_eq!((code, printed.contains("address = \"0.0.0.0:1\"")), (Some(1), true), "{printed}");
    assert!(error.contains("server.address: 0.0.0.0:1 is not loopback") && error.contains("key new"), "{error}");
    for more in [("server.insecure", "true"), ("auth.keys", &keys::one_each())] {
        assert_eq!(run(&["check-config"], &[("server.address", "0.0.0.0:1"), more]).0, Some(0));
    }
    let (code, _, error) = run(&["check-config", "--config", "/nowhere/unskew.toml"], &[]);
    assert_eq!(code, Some(2));
    assert!(error.contains("/nowhere/unskew.toml"), "{error}");
}

#[tokio::test]
async fn check_store() {
    let store = Store::embedded();
    store.set([("a", &b"{\"x\":1}"[..]), ("b", b"{\"x\":1}")].into_iter()).await;
    let (code, report, error) = run(&["check-store", "--store", &store.url()], &[]);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{report}");
    assert!(report.contains("values: 2 sound, 0 damaged"), "{report}");
    let directory = tempfile::tempdir().unwrap();
    let missing = embedded_url(&directory.path().join("none"));
    let (code, _, error) = run(&["check-store", "--store", &missing], &[]);
    assert_eq!(code, Some(1));
    assert!(error.contains("does not exist"), "{error}");
    assert!(!directory.path().join("none").exists(), "check-store made a store");
    std::fs::write(directory.path().join("foreign"), "x").unwrap();
    for command in ["check-store", "serve"] {
        let settings = [("store.url", embedded_url(directory.path())), ("server.address", "127.0.0.1:0".to_owned())];
        let settings: Vec<_> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let (code, _, error) = run(&[command], &settings);
        assert_eq!(code, Some(1), "{command}: {error}");
        assert!(error.contains("is not an embedded store of unskew"), "{command}: {error}");
    }
    let (code, _, error) = run(&["check-store"], &[("store.url", "redis://u:hunter2@localhost/1")]);
    assert_eq!(code, Some(2));
    assert!(error.contains("check-store is for embedded stores"), "{error}");
}

#[test]
fn what_can_not_be_served_is_told_at_once() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let directory = tempfile::tempdir().unwrap();
    let url = embedded_url(&directory.path().join("store"));
    let (code, _, error) = run(&["serve"], &[("server.address", &address), ("store.url", &url)]);
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains(&address) && error.contains("could not listen"), "{error}");
    assert!(!directory.path().join("store").exists());
    std::fs::write(directory.path().join("file"), "x").unwrap();
    for (path, part) in [("file", "is a file"), ("file/below", "file/below")] {
        let url = embedded_url(&directory.path().join(path));
        let (code, _, error) = run(&["serve"], &[("server.address", "127.0.0.1:0"), ("store.url", &url)]);
        assert_eq!(code, Some(1), "{error}");
        assert!(error.contains(part), "{error}");
    }
    let settings = [
        ("server.address", "127.0.0.1:0"),
        ("store.url", "rediss://localhost"),
        ("store.redis.ca_file", "/nowhere.pem"),
    ];
    let (code, _, error) = run(&["serve"], &settings);
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("/nowhere.pem"), "{error}");
    assert_eq!(run(&["no-such-command"], &[]).0, Some(2));
    assert_eq!(run(&[], &[]).0, Some(2));
}
