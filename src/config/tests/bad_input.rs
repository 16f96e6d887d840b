use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::given;

#[test]
fn all_problems_of_all_layers_come_at_once() {
    let lines = given()
        .file("[store]\ntimout = \"1s\"\ntimeout = \"fast\"\n\n[limits]\nmax_entity_ids = 0\n[storre]\nurl = 1\n")
        .variable("APP__STORE__TIMOUT", "2s")
        .variable("APP__STORE__REDIS__POOL_SIZE", "1025")
        .flag("--address", "server.address", "localhost")
        .lines();
    let expected = [
        "store.timout (unskew.toml:2): unknown key; did you mean store.timeout?",
        "storre (unskew.toml:7): unknown key; did you mean store?",
        "APP__STORE__TIMOUT (environment): unknown key; did you mean APP__STORE__TIMEOUT?",
        "store.timeout = \"fast\" (unskew.toml:3): allowed is a duration from 1ms to 1m: a number and a unit (us, ms, s, m, h, d), \
         for example 250ms",
        "limits.max_entity_ids = 0 (unskew.toml:6): allowed is a whole number from 1 to 100000",
        "APP__STORE__REDIS__POOL_SIZE = 1025 (environment): allowed is a whole number from 1 to 1024",
        "--address = \"localhost\" (flag): allowed is HOST:PORT with a port from 0 to 65535, for example 127.0.0.1:50051, \
         localhost:0 or [::1]:50051",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_bad_value_is_refused_also_where_a_later_layer_would_win() {
    let lines = given().file("[ingest]\nmax_future = -1\n").variable("APP__INGEST__MAX_FUTURE", "1m").lines();
    assert_eq!(
        lines,
        ["ingest.max_future = -1 (unskew.toml:2): allowed is a duration from 0s to 365d: a number and a unit \
          (us, ms, s, m, h, d), for example 250ms"]
    );
}

#[test]
fn unknown_keys_in_a_file_are_named_as_written() {
    let cases = [
        ("timeout = '1s'", "timeout (unskew.toml:1): unknown key; did you mean store.timeout?"),
        (
            "kafka = 1",
            "kafka (unskew.toml:1): unknown key; allowed are server, auth, shutdown, limits, ingest, definitions, store, telemetry",
        ),
        (
            "[store]\nfoo_bar_baz = 1",
            "store.foo_bar_baz (unskew.toml:2): unknown key; allowed are store.url, store.timeout, \
          store.write_timeout, store.embedded, store.redis",
        ),
        ("[redis]\npool_size = 1", "redis (unskew.toml:1): unknown key; did you mean store.redis?"),
        ("[store]\npassword = 'x'", "store.password (unskew.toml:2): unknown key; did you mean store.redis.password?"),
        ("'store.url' = 'x'", "\"store.url\" (unskew.toml:1): unknown key; did you mean store.url?"),
        (
            "[store]\n'redis.pool_size' = 1",
            "store.\"redis.pool_size\" (unskew.toml:2): unknown key; did you mean store.redis.pool_size?",
        ),
        ("store = 'redis://localhost'", "store (unskew.toml:1): a section and not a key: write [store]"),
        ("[Server]\naddress = 'x'", "Server (unskew.toml:1): unknown key; did you mean server?"),
        (
            "[server.address]\nhost = 'x'",
            "server.address = a table (unskew.toml:1): allowed is HOST:PORT with a port from 0 to 65535, \
          for example 127.0.0.1:50051, localhost:0 or [::1]:50051",
        ),
        ("[[store]]\nurl = 'x'", "store (unskew.toml:1): a section and not a key: write [store]"),
    ];
    for (text, line) in cases {
        assert_eq!(given().file(text).lines(), [line], "{text}");
    }
    let line = given().file("\"a\\nb\\u001b[31m\" = 1").lines().remove(0);
    assert!(!line.contains(char::is_control), "{line:?}");
}

#[test]
fn unknown_variables_are_named_as_written() {
    let cases = [
        ("APP__", "unknown key; variables that begin with APP__ set the keys that check-config prints"),
        ("APP__STORE", "a section and not a key; its keys are APP__STORE__…"),
        ("APP__Store__Url", "unknown key; did you mean APP__STORE__URL?"),
        ("APP__STORE_URL", "unknown key; did you mean APP__STORE__URL?"),
        ("APP__REDIS__POOL_SIZE", "unknown key; did you mean APP__STORE__REDIS__POOL_SIZE?"),
        ("APP__STORE__REDIS__PASWORD_FILE", "unknown key; did you mean APP__STORE__REDIS__PASSWORD_FILE?"),
        (
            "APP__STORE__TIMEOUT_FILE",
            "unknown key; only secrets are read from files: set APP__STORE__TIMEOUT to the value itself",
        ),
    ];
    for (name, fault) in cases {
        assert_eq!(given().variable(name, "x").lines(), [format!("{name} (environment): {fault}")]);
    }
}

#[test]
fn bad_values_are_refused_with_what_is_allowed() {
    let cases = [
        ("APP__SERVER__ADDRESS", "", "HOST:PORT"),
        ("APP__SERVER__WORKER_THREADS", "", "a whole number from 0 to 1024"),
        ("APP__SERVER__WORKER_THREADS", "2.5", "a whole number from 0 to 1024"),
        ("APP__SERVER__WORKER_THREADS", "99999999999999999999", "a whole number from 0 to 1024"),
        ("APP__SERVER__KEEP_ALIVE_INTERVAL", "0s", "a duration from 1ms to 1h"),
        ("APP__SERVER__KEEP_ALIVE_INTERVAL", "3600.000001s", "a duration from 1ms to 1h"),
        ("APP__STORE__TIMEOUT", "0ms", "a duration from 1ms to 1m"),
        ("APP__STORE__TIMEOUT", "250", "a duration from 1ms to 1m"),
        ("APP__LIMITS__MAX_REPLY_BYTES", "4MB", "a size from 1KiB to 1GiB"),
        ("APP__LIMITS__MAX_REPLY_BYTES", "2GiB", "a size from 1KiB to 1GiB"),
        ("APP__LIMITS__MAX_REPLY_BYTES", "-1", "a size from 1KiB to 1GiB"),
        ("APP__STORE__REDIS__CA_FILE", "a\0b", "the path of a file, or empty for none"),
        ("APP__STORE__URL", "mysql://localhost", "embedded:DIRECTORY, redis://"),
        ("APP__STORE__URL", "", "embedded:DIRECTORY, redis://"),
        ("APP__TELEMETRY__LOG_FORMAT", "JSON", "auto, json or pretty"),
        ("APP__TELEMETRY__LOG_LEVEL", "unskew=loud", "off, error, warn, info, debug, trace, or directives"),
        ("APP__TELEMETRY__LOG_LEVEL", "", "off, error, warn, info, debug, trace, or directives"),
    ];
    for (name, value, allowed) in cases {
        let problems = given().variable(name, value).problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!((problems[0].key.as_str(), problems[0].layer.as_str()), (name, "environment"));
        assert!(problems[0].fault.contains(allowed), "{}", problems[0]);
        assert!(problems[0].value.is_some(), "{}", problems[0]);
    }
    let long = given().variable("APP__SERVER__ADDRESS", "x".repeat(10_000)).lines().remove(0);
    assert!(long.len() < 400, "{long}");
}

#[test]
fn values_that_contradict_each_other_are_refused_where_the_user_set_them() {
    let lines = given().variable("APP__SERVER__DEFAULT_DEADLINE", "1m").lines();
    assert_eq!(
        lines,
        [
            "APP__SERVER__DEFAULT_DEADLINE = \"1m\" (environment): allowed is at most server.max_deadline, which is \"30s\" (default)"
        ]
    );
    let lines = given().file("[server]\nmax_deadline = '2s'").variable("APP__SERVER__DEFAULT_DEADLINE", "3s").lines();
    assert_eq!(
        lines,
        [
            "server.max_deadline = \"2s\" (unskew.toml:2): allowed is at least server.default_deadline, which is \"3s\" (environment)"
        ]
    );
    let lines = given().flag("--rows", "store.embedded.queue_rows", "1").lines();
    assert_eq!(
        lines,
        ["--rows = 1 (flag): allowed is at least store.embedded.commit_max_rows, which is 2000 (default)"]
    );
    // A refused value is one problem, not two.
    let given =
        given().variable("APP__SERVER__DEFAULT_DEADLINE", "soon").variable("APP__SERVER__MAX_DEADLINE", "500ms");
    assert_eq!(given.problems().len(), 1);
}

#[test]
fn files_that_are_no_configuration_are_clear_errors() {
    let line = |path: PathBuf| {
        let mut given = given();
        given.sources.file = Some(path);
        given.lines().remove(0)
    };
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.toml");
    assert!(
        line(missing)
            .ends_with("missing.toml: the configuration file can't be opened: No such file or directory (os error 2)")
    );
    assert!(
        line(folder.path().to_owned())
            .ends_with(": the configuration file can't be read: Is a directory (os error 21)")
    );
    assert_eq!(line("/dev/zero".into()), "/dev/zero: the configuration file is larger than 1MiB");

    let lines = |text: &[u8]| given().file(text).lines();
    assert_eq!(lines(b"a = \"\xff\""), ["unskew.toml: the configuration file is not UTF-8 text (byte 5)"]);
    let broken = lines(b"[limits]\nmax_entity_ids = = 1\n\n[store\nurl = 'x'\n");
    assert!(broken.len() >= 2, "{broken:?}");
    assert!(broken[0].starts_with("unskew.toml:2: not TOML: "), "{broken:?}");
    let twice = lines(b"[limits]\nmax_entity_ids = 1\nmax_entity_ids = 2\n");
    assert_eq!(twice, ["unskew.toml:3: not TOML: duplicate key"]);
    let yaml = lines(b"store:\n  url: redis://localhost\n");
    assert!(yaml[0].starts_with("unskew.toml:1: not TOML: "), "{yaml:?}");
}

#[test]
fn a_value_that_is_not_utf_8_is_refused_and_others_variables_may_be_anything() {
    let bytes = || OsString::from_vec(vec![b'x', 0xff]);
    given().variable("OTHER", bytes()).config();
    let lines = given().variable("APP__STORE__URL", bytes()).lines();
    assert_eq!(lines, ["APP__STORE__URL (environment): the value is not UTF-8 text"]);
}

#[test]
fn flags_name_known_keys() {
    let lines = given().flag("--set", "store.timout", "1s").lines();
    assert_eq!(lines, ["--set (flag): unknown key store.timout; did you mean store.timeout?"]);
}
