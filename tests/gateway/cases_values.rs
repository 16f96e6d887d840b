//! The exact values that golden cases expect of inputs, as Explain tells them.

use bumpalo::Bump;
use serde_json::Value as Json;
use unskew_engine::dtype::{DType, Scalar};
use unskew_engine::row::json;
use unskew_engine::value::{Value, text};
use unskew_gateway::api::{ExplainedInput, Reason};

use crate::case_format::{Case, Request};
use crate::cases_calls::Callers;

/// What differs from `values`, asked row by row.
pub async fn faults(callers: &Callers, case: &Case, request: &Request) -> Vec<String> {
    let mut faults = Vec::new();
    let rows = case.values.values().map(Vec::len).max().unwrap_or_default();
    for row in 0..rows {
        let explained = match callers.explain(request, row).await {
            Ok(explained) => explained,
            Err(failure) => return vec![format!("values: {failure:?}")],
        };
        for (name, expected) in &case.values {
            let Some(input) = explained.inputs.iter().find(|input| input.name == *name) else {
                return vec![format!("values: {name} is not read")];
            };
            let wanted = expected.get(row).map(|expected| self::expected(expected, callers.dtype(name)));
            let found = self::found(input);
            if wanted.as_ref() != Some(&found) {
                faults.push(format!("{name}, row {row}: expected {wanted:?}\n    found {found}"));
            }
        }
    }
    faults
}

/// A value as text, or why there is none.
fn found(input: &ExplainedInput) -> String {
    let reason = input.reason();
    if reason == Reason::None {
        return input.value.clone();
    }
    format!("ERROR {}", reason.as_str_name().trim_start_matches("REASON_"))
}

fn expected(expected: &Json, dtype: DType) -> String {
    if let Some(reason) = expected.get("error").and_then(Json::as_str) {
        return format!("ERROR {reason}");
    }
    let is_float = matches!(dtype, DType::Scalar(Scalar::Float32 | Scalar::Float64));
    match expected.as_str().filter(|_| is_float) {
        Some("inf") => text(Value::Float(f64::INFINITY)),
        Some("-inf") => text(Value::Float(f64::NEG_INFINITY)),
        Some(_) | None => json::value(expected, dtype, &Bump::new()).map_or_else(|why| why, text),
    }
}
