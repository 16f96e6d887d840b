//! `impute`.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::parameter::{Argument, Arguments, Default, Parameter, Takes};
use super::tokens::MAX_DISTINCT;
use super::{Fit, Fitted, Kernel, Map, Other, Output, Problem, Step, Transform, types};
use crate::dtype::{DType, Scalar};
use crate::fit::{Categories, EMPTY, NumberFit, TORN, finite};
use crate::numbers::{ExactSum, Quantiles, Reader};
use crate::scope::{Fault, Scope};
use crate::value::Value;

/// `impute`.
pub(super) const TRANSFORM: Transform = Transform {
    name: "impute",
    doc: "Fills null, missing and withheld values, and NaN.\n\n\
          `strategy: constant` fills with `value`, `mean` and `median` with those of training, `mode` with its most frequent value, of \
          equally frequent ones the smallest. With a `value` and no `strategy` it is the constant. The median of an even number of \
          values is the mean of the middle two; above 1,000,000 values it is within 2⁻⁸ of the value. Mean and median of whole numbers \
          are float64, and so is the output then; constant and mode keep the type of the input. Texts take constant and mode. As in \
          scikit-learn; a column without any value is an error here, where scikit-learn drops it.\n\n\
          The status of a filled value stays what it was. To let the model know, put a `missing_indicator` into a slot of its own.",
    example: "{impute: {strategy: median}}",
    known_as: "SimpleImputer (scikit-learn), impute_mean, impute_median, impute_mode, impute_constant (Hopsworks)",
    parameters: &[
        Parameter {
            name: "strategy",
            takes: Takes::Choice(&["mean", "median", "mode", "constant"]),
            default: Default::Absent,
            doc: "what fills; `constant` if there is a `value`, else it must be given",
        },
        Parameter { name: "value", takes: Takes::Constant, default: Default::Absent, doc: "the constant" },
        MAX_DISTINCT,
    ],
    make,
};

#[derive(Clone, Debug, PartialEq)]
enum Strategy {
    Mean,
    Median,
    Mode { max_distinct: usize },
    Constant(Argument),
}

fn make(arguments: &Arguments) -> Result<Arc<dyn Step>, Problem> {
    let value = arguments.get("value").cloned();
    let strategy = match (arguments.text("strategy"), value) {
        (None | Some("constant"), Some(value)) => Strategy::Constant(value),
        (Some("constant"), None) => {
            return Err(Problem::parameter("value", "is missing: `strategy: constant` fills with it"));
        }
        (Some(_), Some(_)) => {
            return Err(Problem::parameter("value", "is for `strategy: constant` alone; leave one of them out"));
        }
        (Some("mean"), None) => Strategy::Mean,
        (Some("median"), None) => Strategy::Median,
        (Some(_), None) => {
            Strategy::Mode { max_distinct: types::count(arguments, MAX_DISTINCT.name).unwrap_or(usize::MAX) }
        }
        (None, None) => {
            let message = "is missing: `mean`, `median` or `mode`, or a `value` to fill with";
            return Err(Problem::parameter("strategy", message));
        }
    };
    Ok(Arc::new(strategy))
}

/// A constant of a definition that fills a column.
fn constant(scalar: Scalar, argument: &Argument) -> Result<Filling, Problem> {
    let fits = match (scalar, argument) {
        (Scalar::Bool, Argument::Bool(value)) => Some(Filling::Bool(*value)),
        (Scalar::Int32, Argument::Int(value)) => i32::try_from(*value).ok().map(|value| Filling::Int(value.into())),
        (Scalar::Int64, Argument::Int(value)) => Some(Filling::Int(*value)),
        (Scalar::Float32 | Scalar::Float64, Argument::Int(value)) => Some(Filling::Float(*value as f64)),
        (Scalar::Float32 | Scalar::Float64, Argument::Float(value)) => Some(Filling::Float(*value)),
        (Scalar::String, Argument::Text(text)) => Some(Filling::Text(text.as_str().into())),
        _ => None,
    };
    fits.ok_or_else(|| {
        let message =
            format!("{} can't fill a column of {scalar}; give a value of that type", types::describe(argument));
        Problem::parameter("value", message)
    })
}

/// The type of a column that has categories to fill with.
fn fillable(input: DType) -> Result<Scalar, Problem> {
    match input.scalar() {
        Some(
            scalar
            @ (Scalar::Bool | Scalar::Int32 | Scalar::Int64 | Scalar::Float32 | Scalar::Float64 | Scalar::String),
        ) => Ok(scalar),
        Some(Scalar::Bytes | Scalar::Timestamp) | None => {
            Err(Problem::input(format!("fills numbers, bools and texts, and its input is {input}; use `coalesce`")))
        }
    }
}

