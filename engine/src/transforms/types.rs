//! Checks of types and arguments that several transforms make.

use super::Problem;
use super::parameter::{Argument, Arguments};
use crate::definitions::Constant;
use crate::dtype::{DType, Scalar};

/// Refuses an input that is neither a number nor a bool.
pub(super) fn number(input: DType) -> Result<(), Problem> {
    if input.is_number() || input == DType::Scalar(Scalar::Bool) {
        return Ok(());
    }
    Err(Problem::input(format!(
        "takes a number or a bool, and its input is {input}; put a step before it that makes a number"
    )))
}

/// The names of other inputs that a parameter lists.
pub(super) fn names(arguments: &Arguments, parameter: &str) -> Vec<String> {
    let texts = arguments.list(parameter).iter();
    texts.filter_map(|item| if let Argument::Text(text) = item { Some(text.clone()) } else { None }).collect()
}

/// The numbers that a parameter lists.
#[expect(clippy::cast_precision_loss, reason = "a number of a definition is a float64, as the contract says")]
pub(super) fn numbers(arguments: &Arguments, parameter: &str) -> Vec<f64> {
    let items = arguments.list(parameter).iter();
    items
        .filter_map(|item| match item {
            Argument::Float(value) => Some(*value),
            Argument::Int(value) => Some(*value as f64),
            Argument::Bool(_) | Argument::Text(_) | Argument::List(_) => None,
        })
        .collect()
}

/// An argument in words, as it stands in a definition.
pub(super) fn describe(argument: &Argument) -> String {
    match argument {
        Argument::Bool(value) => value.to_string(),
        Argument::Int(value) => value.to_string(),
        Argument::Float(value) => value.to_string(),
        Argument::Text(text) => format!("`{text}`"),
        Argument::List(_) => "a list".to_owned(),
    }
}

/// A count, such as that of tokens; the parameter's own bounds keep it in range.
pub(super) fn count(arguments: &Arguments, parameter: &str) -> Option<usize> {
    arguments.int(parameter).and_then(|value| usize::try_from(value).ok())
}

/// An argument as a constant of a type; none if it is not one.
#[expect(clippy::cast_precision_loss, reason = "a number of a definition is a float64, as the contract says")]
pub(super) fn constant(argument: &Argument, scalar: Scalar) -> Option<Constant> {
    match (scalar, argument) {
        (Scalar::Bool, Argument::Bool(value)) => Some(Constant::Bool(*value)),
        (Scalar::Int32, Argument::Int(value)) => i32::try_from(*value).ok().map(|value| Constant::Int(value.into())),
        (Scalar::Int64, Argument::Int(value)) => Some(Constant::Int(*value)),
        (Scalar::Float32 | Scalar::Float64, Argument::Int(value)) => Some(Constant::Float(*value as f64)),
        (Scalar::Float32 | Scalar::Float64, Argument::Float(value)) => Some(Constant::Float(*value)),
        (Scalar::String, Argument::Text(text)) => Some(Constant::Text(text.clone())),
        (Scalar::Timestamp, Argument::Text(text)) => timestamp(text).map(Constant::Time),
        _ => None,
    }
}

/// The microseconds of an RFC 3339 time with `Z` or an offset; finer digits are floored.
pub(super) fn timestamp(text: &str) -> Option<i64> {
    // The parser also takes zones in brackets, which RFC 3339 does not have.
    let time: jiff::Timestamp = text.parse().ok().filter(|_| !text.contains('['))?;
    i64::try_from(time.as_nanosecond().div_euclid(1000)).ok()
}
