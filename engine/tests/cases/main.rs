//! Runs the golden cases of `tests/cases` through the engine: its row path, and its batch path over the values that the row path
//! resolved, bit for bit equal.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]
#![expect(unreachable_pub, reason = "the modules of a test binary")]

mod batch_path;
mod definitions;
mod dump;
mod features;
#[expect(dead_code, reason = "the other runners use the rest")]
mod format;
mod row_path;
mod states;
mod store;
mod training;
mod windows;

use std::collections::BTreeMap;

use unskew_engine::row::time;

use format::File;
use row_path::{Answered, Known, Services};
use states::States;
use store::Store;

/// What went wrong in a case, if anything did.
type Faults = Vec<String>;

#[test]
fn every_case() {
    let (mut faults, mut count) = (Faults::new(), 0);
    for file in format::files() {
        count += file.cases.len();
        faults.extend(run(&file).into_iter().map(|fault| format!("{}: {fault}", file.name)));
    }
    for file in format::window_files() {
        count += file.cases.len();
        faults.extend(windows::run(&file).into_iter().map(|fault| format!("{}: {fault}", file.name)));
    }
    dump::write();
    assert!(faults.is_empty(), "{} faults in {count} cases:\n{}", faults.len(), faults.join("\n"));
}

fn run(file: &File) -> Faults {
    let mut faults = Faults::new();
    for case in &file.cases {
        dump::definitions(case);
        faults.extend(definitions::faults(case).into_iter().map(|fault| format!("{}: {fault}", case.name)));
    }
    if file.definitions.is_empty() {
        return faults;
    }
    let mut store = Store::default();
    if let Some(before) = &file.before {
        let former = definitions::parse(&before.definitions).unwrap();
        before.rows.iter().for_each(|write| faults.extend(store.write(&former, write)));
    }
    let services = Services::new(file);
    for case in &file.cases {
        store.begin_case(&case.name);
        case.stored.iter().for_each(|stored| store.set(&stored.key, stored.bytes()));
    }
    for case in &file.cases {
        store.begin_case(&case.name);
        let mut found = Faults::new();
        case.rows.iter().for_each(|write| found.extend(store.write(services.definitions(), write)));
        if let Some(request) = &case.request {
            if request.service.is_empty() {
                found.extend(features::faults(case, request, services.definitions(), &store));
            } else {
                found.extend(vectors(case, request, &services, &store));
            }
        }
        faults.extend(found.into_iter().map(|fault| format!("{}: {fault}", case.name)));
    }
    faults
}

/// Both paths over one request for vectors. An error that the gateway alone can find is not looked for.
fn vectors(case: &format::Case, request: &format::Request, services: &Services, store: &Store) -> Faults {
    let known = Known { rows: store, states: &States::default(), complete_since: &BTreeMap::new() };
    let answered = match (services.answer(request, known), &case.error) {
        (Ok(answered), None) => answered,
        (Ok(_), Some(_)) => return Faults::new(),
        (Err(why), Some(expected)) if why.contains(&expected.message) => return Faults::new(),
        (Err(why), _) => return vec![format!("failed: {why}")],
    };
    let Answered { answer, plan, columns, .. } = answered;
    let (definitions, fitted) = services.texts(&request.service);
    dump::vectors(&case.name, definitions, fitted, &request.service, columns.rows(), &answer);
    let mut faults = case.faults(&answer, |text| time::parse(text).unwrap());
    faults.extend(batch_path::faults(plan, columns, &answer));
    faults
}