impl Step for Strategy {
    fn output(&self, input: DType, _others: &[DType]) -> Result<Output, Problem> {
        match self {
            Self::Mean | Self::Median => types::number(input).map(|()| Output::One(Scalar::Float64.into())),
            Self::Mode { .. } => fillable(input).map(|_| Output::One(input)),
            Self::Constant(argument) => constant(fillable(input)?, argument).map(|_| Output::One(input)),
        }
    }

    fn takes_null(&self) -> bool {
        true
    }

    fn fit(&self, input: DType) -> Option<Box<dyn Fit>> {
        match self {
            Self::Mean => {
                Some(Box::new(NumberFit::new(|sum: &ExactSum| Ok(json!({ "value": finite("value", sum.mean())? })))))
            }
            Self::Median => Some(Box::new(NumberFit::new(|quantiles: &Quantiles| {
                let median = quantiles.sorted().ok_or(EMPTY)?.median();
                Ok(json!({ "value": finite("value", Some(median))? }))
            }))),
            Self::Mode { max_distinct } => {
                Some(Box::new(Mode { counts: Categories::new(fillable(input).ok()?, *max_distinct) }))
            }
            Self::Constant(_) => None,
        }
    }

    fn kernel(&self, input: DType, _others: &[Other], fitted: &Json) -> Result<Kernel, String> {
        let scalar = fillable(input).map_err(|problem| problem.message)?;
        let (filling, to_float) = match self {
            Self::Constant(argument) => (constant(scalar, argument).map_err(|problem| problem.message)?, false),
            Self::Mean | Self::Median => (Filling::read(Scalar::Float64, fitted)?, true),
            Self::Mode { .. } => (Filling::read(scalar, fitted)?, false),
        };
        Ok(Kernel::One(Box::new(Filled { filling, to_float })))
    }
}

/// What fills.
#[derive(Clone, Debug, PartialEq)]
enum Filling {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Box<str>),
}

impl Filling {
    fn read(scalar: Scalar, fitted: &Json) -> Result<Self, String> {
        let value = fitted.get("value").unwrap_or(&Json::Null);
        let filling = match scalar {
            Scalar::Bool => value.as_bool().map(Self::Bool),
            Scalar::Int32 | Scalar::Int64 => value.as_i64().map(Self::Int),
            Scalar::Float32 | Scalar::Float64 => value.as_f64().map(Self::Float),
            Scalar::String => value.as_str().map(|text| Self::Text(text.into())),
            Scalar::Bytes | Scalar::Timestamp => None,
        };
        filling.ok_or_else(|| format!("the fitted `value` is {value}, where {scalar} is needed; fit the step again"))
    }
}

#[derive(Clone, Debug)]
struct Filled {
    filling: Filling,
    to_float: bool,
}

impl Map for Filled {
    fn apply<'v>(&'v self, value: Value<'v>, _scope: &Scope<'v>) -> Result<Value<'v>, Fault> {
        if !value.is_null() {
            return Ok(if self.to_float { value.as_f64().map_or(Value::Null, Value::Float) } else { value });
        }
        Ok(match &self.filling {
            Filling::Bool(value) => Value::Bool(*value),
            Filling::Int(value) => Value::Int(*value),
            Filling::Float(value) => Value::Float(*value),
            Filling::Text(text) => Value::Str(text),
        })
    }
}

/// The fit of the most frequent value.
#[derive(Clone, Debug)]
struct Mode {
    counts: Categories<u64>,
}

impl Fit for Mode {
    fn update(&mut self, value: Value<'_>, _target: Value<'_>) -> Result<(), String> {
        let is_nan = matches!(value, Value::Float(number) if number.is_nan());
        if !value.is_null() && !is_nan {
            *self.counts.entry(value)? += 1;
        }
        Ok(())
    }

    fn merge(&mut self, saved: &[u8]) -> Result<(), String> {
        let mut reader = Reader::new(saved);
        self.counts.merge(&mut reader, |count, reader| {
            *count += reader.array().map(u64::from_le_bytes)?;
            Some(())
        })?;
        if reader.is_done() { Ok(()) } else { Err(TORN.to_owned()) }
    }

    fn save(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.counts.save(&mut out, |count, out| out.extend_from_slice(&count.to_le_bytes()));
        out
    }

