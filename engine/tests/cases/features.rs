//! Requests for features by name: what the engine reads of a stored row, and its status. Names of no defined view are the gateway's.

use bumpalo::Bump;
use serde_json::Value as Json;
use unskew_engine::definitions::{Definitions, Feature, View, ViewKind};
use unskew_engine::dtype::{DType, Scalar};
use unskew_engine::plan::State;
use unskew_engine::row::{json, time};
use unskew_engine::value::Value;

use crate::Faults;
use crate::format::{Case, ExpectedSet, Request};
use crate::store::{NOW, Store};

pub fn faults(case: &Case, request: &Request, definitions: &Definitions, store: &Store) -> Faults {
    let mut faults = Faults::new();
    let t = request.times().first().map_or(NOW, |text| time::parse(text).unwrap());
    for (id, expected) in case.results.iter().flatten() {
        for name in &request.feature_names {
            let Some((view, feature)) = find(definitions, name) else { continue };
            let arena = Bump::new();
            let reader = store.reader(view).unwrap();
            let stored = store.read(&reader, |key, out| key.encode_text(id, out), &arena);
            let (position, _) = view.feature(&feature.name).unwrap();
            let (value, state) = stored.feature(position, feature, t);
            faults.extend(fault(expected, name, (value, state), feature.dtype).map(|fault| format!("{id}: {fault}")));
        }
    }
    faults
}

fn find<'d>(definitions: &'d Definitions, name: &str) -> Option<(&'d View, &'d Feature)> {
    let (view, name) = match name.split_once('.') {
        Some((view, name)) => (definitions.views.get(view)?, name),
        None => (definitions.views.values().find(|view| view.feature(name).is_some())?, name),
    };
    let ViewKind::Row(rows) = &view.kind else { return None };
    rows.features.iter().find(|feature| feature.name == name).map(|feature| (view.as_ref(), feature))
}

fn fault(expected: &ExpectedSet, name: &str, found: (Value<'_>, State), dtype: DType) -> Option<String> {
    let (value, state) = found;
    // JSON has no NaN and no infinity: they read as null, and then the status says so.
    let unwritable = matches!(value, Value::Float(number) if !number.is_finite());
    let status = match state.reason {
        _ if unwritable => "NULL".to_owned(),
        Some(reason) => format!("ERROR {}", reason.name()),
        None => state.status.name().to_owned(),
    };
    let wanted = expected.statuses.get(name).map_or("PRESENT", String::as_str);
    if status != wanted {
        return Some(format!("{name}: the status is {status}, not {wanted}"));
    }
    let arena = Bump::new();
    let wanted = expected.features.get(name).map(|wanted| as_typed(wanted, dtype));
    let value = if unwritable { Value::Null } else { value };
    let read = wanted.as_ref().map(|wanted| json::value(wanted, dtype, &arena).unwrap());
    // A feature without a value is not there, but for a null that is stored.
    let is_there = !value.is_null() || status == "NULL";
    let same = read.map_or(!is_there, |read| is_there && bits(read) == bits(value));
    (!same).then(|| format!("{name}: the value is {value:?}, not {wanted:?}"))
}

/// Integers beyond 2^53 are text in replies.
fn as_typed(json: &Json, dtype: DType) -> Json {
    match (json, dtype) {
        (Json::String(text), DType::Scalar(Scalar::Int64)) => text.parse::<i64>().unwrap().into(),
        (Json::Array(items), DType::List(item)) => items.iter().map(|json| as_typed(json, item.into())).collect(),
        _ => json.clone(),
    }
}

/// Equal exactly for equal bits.
fn bits(value: Value<'_>) -> String {
    if let Value::Float(number) = value { format!("{:016x}", number.to_bits()) } else { format!("{value:?}") }
}
