//! `backup` and `restore` of the binary, and the route of REST behind the first.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use unskew_gateway::error::Code;

use crate::clients::{self, Request};
use crate::failures;
use crate::stores::{Store, embedded_url};
use crate::support::gateway::{self, Gateway};

const SETTING: &str = "store.embedded.backup_directory";

/// Runs a command; its exit code and what it printed.
fn run(arguments: &[&str], settings: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let output = gateway::run(arguments, settings);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

async fn post(gateway: &Gateway) -> Result<Value, failures::Failure> {
    let answer = clients::http1().post(gateway.url("/v1/admin/backup")).send().await.unwrap();
    if answer.status().is_success() { Ok(answer.json().await.unwrap()) } else { Err(failures::of_rest(answer).await) }
}

fn only_file(directory: &Path) -> PathBuf {
    let files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

#[tokio::test]
async fn of_a_running_gateway_and_at_rest() {
    let (store, place) = (Store::embedded(), tempfile::tempdir().unwrap());
    let (backups, restored) = (place.path().join("backups"), place.path().join("restored"));
    std::fs::create_dir(&backups).unwrap();
    let backups_text = backups.display().to_string();
    let settings = [(SETTING, backups_text.as_str())];
    let mut gateway = Gateway::start_with(&store.url(), &settings);
    let http = clients::http1();
    clients::write_rest(&http, &gateway, "{\"entity_id\":\"a\",\"x\":1}").await.unwrap();
    // The rows of tomorrow are in no backup of today.
    let address = gateway.address().to_string();
    let (code, printed, error) = run(&["backup", "--address", &address], &[]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    clients::write_rest(&http, &gateway, "{\"entity_id\":\"b\",\"x\":2}").await.unwrap();
    let file = only_file(&backups);
    assert!(printed.starts_with(&format!("backup: {}\nrows: 1, ", file.display())), "{printed}");
    assert_eq!(gateway.logged("backup is written")["rows"], 1);
    let store_url = store.url();
    let in_use = [("store.url", store_url.as_str()), settings[0]];
    let (code, _, error) = run(&["backup", "--offline"], &in_use);
    assert!(code == Some(1) && error.contains("another process has it open"), "{error}");

    let restored_url = embedded_url(&restored);
    let arguments = ["restore", file.to_str().unwrap(), "--store", &restored_url];
    let (code, told, error) = run(&arguments, &[]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert_eq!(told, format!("{printed}restored into: {}\n", restored.display()));
    let (code, _, error) = run(&arguments, &[]);
    assert!(code == Some(1) && error.contains("is not empty, it holds "), "{error}");
    let other = Gateway::start(&restored_url);
    let reply = clients::post(&http, &other, &Request::of(&["a", "b"])).await.unwrap();
    assert_eq!(reply["results"]["a"]["features"], json!({"x": "number 1.0"}));
    assert_eq!(reply["results"]["b"]["status"], json!({"status": "MISSING"}));

    gateway.terminate();
    assert!(gateway.exit().success());
    let (code, _, error) = run(&["backup", "--address", &address], &[]);
    assert!(code == Some(1) && error.contains(&address) && error.contains("--offline"), "{error}");
    let (code, printed, error) = run(&["backup", "--offline"], &in_use);
    assert!(code == Some(0) && printed.contains("\nrows: 2, "), "{printed}{error}");
    let (code, _, error) = run(&["backup", "--offline"], &in_use[..1]);
    assert!(code == Some(2) && error.contains("set store.embedded.backup_directory"), "{error}");
    let (code, _, error) = run(&["restore", "x", "--store", "redis://localhost"], &[]);
    assert!(code == Some(2) && error.contains("restore is for embedded stores"), "{error}");
}

#[tokio::test]
async fn what_stands_against_it_is_told() {
    let store = Store::embedded();
    let gateway = Gateway::start(&store.url());
    let failure = post(&gateway).await.unwrap_err();
    assert_eq!(failure.code, Code::FailedPrecondition);
    let (code, _, error) = run(&["backup", "--address", &gateway.address().to_string()], &[]);
    assert!(code == Some(1) && error.contains("FAILED_PRECONDITION: no directory for backups"), "{error}");
    let store = Store::redis();
    let gateway = Gateway::start_with(&store.url(), &[(SETTING, "/tmp")]);
    assert_eq!(post(&gateway).await.unwrap_err().code, Code::FailedPrecondition);
    let store = Store::embedded();
    let gateway = Gateway::start_with(&store.url(), &[(SETTING, "/nowhere/at/all")]);
    assert_eq!(post(&gateway).await.unwrap_err().code, Code::Unavailable);
    assert!(gateway.logged("backup is not written")["cause"].to_string().contains("/nowhere/at/all"));
}