    fn finish(&mut self) -> Result<Fitted, String> {
        // By value, so that of equal counts the first, which is kept, is that of the smallest value.
        let first = self.counts.iter().reduce(|best, next| if next.1 > best.1 { next } else { best });
        let (value, _) = first.ok_or(EMPTY)?;
        if value.is_null() {
            return Err("the most frequent value is infinite; put a `clip` before the step".to_owned());
        }
        Ok(Fitted::Done(json!({ "value": value })))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fitting::{apply, fit, fit_floats};
    use super::super::testing::{Bench, int, number, problem, text};
    use super::*;

    fn strategy(name: &str) -> Bench {
        Bench::new(&TRANSFORM, &[("strategy", text(name))])
    }

    #[test]
    fn mean_median_and_mode() {
        let values = [4.0, 1.0, f64::NAN, 4.0, 1.0, 9.0];
        let filled = |name| fit_floats(&strategy(name), &values).unwrap().run(Scalar::Float64, Value::Null);
        assert_eq!(filled("mean"), Ok(Value::Float(3.8)));
        assert_eq!(filled("median"), Ok(Value::Float(4.0)));
        assert_eq!(filled("mode"), Ok(Value::Float(1.0)));
        let even = fit_floats(&strategy("median"), &[1.0, 2.0]).unwrap();
        assert_eq!(apply(&even, &[f64::NAN, 7.0]), [Some(1.5), Some(7.0)]);
        assert_eq!(fit_floats(&strategy("mode"), &[-0.0, 0.0, -3.0]).unwrap().parameters()["value"], 0.0);
        assert!(fit_floats(&strategy("mode"), &[f64::INFINITY]).unwrap_err().contains("infinite"));
    }

    #[test]
    fn types() {
        let ints = [1, 2, 2].map(|value| (Value::Int(value), Value::Null));
        let mode = fit(&strategy("mode"), Scalar::Int64, &ints).unwrap();
        assert_eq!(mode.run(Scalar::Int64, Value::Null), Ok(Value::Int(2)));
        assert_eq!(mode.output(Scalar::Int64.into()), Ok(Output::One(Scalar::Int64.into())));
        let mean = fit(&strategy("mean"), Scalar::Int64, &ints).unwrap();
        assert_eq!(mean.run(Scalar::Int64, Value::Int(2)), Ok(Value::Float(2.0)));
        assert_eq!(mean.output(Scalar::Int64.into()), Ok(Output::One(Scalar::Float64.into())));
        let texts = ["b", "a", "b", "a"].map(|value| (Value::Str(value), Value::Null));
        let mode = fit(&strategy("mode"), Scalar::String, &texts).unwrap();
        assert_eq!(mode.run(Scalar::String, Value::Null), Ok(Value::Str("a")));
        assert_eq!(mode.run(Scalar::String, Value::Str("x")), Ok(Value::Str("x")));
        let bools = [true, false, true].map(|value| (Value::Bool(value), Value::Null));
        let mode = fit(&strategy("mode"), Scalar::Bool, &bools).unwrap();
        assert_eq!(mode.run(Scalar::Bool, Value::Null), Ok(Value::Bool(true)));
        assert!(strategy("mean").output(Scalar::String.into()).is_err());
        assert!(strategy("mode").output(Scalar::Timestamp.into()).is_err());
    }

    #[test]
    fn constants() {
        let constant = |value| Bench::new(&TRANSFORM, &[("value", value)]);
        assert_eq!(constant(int(0)).run(Scalar::Int64, Value::Null), Ok(Value::Int(0)));
        assert_eq!(constant(int(1)).run(Scalar::Float64, Value::Null), Ok(Value::Float(1.0)));
        assert_eq!(constant(text("?")).run(Scalar::String, Value::Null), Ok(Value::Str("?")));
        assert_eq!(constant(int(1)).step().fit(Scalar::Float64.into()).map(|_| ()), None);
        for (scalar, value) in [
            (Scalar::Int64, number(0.5)),
            (Scalar::Int32, int(1 << 40)),
            (Scalar::String, int(0)),
            (Scalar::Bool, int(0)),
        ] {
            let message = constant(value).output(scalar.into()).unwrap_err().message;
            assert!(
                message.ends_with(&format!("can't fill a column of {scalar}; give a value of that type")),
                "{message}"
            );
        }
    }

    #[test]
    fn arguments_agree() {
        let message = |given: &[_]| problem(&TRANSFORM, given).message;
        assert_eq!(message(&[]), "is missing: `mean`, `median` or `mode`, or a `value` to fill with");
        assert_eq!(message(&[("strategy", text("constant"))]), "is missing: `strategy: constant` fills with it");
        assert_eq!(
            message(&[("strategy", text("mean")), ("value", int(1))]),
            "is for `strategy: constant` alone; leave one of them out"
        );
    }

    #[test]
    fn too_many_distinct_values_are_an_error() {
        let bench = Bench::new(&TRANSFORM, &[("strategy", text("mode")), ("max_distinct", int(2))]);
        assert!(fit_floats(&bench, &[1.0, 2.0, 1.0]).is_ok());
        let error = fit_floats(&bench, &[1.0, 2.0, 3.0]).unwrap_err();
        assert_eq!(error, "more than 2 distinct values (`max_distinct`); is the column an id, or continuous?");
    }
}
