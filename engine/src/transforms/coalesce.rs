//! `coalesce`.

use std::sync::Arc;

use serde_json::Value as Json;

use super::apply::borrow;
use super::parameter::{Argument, Arguments, Default, Parameter, Takes};
use super::{Kernel, Map, Other, Output, Problem, Step, Transform, types};
use crate::definitions::Constant;
use crate::dtype::{DType, Scalar};
use crate::scope::{Fault, Scope};
use crate::value::Value;

/// `coalesce`.
pub(super) const TRANSFORM: Transform = Transform {
    name: "coalesce",
    doc: "The first value that is not null: of the slot, then of `inputs` in their order, then `default`. NaN of the other inputs counts \
          as null. All have one type; among numbers, int32 and int64 give int64, and with a float the result is float64.",
    example: "{coalesce: {inputs: [customer_profile.mean_amount], default: 0}}",
    known_as: "COALESCE (SQL)",
    parameters: &[
        Parameter {
            name: "inputs",
            takes: Takes::Inputs,
            default: Default::Absent,
            doc: "where to look next: request columns or `view.feature`s",
        },
        Parameter {
            name: "default",
            takes: Takes::Constant,
            default: Default::Absent,
            doc: "what is left if all are null",
        },
    ],
    make,
};

#[derive(Clone, Debug)]
struct Coalesce {
    inputs: Vec<String>,
    default: Option<Argument>,
}

fn make(arguments: &Arguments) -> Result<Arc<dyn Step>, Problem> {
    let inputs = types::names(arguments, "inputs");
    let default = arguments.get("default").cloned();
    if inputs.is_empty() && default.is_none() {
        return Err(Problem::parameter("inputs", "neither `inputs` nor `default` is given; give one of them or both"));
    }
    Ok(Arc::new(Coalesce { inputs, default }))
}

/// The type that values of two types have in common.
fn common(left: DType, right: DType) -> Option<DType> {
    match (left, right) {
        _ if left == right => Some(left),
        (DType::Scalar(left), DType::Scalar(right)) if left.is_integer() && right.is_integer() => {
            Some(Scalar::Int64.into())
        }
        (DType::Scalar(left), DType::Scalar(right)) if left.is_number() && right.is_number() => {
            Some(Scalar::Float64.into())
        }
        _ => None,
    }
}

impl Coalesce {
    /// The type of the result, and the default in it.
    fn resolve(&self, input: DType, others: impl Iterator<Item = DType>) -> Result<(DType, Option<Constant>), Problem> {
        let mut dtype = input;
        for (name, other) in self.inputs.iter().zip(others) {
            let message = || {
                format!("`{name}` is {other}, which has no type in common with {dtype}; put a `cast` before the step")
            };
            dtype = common(dtype, other).ok_or_else(|| Problem::parameter("inputs", message()))?;
        }
        let Some(argument) = &self.default else { return Ok((dtype, None)) };
        if let (Argument::Float(_), true) = (argument, dtype.is_number()) {
            dtype = common(dtype, Scalar::Float64.into()).unwrap_or(dtype);
        }
        match dtype.scalar().and_then(|scalar| types::constant(argument, scalar)) {
            Some(constant) => Ok((dtype, Some(constant))),
            None => Err(Problem::parameter(
                "default",
                format!("`default` is {}, which is no {dtype}", types::describe(argument)),
            )),
        }
    }
}

impl Step for Coalesce {
    fn output(&self, input: DType, others: &[DType]) -> Result<Output, Problem> {
        self.resolve(input, others.iter().copied()).map(|(dtype, _)| Output::One(dtype))
    }

    fn inputs(&self) -> &[String] {
        &self.inputs
    }

    fn takes_null(&self) -> bool {
        true
    }

    fn kernel(&self, input: DType, others: &[Other], _fitted: &Json) -> Result<Kernel, String> {
        let resolved = self.resolve(input, others.iter().map(|other| other.dtype));
        let (dtype, default) = resolved.map_err(|problem| problem.message)?;
        let others = others.iter().map(|other| other.index).collect();
        Ok(Kernel::One(Box::new(First { others, default, is_float: dtype == DType::Scalar(Scalar::Float64) })))
    }
}

