//! The quality rules of a source: what its rows must keep to be appended to its history.

use std::cmp::Ordering;

use super::model::{Check, Column, Constant, OnFailure, Quality};
use super::node::{Key, Kind, Node};
use super::shape::duration;
use super::suggest::did_you_mean;
use super::views::constant;
use crate::diagnostics::Diagnostics;
use crate::dtype::{DType, Scalar};

/// The words of `on_failure`; the first is what holds unless set.
pub(super) const ON_FAILURE: [&str; 3] = ["fail", "quarantine", "warn"];

/// The rules of a source; none if one of them was reported.
pub(super) fn quality(source: &Node, columns: &[Column], out: &mut Diagnostics) -> Option<Vec<Quality>> {
    let rules = source.get("quality").map_or(&[][..], Node::entries);
    let rules: Vec<Option<Quality>> = rules.iter().map(|(key, node)| rule(key, node, columns, out)).collect();
    rules.into_iter().collect()
}

fn rule(key: &Key, node: &Node, columns: &[Column], out: &mut Diagnostics) -> Option<Quality> {
    let on_failure = match node.text_of("on_failure") {
        Some("quarantine") => OnFailure::Quarantine,
        Some("warn") => OnFailure::Warn,
        _ => OnFailure::Fail,
    };
    let name = format!("the quality rule `{}`", key.name);
    if let Some(freshness) = node.get("freshness") {
        return fresh(key, node, freshness.text().and_then(duration)?, on_failure, out);
    }
    let Some(given) = node.get("column") else {
        let help = "name the column that it looks at; only `freshness` looks at the event time";
        out.error_with_help(&key.span, format!("{name} lacks `column`"), help);
        return None;
    };
    let Some(column) = columns.iter().find(|column| Some(column.name.as_str()) == given.text()) else {
        let text = given.text()?;
        let known = columns.iter().map(|column| column.name.as_str());
        let message = format!("`column` names `{text}`, which is not in `columns`");
        out.report(&given.span, message, did_you_mean(text, known));
        return None;
    };
    let checks = checks(node, column, out)?;
    if checks.is_empty() {
        let help = "give `not_null`, `min`, `max`, `one_of`, `unique` or `freshness`";
        out.error_with_help(&key.span, format!("{name} checks nothing"), help);
        return None;
    }
    Some(made(key, node, Some(column.name.clone()), checks, on_failure))
}

/// A rule about all rows together.
fn fresh(key: &Key, node: &Node, age: i64, on_failure: OnFailure, out: &mut Diagnostics) -> Option<Quality> {
    let others = ["column", "not_null", "min", "max", "one_of", "unique"];
    let beside = node.entries().iter().find(|(key, _)| others.contains(&key.name.as_str()));
    if let Some((other, _)) = beside {
        let help = "make two rules of it";
        out.error_with_help(&other.span, format!("`freshness` stands alone, without `{}`", other.name), help);
        return None;
    }
    if on_failure == OnFailure::Quarantine {
        let help = "`on_failure` is `fail` or `warn` there";
        out.error_with_help(&key.span, "`freshness` is about all rows together, and can't quarantine some", help);
        return None;
    }
    Some(made(key, node, None, vec![Check::Freshness(age)], on_failure))
}

fn made(key: &Key, node: &Node, column: Option<String>, checks: Vec<Check>, on_failure: OnFailure) -> Quality {
    let description = node.text_of("description").map(str::to_owned);
    Quality { name: key.name.clone(), column, checks, on_failure, description }
}

/// What a rule checks of a column; none if something was reported.
fn checks(node: &Node, column: &Column, out: &mut Diagnostics) -> Option<Vec<Check>> {
    let before = out.len();
    let is_set = |name: &str| node.get(name).is_some_and(|node| node.kind == Kind::Bool(true));
    let mut checks = Vec::new();
    if is_set("not_null") {
        checks.push(Check::NotNull);
    }
    let bound = |name: &str, out: &mut Diagnostics| {
        let node = node.get(name)?;
        if !is_ordered(column.dtype) {
            let message =
                format!("`{name}` needs a column of numbers or times, and `{}` is {}", column.name, column.dtype);
            out.error(&node.span, message);
            return None;
        }
        constant(node, column.dtype, &format!("`{name}`"), out)
    };
    let (min, max) = (bound("min", out), bound("max", out));
    if let (Some(min), Some(max), Some(place)) = (&min, &max, node.get("max"))
        && order(min, max) == Some(Ordering::Greater)
    {
        out.error(&place.span, "`max` is below `min`, so that no value would be right");
    }
    checks.extend(min.map(Check::Min));
    checks.extend(max.map(Check::Max));
    if let Some(list) = node.get("one_of") {
        let values = list.items().iter().filter_map(|item| constant(item, column.dtype, "an item of `one_of`", out));
        checks.push(Check::OneOf(values.collect()));
    }
    if is_set("unique") {
        checks.push(Check::Unique);
    }
    let is_plain = matches!(column.dtype, DType::Scalar(_));
    let compares = |check: &Check| matches!(check, Check::OneOf(_) | Check::Unique);
    if !is_plain && checks.iter().any(compares) {
        let message =
            format!("`one_of` and `unique` need a column of single values, and `{}` is {}", column.name, column.dtype);
        out.error(&node.span, message);
    }
    (out.len() == before).then_some(checks)
}

/// Whether values of a type have a least and a greatest one that people would name.
const fn is_ordered(dtype: DType) -> bool {
    match dtype {
        DType::Scalar(Scalar::Int32 | Scalar::Int64 | Scalar::Float32 | Scalar::Float64 | Scalar::Timestamp) => true,
        DType::Scalar(Scalar::Bool | Scalar::String | Scalar::Bytes) | DType::List(_) | DType::Vector(_) => false,
    }
}

fn order(one: &Constant, other: &Constant) -> Option<Ordering> {
    match (one, other) {
        (Constant::Int(one), Constant::Int(other)) | (Constant::Time(one), Constant::Time(other)) => {
            Some(one.cmp(other))
        }
        (Constant::Float(one), Constant::Float(other)) => one.partial_cmp(other),
        _ => None,
    }
}
