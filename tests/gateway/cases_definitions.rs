//! Golden cases of definitions: what `check` says of them, and what a reload makes of them.

use std::fs;
use std::path::Path;

use serde_json::Value as Json;

use crate::case_format::Case;
use crate::cases::reload;
use crate::clients;
use crate::stores::Store;
use crate::support::gateway::{self, Gateway};

/// Replaces what was served before, so that a case has nothing to be compatible with.
const NOTHING: &str = "entities: {nothing: {keys: {id: int64}}}\n";

pub async fn faults(cases: &[Case]) -> Vec<String> {
    let (store, directory) = (Store::embedded(), tempfile::tempdir().unwrap());
    let file = directory.path().join("case.yaml");
    fs::write(&file, NOTHING).unwrap();
    let path = directory.path().display().to_string();
    let gateway = Gateway::start_with(&store.url(), &[("definitions.path", &path)]);
    let http = clients::http1();
    let mut faults = Vec::new();
    for case in cases {
        let Some(text) = &case.definitions else { continue };
        let mut found = Vec::new();
        for before in [NOTHING, case.previous.as_deref().unwrap_or(NOTHING)] {
            fs::write(&file, before).unwrap();
            reload(&http, &gateway).await.unwrap();
        }
        fs::write(&file, text).unwrap();
        match reload(&http, &gateway).await {
            Ok(reply) => found.extend(accepted(case, &reply)),
            Err(failure) => found.extend(missing(case, &failure.message)),
        }
        if case.previous.is_none() {
            found.extend(checked(case, &file));
        }
        faults.extend(found.into_iter().map(|fault| format!("{}: {fault}", case.name)));
    }
    faults
}

/// What differs from the expected fingerprints.
fn accepted(case: &Case, reply: &Json) -> Vec<String> {
    let mut faults = Vec::new();
    if !case.diagnostics.is_empty() {
        faults.push(format!("a reload took it: {reply}"));
    }
    for (name, expected) in &case.fingerprints {
        let services = reply["services"].as_array().unwrap();
        let service = services.iter().find(|service| service["name"] == **name);
        let found = service.map(|service| &service["default"]);
        if found.and_then(Json::as_str) != Some(expected) {
            faults.push(format!("fingerprint of {name}: expected {expected}\n    found {found:?}"));
        }
    }
    faults
}

/// `check` ends with 1 and says what is wrong, or with 0.
fn checked(case: &Case, file: &Path) -> Vec<String> {
    let output = gateway::run(&["check", &file.display().to_string()], &[]);
    let expected = i32::from(!case.diagnostics.is_empty());
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let mut faults = Vec::new();
    if output.status.code() != Some(expected) {
        faults.push(format!("`check` ended with {:?}, not {expected}: {text}", output.status.code()));
    }
    if expected == 1 {
        faults.extend(missing(case, &text));
    }
    faults
}

/// The faults that a compiler's output does not tell, each with its place; and those that it tells and nobody expects.
fn missing(case: &Case, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let found = text.matches("--> ").count();
    if found != case.diagnostics.len() {
        faults.push(format!("{found} faults instead of {}: {text}", case.diagnostics.len()));
    }
    for expected in &case.diagnostics {
        let (place, message) = expected.split_once(' ').unwrap_or((expected, ""));
        // What would be right stands in a line of its own.
        let message = message.split("; ").next().unwrap_or_default();
        let place = format!("case.yaml:{}", place.trim_end_matches(':'));
        if !text.contains(&place) || !text.contains(&format!("error: {message}")) {
            faults.push(format!("{expected:?} is not in {text}"));
        }
    }
    faults
}
