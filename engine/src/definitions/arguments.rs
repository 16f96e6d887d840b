//! The arguments of a step, read from its parameters by the table of its transform.

use super::constants::{self, number};
use super::node::{Key, Kind, Node};
use super::shape::quoted;
use super::suggest::did_you_mean;
use crate::diagnostics::{Diagnostics, Span};
use crate::dtype::DType;
use crate::transforms::parameter::{Argument, Arguments, Default, Parameter, Takes};
use crate::transforms::{OnNull, Transform};

/// What every transform can be told besides its own parameters, and what it means.
pub(super) const COMMON: [(&str, &str); 2] = [
    (
        "on_null",
        "what happens to null: it stays null (`propagate`), the slot is ERROR (`error`), or a value takes its place (`{default: …}`)",
    ),
    ("nan", "whether NaN counts as null (`null`) or stays (`keep`)"),
];

/// The words of `on_null` and of `nan`; the first of each is what holds unless set.
pub(super) const ON_NULL: [&str; 2] = ["propagate", "error"];
pub(super) const NAN: [&str; 2] = ["null", "keep"];

/// Reads the arguments of a step, with all defaults; none if one of them was reported.
pub(super) fn arguments(
    transform: &Transform,
    given: &[(Key, Node)],
    place: &Span,
    out: &mut Diagnostics,
) -> Option<Arguments> {
    let before = out.len();
    let mut arguments = Arguments::default();
    for (key, node) in given.iter().filter(|(key, _)| !COMMON.iter().any(|(name, _)| *name == key.name)) {
        match transform.parameters.iter().find(|parameter| parameter.name == key.name) {
            Some(parameter) => match argument(parameter.takes, node) {
                Ok(argument) => arguments.set(parameter.name, argument),
                Err(right) => {
                    let help = if let Takes::Choice(words) = parameter.takes {
                        node.text().and_then(|text| did_you_mean(text, words.iter().copied()))
                    } else {
                        None
                    };
                    out.report(&node.span, format!("`{}` must be {right}, not {}", key.name, node.describe()), help);
                }
            },
            None => unknown(transform, key, out),
        }
    }
    let is_given = |parameter: &Parameter| given.iter().any(|(key, _)| key.name == parameter.name);
    for parameter in transform.parameters.iter().filter(|parameter| !is_given(parameter)) {
        match parameter.default {
            Default::Required => {
                let help = format!("`{}`: {}", parameter.name, parameter.doc);
                out.error_with_help(place, format!("the step `{}` needs `{}`", transform.name, parameter.name), help);
            }
            Default::Absent => {}
            Default::Bool(value) => arguments.set(parameter.name, Argument::Bool(value)),
            Default::Integer(value) => arguments.set(parameter.name, Argument::Int(value)),
            Default::Number(value) => arguments.set(parameter.name, Argument::Float(value)),
            Default::Text(value) => arguments.set(parameter.name, Argument::Text(value.to_owned())),
        }
    }
    (out.len() == before).then_some(arguments)
}

fn unknown(transform: &Transform, key: &Key, out: &mut Diagnostics) {
    let own = transform.parameters.iter().map(|parameter: &Parameter| parameter.name);
    let known: Vec<&str> = own.chain(COMMON.iter().map(|(name, _)| *name)).collect();
    let help = did_you_mean(&key.name, known.iter().copied())
        .unwrap_or_else(|| format!("the parameters of `{}` are {}", transform.name, quoted(known.iter().copied())));
    out.error_with_help(&key.span, format!("unknown parameter `{}` of the step `{}`", key.name, transform.name), help);
}

