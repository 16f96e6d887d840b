//! Runs the golden cases of `tests/cases/*.yaml` against the running gateway: over REST and gRPC, on an embedded store and Redis.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;
use tempfile::TempDir;
use unskew_engine::definitions::fitted::{FittedFile, SUFFIX};
use unskew_engine::definitions::{self, Definitions, Service};
use unskew_engine::fit::{FittedService, FittedSlot};
use unskew_gateway::api::{WriteRowsRequest, write_rows_request::Rows};
use unskew_gateway::lookup::time;
use unskew_gateway::store::embedded::{Embedded, Options};
use unskew_gateway::store::{OnlineStore, PutOutcome, PutRow, order};

use crate::case_format::{self, Case, File, Write};
use crate::cases_calls::Callers;
use crate::clients::{self, Answer};
use crate::failures;
use crate::stores::Store;
use crate::support::gateway::Gateway;
use crate::{cases_definitions, cases_features, cases_values};

#[tokio::test(flavor = "multi_thread")]
async fn cases_over_an_embedded_store() {
    run(Store::embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cases_over_redis() {
    run(Store::redis).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cases_of_definitions() {
    let cases: Vec<Case> = case_format::files().into_iter().flat_map(|file| file.cases).collect();
    let faults = cases_definitions::faults(&cases).await;
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

async fn run(store: fn() -> Store) {
    let mut faults = Vec::new();
    for file in case_format::files().iter().filter(|file| !file.definitions.is_empty()) {
        let found = run_file(file, &store()).await;
        faults.extend(found.into_iter().map(|fault| format!("{}: {fault}", file.name)));
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

async fn run_file(file: &File, store: &Store) -> Vec<String> {
    let stored = file.cases.iter().flat_map(|case| &case.stored).map(|it| (it.key.clone(), it.bytes())).collect();
    set(store, stored).await;
    let directory = tempfile::tempdir().unwrap();
    let text = file.before.as_ref().map_or(&file.definitions, |before| &before.definitions);
    fs::write(directory.path().join("definitions.yaml"), text).unwrap();
    let definitions = definitions::parse(&[("definitions.yaml".into(), file.definitions.clone())]).unwrap();
    write_fitted(file, &definitions, &directory);
    let path = directory.path().display().to_string();
    let gateway = Gateway::start_with(&store.url(), &[("definitions.path", &path)]);
    clients::until_ready(&gateway, true).await;
    let callers = Callers::new(gateway, definitions).await;
    let mut faults = Vec::new();
    if let Some(before) = &file.before {
        for write in &before.rows {
            faults.extend(write_rows(&callers, write, true).await);
        }
        fs::write(directory.path().join("definitions.yaml"), &file.definitions).unwrap();
        reload(&callers.http, &callers.gateway).await.unwrap();
    }
    for (at, case) in file.cases.iter().enumerate() {
        let mut found = Vec::new();
        for write in &case.rows {
            found.extend(write_rows(&callers, write, at % 2 == 0).await);
        }
        found.extend(ask(&callers, case).await);
        faults.extend(found.into_iter().map(|fault| format!("{} over {}: {fault}", case.name, store.name())));
    }
    faults
}

/// Asks over both protocols, and tells what is wrong with the answers.
pub async fn ask(callers: &Callers, case: &Case) -> Vec<String> {
    let Some(request) = &case.request else { return Vec::new() };
    if request.service.is_empty() {
        return cases_features::faults(callers, case, request).await;
    }
    let mut faults = Vec::new();
    let mut answers = vec![("REST", callers.rest(request).await)];
    // gRPC has numbers for times: there is no text to be wrong.
    if request.times().iter().all(|text| unskew_engine::row::time::parse(text).is_ok()) {
        answers.push(("gRPC", callers.grpc(request).await));
    }
    for (way, answer) in &answers {
        let found = match answer {
            Ok(answer) if case.error.is_none() => case.faults(answer, |text| time::parse(text).unwrap()),
            Ok(answer) => vec![format!("no error: {answer:?}")],
            Err(failure) => error_fault(case, failure),
        };
        faults.extend(found.into_iter().map(|fault| format!("{way}: {fault}")));
    }
    // A fingerprint is hexadecimal in one and bytes in the other: what is wrong with its length has other words.
    let is_whole = request.fingerprint.as_ref().is_none_or(|text| text.len() == 64);
    if let [(_, one), (_, other)] = &answers[..] {
        let same = match (one, other) {
            (Ok(one), Ok(other)) => one == other,
            (Err(one), Err(other)) => one.code == other.code && (one.message == other.message || !is_whole),
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
        };
        if !same {
            faults.push(format!("REST and gRPC differ:\n    {one:?}\n    {other:?}"));
        }
    }
    faults.extend(cases_values::faults(callers, case, request).await);
    faults
}

/// What is wrong with a failure, compared with the one that is expected.
pub fn error_fault(case: &Case, failure: &failures::Failure) -> Vec<String> {
    let Some(expected) = &case.error else { return vec![format!("failed: {failure:?}")] };
    let right = failure.code == failures::code(&expected.code)
        && failure.message.contains(&expected.message)
        && failure.message.starts_with(&expected.field)
        && (expected.field.is_empty() || failure.fields.iter().all(|field| *field == expected.field));
    if right { Vec::new() } else { vec![format!("expected {expected:?}\n    found {failure:?}")] }
}

/// Reads the definitions again.
pub async fn reload(http: &reqwest::Client, gateway: &Gateway) -> Answer {
    let response = http.post(gateway.url("/v1/admin/reload")).send().await.unwrap();
    if !response.status().is_success() {
        return Err(failures::of_rest(response).await);
    }
    Ok(response.json().await.unwrap())
}

/// Writes rows, and tells what is wrong with the answer.
pub async fn write_rows(callers: &Callers, write: &Write, over_rest: bool) -> Vec<String> {
    let ndjson = write.lines().join("\n");
    let report = if over_rest {
        let url = callers.gateway.url(&format!("/v1/views/{}/rows", write.view));
        let request = callers.http.post(url).header("content-type", "application/x-ndjson").body(ndjson);
        let response = request.send().await.unwrap();
        assert!(response.status().is_success(), "{}: {:?}", write.view, failures::of_rest(response).await);
        response.json().await.unwrap()
    } else {
        let rows = Some(Rows::Ndjson(ndjson.into_bytes()));
        let batch = WriteRowsRequest { view: write.view.clone(), rows, ignore_unknown: false };
        clients::write_grpc(&mut callers.grpc.clone(), vec![batch]).await.remove(0).unwrap()
    };
    let mut faults = Vec::new();
    let bad = report["bad"].as_array().unwrap();
    let found: Vec<_> =
        bad.iter().map(|bad| (bad["row"].as_u64(), bad["code"].as_str(), bad["field"].as_str())).collect();
    let expected: Vec<_> =
        write.bad.iter().map(|bad| (Some(bad.row as u64), Some(&bad.code[..]), Some(&bad.field[..]))).collect();
    if found != expected || report["accepted"] != write.rows.len() - expected.len() {
        faults.push(format!("bad rows: expected {expected:?}\n    found {report}"));
    }
    for (bad, expected) in bad.iter().zip(&write.bad) {
        if !bad["message"].as_str().unwrap().contains(&expected.message) {
            faults.push(format!("bad rows: expected {expected:?}\n    found {bad}"));
        }
    }
    faults
}

/// Writes the fitted parameters of the services as the files that a fit would leave.
fn write_fitted(file: &File, definitions: &Definitions, directory: &TempDir) {
    for (name, fitted) in &file.fitted {
        let service: &Arc<Service> = &definitions.services[name];
        let slots = service.slots.iter().map(|slot| FittedSlot {
            name: slot.name.clone(),
            count: 1,
            nulls: 0,
            errors: 0,
            min: Json::Null,
            max: Json::Null,
            steps: fitted.get(&slot.name).cloned().unwrap_or_else(|| vec![Json::Null; slot.steps.len()]),
        });
        let fitted = FittedService { rows: 1, interval: None, slots: slots.collect() };
        let text = FittedFile::new(service, fitted).write().unwrap();
        fs::write(directory.path().join(format!("{name}{SUFFIX}")), text).unwrap();
    }
}

/// Stores values as they are under keys of the store. No gateway may have an embedded store open.
async fn set(store: &Store, values: Vec<(String, Vec<u8>)>) {
    match store {
        Store::Embedded(directory) => set_embedded(directory.path(), values).await,
        Store::Redis(server) => values.iter().for_each(|(key, value)| server.set(key.as_bytes(), value)),
    }
}

async fn set_embedded(directory: &Path, values: Vec<(String, Vec<u8>)>) {
    if values.is_empty() {
        return;
    }
    let row = |(key, value): (String, Vec<u8>)| {
        let times = order::of(&value).map(|(times, _)| times);
        PutRow {
            key: key.into(),
            event_time: times.map_or(i64::MIN, |times| times.event_time),
            created: times.map_or(i64::MIN, |times| times.created),
            value: value.into(),
        }
    };
    let options = Options {
        cache_bytes: 4 << 20,
        write_buffer_bytes: 1 << 20,
        commit_max_rows: 2000,
        commit_max_bytes: 4 << 20,
        queue_rows: 20_000,
    };
    let store = Embedded::open(directory, options).unwrap();
    let outcomes = store.put(values.into_iter().map(row).collect(), Duration::from_secs(30)).await.unwrap();
    assert!(outcomes.iter().all(|outcome| *outcome == PutOutcome::Stored), "{outcomes:?}");
    store.close().await.unwrap();
}
