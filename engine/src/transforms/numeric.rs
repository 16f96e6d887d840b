//! What transforms of a number to a number share.

use super::parameter::{Arguments, Default, Parameter, Takes};
use super::{Function, Output, Problem, types};
use crate::dtype::{DType, Scalar};
use crate::fit::finite;
use crate::numbers::{Method, Sorted};

/// The output of a step that takes a number and makes a float64.
pub(super) fn to_float(input: DType) -> Result<Output, Problem> {
    types::number(input).map(|()| Output::One(Scalar::Float64.into()))
}

/// (x − centre) / divisor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Centred {
    pub(super) centre: f64,
    pub(super) divisor: f64,
}

impl Function for Centred {
    fn of(&self, number: f64) -> f64 {
        (number - self.centre) / self.divisor
    }
}

/// A parameter that is a fraction of the rows.
pub(super) const fn fraction(name: &'static str, default: f64, doc: &'static str) -> Parameter {
    Parameter { name, takes: Takes::Number, default: Default::Number(default), doc }
}

/// Two fractions of the rows, the first below the second.
pub(super) fn fractions(arguments: &Arguments, names: [&'static str; 2]) -> Result<[f64; 2], Problem> {
    let [low, high] = names.map(|name| arguments.number(name).unwrap_or(0.0));
    for (name, value) in [(names[0], low), (names[1], high)] {
        if !(0.0..=1.0).contains(&value) {
            let message = format!("{value} is not within 0 and 1; a fraction is meant, not a percentage");
            return Err(Problem::parameter(name, message));
        }
    }
    if low >= high {
        let message = format!("{high} is not above `{}`, which is {low}", names[0]);
        return Err(Problem::parameter(names[1], message));
    }
    Ok([low, high])
}

/// Quantiles as fitted parameters.
pub(super) fn fitted_quantile(name: &str, sorted: &Sorted, q: f64) -> Result<serde_json::Value, String> {
    finite(name, Some(sorted.quantile(q, Method::Linear)))
}

/// Two numbers that stand for what would be fitted: both are given, or neither.
pub(super) fn given_pair(arguments: &Arguments, names: [&'static str; 2]) -> Result<Option<[f64; 2]>, Problem> {
    match names.map(|name| arguments.number(name)) {
        [None, None] => Ok(None),
        [Some(first), Some(second)] => Ok(Some([first, second])),
        [first, _] => {
            let missing = names[usize::from(first.is_some())];
            let message = format!("is missing: give `{}` and `{}`, or neither to learn them", names[0], names[1]);
            Err(Problem::parameter(missing, message))
        }
    }
}
