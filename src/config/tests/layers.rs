use std::time::Duration;

use super::given;
use crate::config::known::Known;
use crate::config::{LogFormat, Sources, load};

#[test]
fn the_defaults_load() {
    let config = load(Sources::default()).unwrap();
    assert_eq!(config.server.address.to_string(), "127.0.0.1:50051");
    assert_eq!(config.server.default_deadline, Duration::from_secs(1));
    assert_eq!(config.limits.max_reply_bytes, 4 << 20);
    assert_eq!(config.store.url.to_string(), "embedded:./data");
    assert_eq!(config.store.timeout, Duration::from_millis(250));
    assert_eq!(config.store.redis.username, None);
    assert!(config.store.redis.password.is_none());
    assert_eq!(config.store.redis.ca_file, None);
    assert_eq!(config.telemetry.log_format, LogFormat::Auto);
    assert_eq!(config.telemetry.log_level.as_str(), "info,fjall=warn,lsm_tree=warn");
}

#[test]
fn each_layer_wins_over_the_one_before() {
    let defaults = given();
    assert_eq!(defaults.config().limits.max_entity_ids, 1000);
    let file = given().file("[limits]\nmax_entity_ids = 2\n");
    assert_eq!(file.config().limits.max_entity_ids, 2);
    let environment = file.variable("APP__LIMITS__MAX_ENTITY_IDS", "3");
    assert_eq!(environment.config().limits.max_entity_ids, 3);
    let flags = environment.flag("--ids", "limits.max_entity_ids", "4").flag("--ids", "limits.max_entity_ids", "5");
    assert_eq!(flags.config().limits.max_entity_ids, 5);
    assert!(flags.config().print().contains("max_entity_ids = 5  # flag: --ids\n"));
}

#[test]
fn every_key_has_a_variable_and_a_flag_and_a_place_in_a_file_that_work() {
    let known = Known::read().unwrap();
    for key in &known.keys {
        let text = key.default.as_str().map_or_else(|| key.show(&key.default), str::to_owned);
        let variable = given().variable(&key.variable(), text.as_str()).config();
        let flag = given().flag("--flag", &key.path, &text).config();
        let literal = if key.default.as_str().is_some() { format!("{text:?}") } else { text };
        let file = given().file(format!("{} = {literal}", key.path)).config();
        let defaults = given().config();
        for (config, layer) in [
            (&variable, format!("  # environment: {}\n", key.variable())),
            (&flag, "  # flag: --flag\n".to_owned()),
            (&file, "/unskew.toml:1\n".to_owned()),
        ] {
            assert_eq!(config.server, defaults.server);
            assert_eq!(config.auth, defaults.auth);
            assert_eq!(config.shutdown, defaults.shutdown);
            assert_eq!(config.limits, defaults.limits);
            assert_eq!(config.ingest, defaults.ingest);
            assert_eq!(config.store, defaults.store);
            assert_eq!(config.telemetry, defaults.telemetry);
            let print = config.print();
            assert_eq!(print.matches("  # default\n").count(), known.keys.len() - 1, "{print}");
            assert!(print.contains(&layer), "{layer} in {print}");
        }
    }
}

#[test]
fn values_are_taken_in_each_form_of_theirs() {
    let config = given()
        .file(
            "[limits]\nmax_row_bytes = 2048\nmax_reply_bytes = \"1.5MiB\"\nmax_id_bytes = 0x40\nmax_request_bytes = 1_000_000\n\
             [store]\nurl = 'rediss://user:p%40ss@[::1]:7000/3'\nredis.pool_size = 1\n",
        )
        .variable("APP__SERVER__ADDRESS", "localhost:0")
        .variable("APP__SERVER__DEFAULT_DEADLINE", "1500us")
        .variable("APP__STORE__REDIS__USERNAME", "12345")
        .variable("APP__STORE__REDIS__CA_FILE", "true")
        .variable("APP__STORE__EMBEDDED__CACHE", "2097152")
        .variable("APP__LIMITS__MAX_NAME_BYTES", "1KiB")
        .variable("APP__STORE__EMBEDDED__QUEUE_ROWS", " 2000 ")
        .variable("APP__TELEMETRY__LOG_FORMAT", "json")
        .variable("APP__TELEMETRY__LOG_LEVEL", "unskew_gateway=debug,info")
        .variable("APPLE__SERVER__ADDRESS", "not ours")
        .variable("app__server__address", "not ours")
        .variable("PATH", "/bin")
        .config();
    assert_eq!((config.server.address.host(), config.server.address.port()), ("localhost", 0));
    assert_eq!(config.server.default_deadline, Duration::from_micros(1500));
    assert_eq!(config.limits.max_row_bytes, 2048);
    assert_eq!(config.limits.max_reply_bytes, 3 << 19);
    assert_eq!(config.limits.max_id_bytes, 64);
    assert_eq!(config.limits.max_name_bytes, 1024);
    assert_eq!(config.limits.max_request_bytes, 1_000_000);
    assert_eq!(config.store.url.to_string().matches("p@ss").count(), 0);
    assert_eq!(config.store.redis.pool_size, 1);
    assert_eq!(config.store.redis.username.as_deref(), Some("12345"));
    assert_eq!(config.store.redis.ca_file.as_deref(), Some(std::path::Path::new("true")));
    assert_eq!(config.store.embedded.cache, 2 << 20);
    assert_eq!(config.store.embedded.queue_rows, 2000);
    assert_eq!(config.telemetry.log_format, LogFormat::Json);
}

#[test]
fn a_file_may_be_empty_or_have_a_byte_order_mark() {
    assert_eq!(given().file("").config().limits.max_entity_ids, 1000);
    assert_eq!(given().file("# nothing\n[store]\n").config().limits.max_entity_ids, 1000);
    assert_eq!(given().file("\u{feff}[limits]\r\nmax_entity_ids = 7\r\n").config().limits.max_entity_ids, 7);
}

#[test]
fn the_shipped_file_is_a_configuration_file() {
    let shipped = given().file(crate::config::known::DEFAULT_TOML).config();
    assert_eq!(shipped.store, given().config().store);
}
