//! Golden cases that ask for features by name: `GetOnlineFeatures` over both protocols.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use unskew_gateway::lookup::time;

use crate::case_format::{Case, ExpectedSet, Request};
use crate::cases::error_fault;
use crate::cases_calls::Callers;
use crate::clients::{self, Answer, plain};
use crate::failures::Failure;

/// What a reply has of an entity.
#[derive(Debug, Default, PartialEq)]
struct Found {
    features: BTreeMap<String, Json>,
    statuses: BTreeMap<String, String>,
    event_times: BTreeMap<String, i64>,
    status: Option<String>,
}

type Reply = Result<BTreeMap<String, Found>, Failure>;

pub async fn faults(callers: &Callers, case: &Case, request: &Request) -> Vec<String> {
    let request = clients::Request {
        entity_ids: request.entity_ids.clone(),
        feature_names: request.feature_names.clone(),
        as_of: request.times().first().cloned(),
        all_statuses: false,
    };
    let mut faults = Vec::new();
    let rest = clients::post(&callers.http, &callers.gateway, &request).await;
    let grpc = clients::ask(&mut callers.grpc.clone(), &request).await;
    for (way, answer) in [("REST", rest), ("gRPC", grpc)] {
        let found = match (&case.results, of_answer(answer)) {
            (Some(expected), Ok(found)) => {
                let expected: BTreeMap<_, _> = expected.iter().map(|(id, set)| (id.clone(), of_case(set))).collect();
                if found == expected { Vec::new() } else { vec![format!("expected {expected:?}\n    found {found:?}")] }
            }
            (None, Ok(found)) => vec![format!("no error: {found:?}")],
            (_, Err(failure)) => error_fault(case, &failure),
        };
        faults.extend(found.into_iter().map(|fault| format!("{way}: {fault}")));
    }
    faults
}

/// Either client gives the same form.
fn of_answer(answer: Answer) -> Reply {
    let results = answer.map(|reply| reply["results"].as_object().unwrap().clone())?;
    Ok(results.iter().map(|(id, set)| (id.clone(), of_json(set))).collect())
}

fn micros(text: &str) -> i64 {
    time::parse(text).unwrap()
}

fn of_case(set: &ExpectedSet) -> Found {
    Found {
        features: set.features.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
        statuses: set.statuses.clone(),
        event_times: set.event_times.iter().map(|(view, text)| (view.clone(), micros(text))).collect(),
        status: set.status.clone(),
    }
}

fn of_json(set: &Json) -> Found {
    let status = |json: &Json| {
        let name = json["status"].as_str().unwrap();
        json["reason"].as_str().map_or_else(|| name.to_owned(), |reason| format!("{name} {reason}"))
    };
    let members = |name: &str| set[name].as_object().into_iter().flatten();
    Found {
        features: members("features").map(|(name, value)| (name.clone(), value.clone())).collect(),
        statuses: members("statuses").map(|(name, json)| (name.clone(), status(json))).collect(),
        event_times: members("event_times")
            .map(|(view, json)| (view.clone(), micros(json.as_str().unwrap())))
            .collect(),
        status: set.get("status").map(status),
    }
}
