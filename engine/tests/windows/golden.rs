//! The golden cases of windows, answered by the oracle: what was computed by hand and what was transcribed from the contract must agree.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use unskew_engine::definitions::{self, Definitions, Service, SlotSource, View, ViewKind};
use unskew_engine::dtype::{DType, Scalar};
use unskew_engine::row::time;

use crate::cell::Cell;
use crate::format::{self, Case, EventWrite, File, Request};
use crate::function::Answer;
use crate::oracle::{Columns, Event, History, Question};
use crate::translate;

/// The text of an entity's key.
type Key = String;

/// What each view knows of each entity.
type Histories = BTreeMap<(String, Key), History>;

#[test]
fn cases_by_the_oracle() {
    let (mut faults, mut count) = (Vec::new(), 0);
    for file in format::window_files() {
        let definitions = definitions::parse(&[("case.yaml".into(), file.definitions.clone())])
            .unwrap_or_else(|why| panic!("{}: {why:#?}", file.name));
        for case in &file.cases {
            count += 1;
            let found = run(&definitions, case);
            faults.extend(found.into_iter().map(|fault| format!("{}: {}: {fault}", file.name, case.name)));
        }
    }
    assert!(faults.is_empty(), "{} faults in {count} cases:\n{}", faults.len(), faults.join("\n"));
    assert!(count >= 120, "only {count} cases were found");
}

fn run(definitions: &Definitions, case: &Case) -> Vec<String> {
    let mut faults = Vec::new();
    let mut histories = Histories::new();
    for write in &case.events {
        faults.extend(self::write(definitions, write, &mut histories));
    }
    let Some(request) = case.request.as_ref().filter(|_| case.error.is_none()) else { return faults };
    let service = &definitions.services[&request.service];
    for training in [false, true] {
        if if training { case.batch } else { case.online } {
            faults.extend(answer(case, request, service, &histories, training));
        }
    }
    faults
}

/// The columns of an event; none if it is refused.
fn columns(definitions: &Definitions, write: &EventWrite, line: &str) -> Columns {
    let given: BTreeMap<String, Json> = serde_json::from_str(line).unwrap();
    let source = &definitions.sources[&write.source];
    let column = |(name, value): (String, Json)| {
        let dtype = source.dtype(&name).unwrap_or_else(|| panic!("{} has no column {name}", write.source));
        let value = translate::from_json(&value, dtype).unwrap_or_else(|why| panic!("{name}: {why}"));
        (name, value)
    };
    given.into_iter().map(column).collect()
}

/// Whether a view has windows over a source.
fn is_over(view: &View, source: &str) -> bool {
    matches!(view.kind, ViewKind::Window(_)) && view.source.as_ref().is_some_and(|of| of.name == source)
}

fn write(definitions: &Definitions, write: &EventWrite, histories: &mut Histories) -> Vec<String> {
    let source = &definitions.sources[&write.source];
    let is_bad = |row: usize| write.bad.iter().any(|bad| bad.row == row);
    let lines: Vec<String> = write.lines();
    let good: Vec<(usize, Event)> = (0..lines.len())
        .filter(|row| !is_bad(*row))
        .map(|row| (row, translate::event(source, columns(definitions, write, &lines[row])).unwrap()))
        .collect();
    let mut late = Vec::new();
    for defined in definitions.views.values().filter(|view| is_over(view, &write.source)) {
        let view = translate::view(defined);
        let mut entities: BTreeMap<Key, Vec<&(usize, Event)>> = BTreeMap::new();
        for event in &good {
            let parts = defined.entity.keys.iter().map(|key| event.1.columns.get(&key.name).unwrap_or(&Cell::Null));
            entities.entry(format!("{:?}", parts.collect::<Vec<_>>())).or_default().push(event);
        }
        for (key, events) in entities {
            let history = histories.entry((defined.name.clone(), key)).or_default();
            let is_limited = |row: usize| write.limited.iter().any(|it| it.row == row && it.view == defined.name);
            let (refused, taken): (Vec<_>, Vec<_>) = events.into_iter().partition(|event| is_limited(event.0));
            history.refused.extend(refused.iter().map(|event| event.1.time));
            let batch: Vec<Event> = taken.iter().map(|event| event.1.clone()).collect();
            late.extend(history.write(&view, &batch).into_iter().map(|at| (taken[at].0, defined.name.clone())));
        }
    }
    late.sort_unstable();
    let mut expected: Vec<_> = write.late.iter().map(|it| (it.row, it.view.clone())).collect();
    expected.sort_unstable();
    if late == expected { Vec::new() } else { vec![format!("late: expected {expected:?}\n    found {late:?}")] }
}