#[derive(Debug)]
struct First {
    others: Vec<usize>,
    default: Option<Constant>,
    /// Whole numbers become floats.
    is_float: bool,
}

impl Map for First {
    fn apply<'v>(&'v self, value: Value<'v>, scope: &Scope<'v>) -> Result<Value<'v>, Fault> {
        let is_value = |value: &Value<'_>| {
            !matches!(value, Value::Null) && !matches!(value, Value::Float(number) if number.is_nan())
        };
        let mut found = value;
        if found.is_null() {
            let other = self.others.iter().map(|index| scope.input(*index)).find(is_value);
            found = other.or(self.default.as_ref().map(borrow)).unwrap_or(Value::Null);
        }
        Ok(match found.as_f64() {
            Some(number) if self.is_float => Value::Float(number),
            Some(_) | None => found,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, int, number, problem, text, texts};
    use super::*;

    fn with(others: &[(Scalar, Value<'static>)], default: Argument) -> Bench {
        Bench::new(&TRANSFORM, &[("inputs", texts(["a", "b"])), ("default", default)]).with(others)
    }

    #[test]
    fn the_first_that_is_there() {
        let run = |a, b, value| with(&[(Scalar::Int64, a), (Scalar::Int64, b)], int(9)).run(Scalar::Int64, value);
        assert_eq!(run(Value::Int(2), Value::Int(3), Value::Int(1)), Ok(Value::Int(1)));
        assert_eq!(run(Value::Int(2), Value::Int(3), Value::Null), Ok(Value::Int(2)));
        assert_eq!(run(Value::Null, Value::Int(3), Value::Null), Ok(Value::Int(3)));
        assert_eq!(run(Value::Null, Value::Null, Value::Null), Ok(Value::Int(9)));
        let bench = Bench::new(&TRANSFORM, &[("inputs", texts(["a"]))]).with(&[(Scalar::String, Value::Null)]);
        assert_eq!(bench.run(Scalar::String, Value::Null), Ok(Value::Null));
    }

    #[test]
    fn numbers_meet() {
        let bench = with(&[(Scalar::Int32, Value::Int(2)), (Scalar::Float64, Value::Float(0.5))], int(0));
        assert_eq!(bench.output(Scalar::Int64.into()), Ok(Output::One(Scalar::Float64.into())));
        assert_eq!(bench.run(Scalar::Int64, Value::Int(7)), Ok(Value::Float(7.0)));
        assert_eq!(bench.run(Scalar::Int64, Value::Null), Ok(Value::Float(2.0)));
        let bench = with(&[(Scalar::Float64, Value::Float(f64::NAN)), (Scalar::Int32, Value::Null)], number(0.5));
        assert_eq!(bench.run(Scalar::Float64, Value::Float(f64::NAN)), Ok(Value::Float(0.5)));
        let ints = Bench::new(&TRANSFORM, &[("default", number(0.5))]);
        assert_eq!(ints.output(Scalar::Int64.into()), Ok(Output::One(Scalar::Float64.into())));
    }

    #[test]
    fn types_that_do_not_meet() {
        let bench = with(&[(Scalar::String, Value::Null), (Scalar::String, Value::Null)], text("x"));
        assert_eq!(
            bench.output(Scalar::Int64.into()).unwrap_err().message,
            "`a` is string, which has no type in common with int64; put a `cast` before the step"
        );
        let texts = Bench::new(&TRANSFORM, &[("default", int(1))]);
        assert_eq!(texts.output(Scalar::String.into()).unwrap_err().message, "`default` is 1, which is no string");
        let times = Bench::new(&TRANSFORM, &[("default", text("1970-01-01T00:00:01Z"))]);
        assert_eq!(times.run(Scalar::Timestamp, Value::Null), Ok(Value::Time(1_000_000)));
        assert_eq!(
            problem(&TRANSFORM, &[]).message,
            "neither `inputs` nor `default` is given; give one of them or both"
        );
    }
}
