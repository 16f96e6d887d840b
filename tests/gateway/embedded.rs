//! The embedded store through the gateway: restarts, and one process at a time.

use std::time::Duration;

use serde_json::json;

use crate::clients::{self, Request};
use crate::load::{self, Stop};
use crate::stores::Store;
use crate::support::gateway::{self, Gateway};

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_there_after_a_restart() {
    let store = Store::embedded();
    let mut acknowledged = load::Acknowledged::new();
    for round in 0..3 {
        let mut gateway = Gateway::start(&store.url());
        load::check(&gateway, &acknowledged).await;
        let stop = Stop::default();
        let stream = load::write_stream(&gateway, format!("restart_stream_{round}"), &stop).await;
        let rest = load::write_rest(&gateway, format!("restart_rest_{round}"), &stop);
        tokio::time::sleep(Duration::from_millis(300)).await;
        stop.now();
        acknowledged.extend(stream.await.unwrap());
        acknowledged.extend(rest.await.unwrap());
        gateway.terminate();
        assert_eq!(gateway.exit().code(), Some(0), "{}", gateway.log_text());
    }
    assert!(acknowledged.len() > 100, "{}", acknowledged.len());
    load::check(&Gateway::start(&store.url()), &acknowledged).await;
}

#[tokio::test]
async fn a_second_process_on_the_directory_is_refused() {
    let store = Store::embedded();
    let gateway = Gateway::start(&store.url());
    clients::write_rest(&clients::http1(), &gateway, "{\"entity_id\":\"a\",\"x\":1}").await.unwrap();
    let url = store.url();
    for command in ["serve", "check-store"] {
        let output = gateway::run(&[command], &[("server.address", "127.0.0.1:0"), ("store.url", &url)]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{command}: {error}");
        assert!(error.contains("is in use: another process has it open"), "{command}: {error}");
        assert!(error.contains(url.trim_start_matches("embedded:")), "{command}: {error}");
    }
    let reply = clients::post(&clients::http1(), &gateway, &Request::of(&["a"])).await.unwrap();
    assert_eq!(reply["results"]["a"]["features"], json!({"x": "number 1.0"}));
}

#[tokio::test]
async fn a_damaged_value_is_that_entity_s_error_and_the_rest_is_served() {
    let store = Store::embedded();
    let Store::Embedded(directory) = &store else { unreachable!() };
    store.set([("good", &b"{\"x\":1}"[..]), ("damaged", b"{\"x\":2}")].into_iter()).await;
    {
        // As a flipped bit that the engine itself does not notice would be.
        let database = fjall::Database::builder(directory.path().join("engine")).open().unwrap();
        let rows = database.keyspace("rows", fjall::KeyspaceCreateOptions::default).unwrap();
        let mut value = rows.get("features:damaged").unwrap().unwrap().to_vec();
        *value.last_mut().unwrap() ^= 1;
        rows.insert("features:damaged", value).unwrap();
        database.persist(fjall::PersistMode::SyncAll).unwrap();
    }
    let gateway = Gateway::start(&store.url());
    let request = Request::of(&["good", "damaged"]);
    for reply in [
        clients::post(&clients::http1(), &gateway, &request).await.unwrap(),
        clients::ask(&mut clients::grpc(&gateway).await, &request).await.unwrap(),
    ] {
        assert_eq!(reply["results"]["good"]["features"], json!({"x": "number 1.0"}));
        assert_eq!(reply["results"]["damaged"]["features"], json!({}));
        assert_eq!(reply["results"]["damaged"]["status"]["reason"], "UNDECODABLE", "{reply}");
    }
    drop(gateway);
    let output = gateway::run(&["check-store"], &[("store.url", &store.url())]);
    let report = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert!(report.contains("damaged: features:damaged"), "{report}");
}