fn answer(case: &Case, request: &Request, service: &Service, histories: &Histories, training: bool) -> Vec<String> {
    let parse = |columns: &BTreeMap<String, Json>| -> BTreeMap<String, Vec<Json>> {
        let column =
            |(name, column): (&String, &Json)| (name.clone(), serde_json::from_str(&Request::column(column)).unwrap());
        columns.iter().map(column).collect()
    };
    let (keys, given) = (parse(&request.entities), parse(&request.request));
    let rows = keys.values().chain(given.values()).map(Vec::len).max().unwrap_or_default();
    let times = request.times();
    let mut faults = Vec::new();
    for row in 0..rows {
        let columns: Columns = service
            .request
            .iter()
            .map(|column| (column.name.clone(), translate::from_json(&given[&column.name][row], column.dtype).unwrap()))
            .collect();
        let t = match service.time.as_ref().map(|name| &columns[name]) {
            Some(Cell::Time(t)) => *t,
            Some(other) => panic!("{other:?} is no time"),
            None => time::parse(times.get(row).or(times.first()).unwrap()).unwrap(),
        };
        let mut answers: BTreeMap<String, (Answer, DType)> = BTreeMap::new();
        for input in service.inputs() {
            let Some((name, feature)) = input.split_once('.') else { continue };
            let defined = service.views.iter().find(|view| view.name == name).unwrap();
            if matches!(defined.kind, ViewKind::Row(_)) {
                continue;
            }
            let view = translate::view(defined);
            let (position, dtype) = defined.feature(feature).unwrap();
            let parts = defined.entity.keys.iter().map(|key| translate::from_json(&keys[&key.name][row], key.dtype));
            let answer = match parts.collect::<Result<Vec<Cell>, String>>() {
                Ok(parts) if !parts.contains(&Cell::Null) => {
                    let known = histories.get(&(name.to_owned(), format!("{parts:?}")));
                    let since = case.complete_since.get(name).map(|text| time::parse(text).unwrap());
                    let history = History { complete_since: since, ..known.cloned().unwrap_or_default() };
                    let question = Question { t, request: Some(&columns), training };
                    view.answers(&history, &question).swap_remove(position)
                }
                Ok(_) | Err(_) => Answer::Error("BAD_KEY"),
            };
            answers.insert(input.clone(), (answer, dtype));
        }
        let compared = compare(case, service, row, &answers);
        let path = if training { "training" } else { "online" };
        faults.extend(compared.into_iter().map(|fault| format!("{path}, row {row}: {fault}")));
    }
    faults
}

/// What differs between the answers of a row and what the case expects of it.
fn compare(case: &Case, service: &Service, row: usize, answers: &BTreeMap<String, (Answer, DType)>) -> Vec<String> {
    let mut faults = Vec::new();
    for (input, expected) in &case.values {
        let (found, dtype) =
            answers.get(input).unwrap_or_else(|| panic!("{}: no input {input} is asked for", case.name));
        let expected = self::expected(&expected[row], *dtype);
        if *found != expected {
            faults.push(format!("{input}: expected {expected:?}\n    found {found:?}"));
        }
    }
    // Slots without steps are their inputs.
    let plain = service.slots.iter().enumerate().filter(|(_, slot)| slot.steps.is_empty());
    for (at, slot) in plain {
        let SlotSource::Input(input) = &slot.source else { continue };
        let Some((found, _)) = answers.get(input) else { continue };
        if let Some(vectors) = &case.vectors {
            let expected = vectors[row][at].map_or(0x7fc0_0000, |number| (number as f32).to_bits());
            if slot_bits(found) != expected {
                faults.push(format!("{input}: expected {:?}\n    found {found:?}", vectors[row][at]));
            }
        }
        let status = match found {
            Answer::Error(_) => "ERROR",
            Answer::Value(Cell::Null) => "NULL",
            Answer::Value(_) => "PRESENT",
        };
        if let Some(expected) = case.statuses.get(&slot.name)
            && expected[row] != status
        {
            faults.push(format!("{input}: expected {}, found {status}", expected[row]));
        }
        let incomplete = case.incomplete.iter().find(|it| it.row == row && it.slot == slot.name);
        if let (Some(incomplete), Answer::Error(reason)) = (incomplete, found)
            && incomplete.reason.as_deref() != Some(reason)
        {
            faults.push(format!("{input}: expected {:?}, found {reason}", incomplete.reason));
        }
    }
    faults
}

fn slot_bits(answer: &Answer) -> u32 {
    let value = match answer {
        Answer::Value(Cell::Int(value)) => *value as f32,
        Answer::Value(Cell::Float(value)) => *value as f32,
        Answer::Value(Cell::Bool(value)) => f32::from(u8::from(*value)),
        Answer::Value(_) | Answer::Error(_) => f32::NAN,
    };
    if value.is_finite() { value.to_bits() } else { 0x7fc0_0000 }
}

/// An expected value: `{error: REASON}`, `inf`, or the value of its type.
fn expected(given: &Json, dtype: DType) -> Answer {
    if let Some(reason) = given.get("error") {
        let reasons = ["OVERFLOW", "AS_OF_TOO_OLD", "INCOMPLETE", "STATE_LIMIT", "BAD_KEY"];
        return Answer::Error(reasons.into_iter().find(|known| reason.as_str() == Some(known)).unwrap());
    }
    let is_float = matches!(dtype, DType::Scalar(Scalar::Float32 | Scalar::Float64));
    match given.as_str() {
        Some("inf") if is_float => Answer::Value(Cell::Float(f64::INFINITY)),
        Some("-inf") if is_float => Answer::Value(Cell::Float(f64::NEG_INFINITY)),
        _ => Answer::Value(translate::from_json(given, dtype).unwrap()),
    }
}

/// Whether a file is read whole: every service that a case names is there.
#[test]
fn cases_name_services_that_are_there() {
    for file in format::window_files() {
        let File { name, cases, definitions, .. } = &file;
        for service in cases.iter().filter_map(|case| case.request.as_ref()).map(|request| &request.service) {
            assert!(definitions.contains(&format!("\n  {service}:")), "{name}: no service {service}");
        }
    }
}
