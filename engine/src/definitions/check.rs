//! Checks a tree against the tables: unknown keys, missing keys, and values of the wrong form, all of them. What passes here has
//! its form; whether it makes sense is checked later, by parts that pass over in silence what was reported here.

use super::functions::Function;
use super::node::{Key, Kind, Node};
use super::schedule::{PRESETS, is_schedule};
use super::shape::{Field, Shape, Table, duration, is_fitted_name, is_input, is_name, quoted};
use super::suggest::did_you_mean;
use crate::diagnostics::{Diagnostics, Span};
use crate::dtype::{DType, Scalar};

/// Checks `node` against `shape`. `what` it is called in messages, `place` is where a missing key is reported: the key above.
pub(super) fn check(node: &Node, shape: Shape, what: &str, place: &Span, out: &mut Diagnostics) {
    match (shape, &node.kind) {
        (Shape::List { of, min }, Kind::List(items)) => {
            if items.len() < min {
                out.error(&node.span, format!("{what} must not be empty"));
            }
            for item in items {
                check(item, *of, &format!("an item of {what}"), &item.span, out);
            }
        }
        (Shape::Map { noun, of, min }, Kind::Map(entries)) => {
            if entries.len() < min {
                out.error(&node.span, format!("{what} must name at least one {noun}"));
            }
            for (key, value) in entries {
                name(key, noun, out);
                check(value, *of, &format!("the {noun} `{}`", key.name), &key.span, out);
            }
        }
        (Shape::Table(table) | Shape::DTypeOr(table), Kind::Map(entries)) => {
            check_table(entries, table, what, place, out)
        }
        (Shape::Either(kinds), Kind::Map(entries)) => {
            let given: Vec<_> = kinds.iter().filter(|(key, _)| node.get(key).is_some()).collect();
            if let [(_, table)] = given[..] {
                check_table(entries, table, what, place, out);
            } else {
                let [(first, row), (second, window)] = kinds;
                let message = match given.is_empty() {
                    true => format!("{what} has neither `{first}` nor `{second}`"),
                    false => format!("{what} has both `{first}` and `{second}`"),
                };
                out.error_with_help(
                    place,
                    message,
                    format!("{} has `{first}`, {} has `{second}`", row.one(), window.one()),
                );
            }
        }
        (Shape::Step, Kind::Text(_) | Kind::Map(_)) => {}
        _ => scalar(node, shape, what, out),
    }
}

fn check_table(entries: &[(Key, Node)], table: &Table, what: &str, place: &Span, out: &mut Diagnostics) {
    for (key, value) in entries {
        match table.fields.iter().find(|field| field.name == key.name) {
            Some(field) => check(value, field.takes, &format!("`{}`", field.name), &key.span, out),
            None => unknown_key(key, table, what, out),
        }
    }
    let missing = |field: &&Field| field.required && !entries.iter().any(|(key, _)| key.name == field.name);
    for field in table.fields.iter().filter(missing) {
        out.error_with_help(
            place,
            format!("{what} lacks `{}`", field.name),
            format!("`{}` is {}", field.name, field.doc),
        );
    }
}

fn unknown_key(key: &Key, table: &Table, what: &str, out: &mut Diagnostics) {
    let known = || table.fields.iter().map(|field| field.name);
    let why = table.refused.iter().find(|(name, _)| *name == key.name).map(|(_, why)| (*why).to_owned());
    let help = why
        .or_else(|| did_you_mean(&key.name, known()))
        .unwrap_or_else(|| format!("the keys of {} are {}", table.one(), quoted(known())));
    out.error_with_help(&key.span, format!("unknown key `{}` in {what}", key.name), help);
}

fn name(key: &Key, noun: &str, out: &mut Diagnostics) {
    if !is_name(&key.name) {
        let message = format!("`{}` can't be the name of a {noun}", key.name);
        out.error_with_help(&key.span, message, "names have letters, digits and `_`, and don't begin with a digit");
    }
}

fn scalar(node: &Node, shape: Shape, what: &str, out: &mut Diagnostics) {
    if fits(node, shape) {
        return;
    }
    let help = match (shape, node.text()) {
        (Shape::Choice(words), Some(text)) => did_you_mean(text, words.iter().copied()),
        (Shape::Function, Some(text)) => {
            did_you_mean(text, super::functions::FUNCTIONS.iter().map(|function| function.name))
        }
        (Shape::Schedule, Some(text)) => did_you_mean(text, PRESETS),
        (Shape::DType | Shape::DTypeOr(_), Some(text)) => {
            let message = text.parse::<DType>().err().map(|error| error.to_string()).unwrap_or_default();
            let help = did_you_mean(text, Scalar::ALL.into_iter().map(Scalar::name));
            return out.report(&node.span, message, help);
        }
        (Shape::Text | Shape::Sql | Shape::Name, None)
            if matches!(node.kind, Kind::Bool(_) | Kind::Int(_) | Kind::Float(_)) =>
        {
            Some("quote what is text".to_owned())
        }
        _ => None,
    };
    out.report(&node.span, format!("{what} must be {}, not {}", shape.expects(), node.describe()), help);
}

/// Whether a node that is no container of the shape's own kind has its form.
fn fits(node: &Node, shape: Shape) -> bool {
    let text = |is: fn(&str) -> bool| node.text().is_some_and(is);
    match shape {
        Shape::Text | Shape::Sql => text(|text| !text.trim().is_empty()),
        Shape::Name => text(is_name),
        Shape::Input => text(is_input),
        Shape::FittedName => text(is_fitted_name),
        Shape::Flag => matches!(node.kind, Kind::Bool(_)),
        Shape::Integer { min, max } => matches!(node.kind, Kind::Int(value) if (min..=max).contains(&value)),
        Shape::Fraction => match node.kind {
            Kind::Int(value) => (0..=1).contains(&value),
            Kind::Float(value) => (0.0..=1.0).contains(&value),
            Kind::Null | Kind::Bool(_) | Kind::Text(_) | Kind::List(_) | Kind::Map(_) => false,
        },
        Shape::Duration { none: false } => text(|text| duration(text).is_some()),
        Shape::Duration { none: true } => {
            node.kind == Kind::Int(0) || text(|text| text == "none" || is_zero(text) || duration(text).is_some())
        }
        Shape::Window => text(|text| text == "lifetime" || duration(text).is_some()),
        Shape::Resolution => text(|text| text == "exact" || duration(text).is_some()),
        Shape::Schedule => text(is_schedule),
        Shape::DType | Shape::DTypeOr(_) => text(|text| text.parse::<DType>().is_ok()),
        Shape::Constant => {
            constant(node)
                || matches!(&node.kind, Kind::List(items) if items.iter().all(|item| item.kind == Kind::Null || constant(item)))
        }
        Shape::Choice(words) => node.text().is_some_and(|text| words.contains(&text)),
        Shape::Function => text(|text| Function::find(text).is_some()),
        Shape::Step | Shape::List { .. } | Shape::Map { .. } | Shape::Table(_) | Shape::Either(_) => false,
    }
}

fn is_zero(text: &str) -> bool {
    matches!(text, "0s" | "0m" | "0h" | "0d")
}

fn constant(node: &Node) -> bool {
    matches!(node.kind, Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) | Kind::Text(_))
}