/// One argument. Numbers are float64 where a parameter takes any number, so that `1` and `1.0` are equal.
///
/// # Errors
/// What would be right, in words that follow "must be".
fn argument(takes: Takes, node: &Node) -> Result<Argument, String> {
    let float = |node: &Node| number(node).map(Argument::Float);
    let text = |node: &Node| node.text().map(|text| Argument::Text(text.to_owned()));
    let found = match takes {
        Takes::Bool => {
            if let Kind::Bool(value) = node.kind {
                Some(Argument::Bool(value))
            } else {
                None
            }
        }
        Takes::Integer { min, max } => match node.kind {
            Kind::Int(value) if (min..=max).contains(&value) => Some(Argument::Int(value)),
            Kind::Int(_)
            | Kind::Null
            | Kind::Bool(_)
            | Kind::Float(_)
            | Kind::Text(_)
            | Kind::List(_)
            | Kind::Map(_) => None,
        },
        Takes::Number => float(node),
        Takes::Text => text(node),
        Takes::Choice(words) => text(node).filter(|_| node.text().is_some_and(|text| words.contains(&text))),
        Takes::Constant => constant(node),
        Takes::Numbers => list(node, float),
        Takes::Constants => list(node, constant),
        Takes::Inputs => list(node, text),
    };
    found.ok_or_else(|| words(takes))
}

fn constant(node: &Node) -> Option<Argument> {
    match &node.kind {
        Kind::Bool(value) => Some(Argument::Bool(*value)),
        Kind::Int(value) => Some(Argument::Int(*value)),
        Kind::Float(_) => number(node).map(Argument::Float),
        Kind::Text(text) => Some(Argument::Text(text.clone())),
        Kind::Null | Kind::List(_) | Kind::Map(_) => None,
    }
}

fn list(node: &Node, item: impl Fn(&Node) -> Option<Argument>) -> Option<Argument> {
    let items: Option<Vec<Argument>> = node.items().iter().map(item).collect();
    items.filter(|items| !items.is_empty()).map(Argument::List)
}

fn words(takes: Takes) -> String {
    match takes {
        Takes::Bool => "`true` or `false`".to_owned(),
        Takes::Integer { min: i64::MIN, max: i64::MAX } => "a whole number".to_owned(),
        Takes::Integer { min, max: i64::MAX } => format!("a whole number from {min}"),
        Takes::Integer { min, max } => format!("a whole number from {min} to {max}"),
        Takes::Number => "a finite number".to_owned(),
        Takes::Text => "text".to_owned(),
        Takes::Choice(words) => format!("one of {}", quoted(words.iter().copied())),
        Takes::Constant => "a bool, a finite number or text".to_owned(),
        Takes::Numbers => "a list of finite numbers, not empty".to_owned(),
        Takes::Constants => "a list of bools, finite numbers or texts, not empty".to_owned(),
        Takes::Inputs => "a list of inputs, not empty: request columns or `view.feature`s".to_owned(),
    }
}

/// What a step does with null; `input` is the type of a default in its place, none if it is not known for a fault before.
pub(super) fn on_null(given: &[(Key, Node)], input: Option<DType>, out: &mut Diagnostics) -> Option<OnNull> {
    let Some((_, node)) = given.iter().find(|(key, _)| key.name == "on_null") else { return Some(OnNull::Propagate) };
    match (node.text(), node.entries()) {
        (Some("propagate"), _) => Some(OnNull::Propagate),
        (Some("error"), _) => Some(OnNull::Error),
        (_, [(key, value)]) if key.name == "default" => constants::read(value, input?)
            .map_err(|right| out.error(&value.span, format!("`default` must be {right}, not {}", value.describe())))
            .map(OnNull::Default)
            .ok(),
        _ => {
            out.error(
                &node.span,
                format!("`on_null` must be `propagate`, `error` or `{{default: …}}`, not {}", node.describe()),
            );
            None
        }
    }
}

/// Whether NaN stays NaN.
pub(super) fn keeps_nan(given: &[(Key, Node)], out: &mut Diagnostics) -> bool {
    let Some((_, node)) = given.iter().find(|(key, _)| key.name == "nan") else { return false };
    // `nan: null` is YAML's null.
    if node.kind == Kind::Null || node.text() == Some("null") {
        return false;
    }
    if node.text() != Some("keep") {
        out.error(&node.span, format!("`nan` must be one of {}, not {}", quoted(NAN.into_iter()), node.describe()));
    }
    true
}
