//! The cases as plain JSON, for those who run them without this reading of YAML and without a store: the Python module, for one. Written to the file that
//! `UNSKEW_CASES_DUMP` names: inputs as the row path resolved them, every bit of the vectors, and what is wrong with definitions.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use arrow_array::RecordBatch;
use bumpalo::Bump;
use serde_json::{Value as Json, json};
use unskew_engine::arrow::Column as ArrowColumn;
use unskew_engine::definitions::fitted::FittedFile;
use unskew_engine::definitions::{Column, Service, Source};
use unskew_engine::dtype::{DType, Scalar};
use unskew_engine::fit::{FittedService, FittedSlot};
use unskew_engine::value::Value;

use crate::format::{Answer, Case};
use crate::training::{History, TIME};

thread_local! {
    static CASES: RefCell<Vec<Json>> = const { RefCell::new(Vec::new()) };
}

/// Adds a case of definitions.
pub fn definitions(case: &Case) {
    if let (Some(text), None) = (&case.definitions, &case.previous) {
        add(json!({
            "kind": "definitions", "name": case.name, "definitions": text, "diagnostics": case.diagnostics,
            "fingerprints": case.fingerprints,
        }));
    }
}

/// Adds a case of vectors: its definitions, the resolved inputs of its rows, and the answer.
pub fn vectors(
    name: &str,
    definitions: &str,
    fitted: Option<&str>,
    service: &str,
    rows: &[Option<Json>],
    answer: &Answer,
) {
    let incomplete: Vec<_> = answer.incomplete.iter().map(|it| json!({"row": it.row, "slot": it.slot})).collect();
    add(json!({
        "kind": "vectors", "name": name, "definitions": definitions, "fitted": fitted, "service": service, "rows": rows,
        "vectors": answer.vectors, "names": answer.names, "incomplete": incomplete, "fingerprint": answer.fingerprint,
    }));
}

/// Adds a case of training: the tables that it joins, and the answer.
pub fn training(
    name: &str,
    (definitions, fitted): (&str, Option<&str>),
    service: &Service,
    (spine, history): (&RecordBatch, &History),
    answer: &Answer,
) {
    let mut of_spine: Vec<Column> = service.entities.iter().flat_map(|entity| entity.keys.clone()).collect();
    of_spine.extend(service.request.clone());
    of_spine.push(Column { name: TIME.to_owned(), dtype: DType::Scalar(Scalar::Timestamp) });
    let sources = service.views.iter().filter_map(|view| view.source.as_ref());
    let of_source = |source: &Arc<Source>| {
        let batches = &history[&source.name];
        (source.name.clone(), batches.iter().map(|batch| table(&source.columns, batch)).collect())
    };
    let sources: BTreeMap<String, Vec<Json>> = sources.map(of_source).collect();
    let incomplete: Vec<_> = answer.incomplete.iter().map(|it| json!({"row": it.row, "slot": it.slot})).collect();
    add(json!({
        "kind": "training", "name": name, "definitions": definitions, "fitted": fitted, "service": service.name,
        "time": TIME, "spine": table(&of_spine, spine), "sources": sources, "vectors": answer.vectors, "incomplete": incomplete,
    }));
}

/// For each of these columns that a batch has its type and its values.
fn table(columns: &[Column], batch: &RecordBatch) -> Json {
    let arena = Bump::new();
    let found = columns.iter().filter_map(|column| Some((column, batch.column_by_name(&column.name)?)));
    let values = found.map(|(column, array)| {
        let array = ArrowColumn::new(array.as_ref(), column.dtype).unwrap();
        let values: Vec<Json> = (0..array.len()).map(|row| value(array.value(row, &arena).unwrap())).collect();
        (column.name.clone(), json!([column.dtype.to_string(), values]))
    });
    values.collect::<serde_json::Map<String, Json>>().into()
}

fn add(case: Json) {
    CASES.with_borrow_mut(|cases| cases.push(case));
}

/// Writes the file, if one is named.
pub fn write() {
    if let Some(path) = std::env::var_os("UNSKEW_CASES_DUMP") {
        CASES.with_borrow(|cases| fs::write(path, serde_json::to_vec(cases).unwrap()).unwrap());
    }
}

/// A fitted file with these parameters: for each slot a list with an entry for each step.
pub fn fitted_file(service: &Service, parameters: &Json) -> String {
    let slots = service.slots.iter().zip(parameters.as_array().unwrap()).map(|(slot, steps)| FittedSlot {
        name: slot.name.clone(),
        count: 0,
        nulls: 0,
        errors: 0,
        min: Json::Null,
        max: Json::Null,
        steps: steps.as_array().unwrap().clone(),
    });
    let fitted = FittedService { rows: 0, interval: None, slots: slots.collect() };
    FittedFile::new(service, fitted).write().unwrap()
}

/// A value so that no reader loses a bit of it: numbers as text, floats as the hexadecimal digits of their bits.
pub fn value(value: Value<'_>) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => value.into(),
        Value::Int(value) | Value::Time(value) => value.to_string().into(),
        Value::Float(value) => format!("{:016x}", value.to_bits()).into(),
        Value::Str(text) => text.into(),
        Value::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
        Value::List(list) => list.iter().map(self::value).collect(),
    }
}
