//! Definitions as a whole: what is right gives a model, what is wrong gives all of its faults, each at its place.

mod bad;
mod compatibility;
mod files;
mod fingerprint;
mod fitted;
mod fuzz;
mod good;
mod schema;
mod steps;

use std::path::PathBuf;
use std::sync::Arc;

use super::{Definitions, Service, parse};
use crate::diagnostics::Diagnostic;

/// The example of the documentation.
const FRAUD: &str = include_str!("fraud.yaml");

/// What the cases define besides what they are about; it follows them, so that their lines count from 1.
const TAIL: &str = "
entities:
  customer: {keys: {customer_id: int64}}
  terminal: {keys: {terminal_id: string}}
sources:
  tx:
    event_time: at
    event_id: id
    columns: {id: int64, customer_id: int64, terminal_id: string, at: timestamp, amount: float64, fraud: bool, n: int32, kind: string, tags: list<string>, raw: bytes}
";

fn file(text: &str) -> [(PathBuf, String); 1] {
    [(PathBuf::from("f.yaml"), text.to_owned())]
}

fn definitions(text: &str) -> Definitions {
    parse(&file(text)).unwrap_or_else(|errors| panic!("{text}\n{}", shown(&errors).join("\n")))
}

fn service(text: &str, name: &str) -> Arc<Service> {
    Arc::clone(&definitions(text).services[name])
}

/// Line, column, message and help of each, without the file.
fn shown(errors: &[Diagnostic]) -> Vec<String> {
    errors.iter().map(|error| error.to_string().replacen("f.yaml:", "", 1)).collect()
}

fn errors(text: &str) -> Vec<String> {
    parse(&file(text)).err().map(|errors| shown(&errors)).unwrap_or_default()
}

/// Every case, with what it is expected to say.
fn check(cases: &[(&str, &[&str])], tail: &str) {
    for (text, expected) in cases {
        let text = format!("{}{tail}", text.strip_prefix('\n').unwrap_or(text));
        assert_eq!(errors(&text), *expected, "{text}");
    }
}
