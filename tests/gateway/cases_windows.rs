//! Golden cases of windows: events go in over both protocols, in turn, and both answer what the case says, on both stores.

use std::collections::{BTreeMap, HashSet};
use std::fs;

use serde_json::Value as Json;
use unskew_engine::definitions;
use unskew_gateway::api::WriteStatesRequest;
use unskew_gateway::lookup::time;

use crate::case_format::{self, Case, EventWrite, File, Refused};
use crate::cases;
use crate::cases_calls::Callers;
use crate::clients;
use crate::event_calls::{self, Events};
use crate::stores::Store;
use crate::support::gateway::Gateway;

#[tokio::test(flavor = "multi_thread")]
async fn window_cases_over_an_embedded_store() {
    run(Store::embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn window_cases_over_redis() {
    run(Store::redis).await;
}

async fn run(store: fn() -> Store) {
    let (mut faults, mut count) = (Vec::new(), 0);
    for file in case_format::window_files().iter().filter(|file| !file.definitions.is_empty()) {
        // Cases with a limit of their own have a gateway of their own.
        let mut groups: BTreeMap<Option<usize>, Vec<&Case>> = BTreeMap::new();
        for case in file.cases.iter().filter(|case| is_asked(case)) {
            groups.entry(case.limits.state_bytes).or_default().push(case);
        }
        for (limit, group) in groups {
            count += group.len();
            let found = run_group(file, &group, limit, &store()).await;
            faults.extend(found.into_iter().map(|fault| format!("{}: {fault}", file.name)));
        }
    }
    assert!(faults.is_empty(), "{} faults in {count} cases:\n{}", faults.len(), faults.join("\n"));
    assert!(count >= 100, "only {count} cases were found");
}

/// The gateway has a clock of its own: when events arrive is not for a case to say.
fn is_asked(case: &Case) -> bool {
    case.online && case.definitions.is_none() && case.events.iter().all(|write| write.now.is_none())
}

async fn run_group(file: &File, group: &[&Case], limit: Option<usize>, store: &Store) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("definitions.yaml"), &file.definitions).unwrap();
    let definitions = definitions::parse(&[("definitions.yaml".into(), file.definitions.clone())]).unwrap();
    let path = directory.path().display().to_string();
    let limit = limit.map(|limit| format!("{limit}B"));
    let mut settings = vec![("definitions.path", path.as_str())];
    settings.extend(limit.as_deref().map(|limit| ("limits.max_state_bytes", limit)));
    let gateway = Gateway::start_with(&store.url(), &settings);
    clients::until_ready(&gateway, true).await;
    let events = Events::of(&gateway).await;
    let callers = Callers::new(gateway, definitions).await;
    let mut faults = Vec::new();
    for (at, case) in group.iter().enumerate() {
        let mut found = Vec::new();
        for (view, since) in &case.complete_since {
            complete(&events, view, Some(time::parse(since).unwrap())).await;
        }
        for write in &case.rows {
            found.extend(cases::write_rows(&callers, write, at % 2 == 0).await);
        }
        for write in &case.events {
            found.extend(self::write(&events, write, at % 2 == 0).await);
        }
        found.extend(cases::ask(&callers, case).await);
        for view in case.complete_since.keys() {
            complete(&events, view, None).await;
        }
        faults.extend(found.into_iter().map(|fault| format!("{} over {}: {fault}", case.name, store.name())));
    }
    faults
}

/// A load of no state says from when on the view knows all events.
async fn complete(events: &Events, view: &str, complete_since: Option<i64>) {
    let batch =
        WriteStatesRequest { view: view.to_owned(), complete_since, done: true, ..WriteStatesRequest::default() };
    events.load(batch).await.unwrap();
}

async fn write(events: &Events, write: &EventWrite, over_rest: bool) -> Vec<String> {
    let text = write.lines().join("\n");
    let report = if over_rest {
        events.rest(&write.source, text).await.unwrap()
    } else {
        events.grpc(vec![event_calls::batch(&write.source, text)]).await.remove(0).unwrap()
    };
    let refused = |refused: &Refused, code: &str| (refused.row, code.to_owned(), refused.view.clone());
    let mut expected: Vec<_> = write.late.iter().map(|it| refused(it, "LATE")).collect();
    expected.extend(write.limited.iter().map(|it| refused(it, "STATE_LIMIT")));
    expected.extend(write.bad.iter().map(|bad| (bad.row, bad.code.clone(), bad.field.clone())));
    expected.sort();
    let text = |json: &Json| json.as_str().unwrap().to_owned();
    let of_bad =
        |bad: &Json| (usize::try_from(bad["row"].as_u64().unwrap()).unwrap(), text(&bad["code"]), text(&bad["field"]));
    let mut found: Vec<_> = report["bad"].as_array().unwrap().iter().map(of_bad).collect();
    found.sort();
    let rows: HashSet<usize> = expected.iter().map(|(row, _, _)| *row).collect();
    let late: HashSet<usize> = write.late.iter().map(|it| it.row).collect();
    let counts = report["accepted"] == write.events.len() - rows.len() && report["late"] == late.len();
    if found == expected && counts { Vec::new() } else { vec![format!("expected {expected:?}\n    found {report}")] }
}
