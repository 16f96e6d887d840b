//! `standardize`.

use std::sync::Arc;

use serde_json::{Map as Object, Value as Json};

use super::numeric::{Centred, given_pair, to_float};
use super::parameter::{Arguments, Default, Parameter, Takes};
use super::{Fit, Kernel, Other, Output, Problem, Step, Transform};
use crate::dtype::DType;
use crate::fit::{NumberFit, finite, number};
use crate::numbers::Moments;

/// `standardize`.
pub(super) const TRANSFORM: Transform = Transform {
    name: "standardize",
    doc: "(x − mean) / max(√var, `epsilon`), in float64.\n\n\
          The variance is that of the population (`ddof: 0`), as in Keras, TensorFlow Transform and scikit-learn; pandas and Spark's \
          `stddev` take `ddof: 1`. A constant column is divided by `epsilon`, as in Keras: its own value gives 0, any other a large \
          number; scikit-learn divides by 1 there. Nulls and NaN are left out of the fit; an infinite value is an error, not \
          skipped. Mean and variance are exact and rounded once, so they may differ from a library's in the last digits.",
    example: "standardize",
    known_as: "Normalization (Keras), StandardScaler (scikit-learn), scale_to_z_score (TensorFlow Transform), z-score",
    parameters: &[
        Parameter {
            name: "center",
            takes: Takes::Bool,
            default: Default::Bool(true),
            doc: "whether the mean is subtracted",
        },
        Parameter { name: "scale", takes: Takes::Bool, default: Default::Bool(true), doc: "whether to divide" },
        Parameter {
            name: "epsilon",
            takes: Takes::Number,
            default: Default::Number(1e-7),
            doc: "the least divisor; above 0",
        },
        Parameter {
            name: "ddof",
            takes: Takes::Integer { min: 0, max: 1 },
            default: Default::Integer(0),
            doc: "0: variance of a population; 1: of a sample",
        },
        Parameter {
            name: "mean",
            takes: Takes::Number,
            default: Default::Absent,
            doc: "the mean; with `var` given too nothing is fitted",
        },
        Parameter { name: "var", takes: Takes::Number, default: Default::Absent, doc: "the variance; 0 or more" },
    ],
    make,
};

#[derive(Clone, Copy, Debug)]
struct Standardize {
    center: bool,
    scale: bool,
    epsilon: f64,
    ddof: i64,
    /// Mean and variance.
    given: Option<[f64; 2]>,
}

fn make(arguments: &Arguments) -> Result<Arc<dyn Step>, Problem> {
    let epsilon = arguments.number("epsilon").unwrap_or(1e-7);
    if epsilon <= 0.0 {
        return Err(Problem::parameter("epsilon", format!("{epsilon} would divide by zero; it must be above 0")));
    }
    let given = given_pair(arguments, ["mean", "var"])?;
    if let Some([_, var]) = given.filter(|[_, var]| *var < 0.0) {
        return Err(Problem::parameter("var", format!("{var} is no variance; it must be 0 or more")));
    }
    let ddof = arguments.int("ddof").unwrap_or(0);
    Ok(Arc::new(Standardize { center: arguments.bool("center"), scale: arguments.bool("scale"), epsilon, ddof, given }))
}

impl Standardize {
    fn fitted(self, moments: &Moments<2>) -> Result<Json, String> {
        let mut parameters = Object::new();
        if self.center {
            parameters.insert("mean".to_owned(), finite("mean", moments.mean())?);
        }
        if self.scale {
            if moments.count() <= self.ddof {
                return Err("`ddof: 1` needs two values, and there is one".to_owned());
            }
            parameters.insert("var".to_owned(), finite("var", moments.variance(self.ddof))?);
        }
        Ok(parameters.into())
    }
}

impl Step for Standardize {
    fn output(&self, input: DType, _others: &[DType]) -> Result<Output, Problem> {
        to_float(input)
    }

    fn fit(&self, _input: DType) -> Option<Box<dyn Fit>> {
        let step = *self;
        let learns = self.given.is_none() && (self.center || self.scale);
        learns.then(|| Box::new(NumberFit::new(move |moments| step.fitted(moments))) as Box<dyn Fit>)
    }

    fn kernel(&self, _input: DType, _others: &[Other], fitted: &Json) -> Result<Kernel, String> {
        let parameter = |index: usize, name| match self.given {
            Some(given) => Ok(given[index]),
            None => number(fitted, name),
        };
        let centre = if self.center { parameter(0, "mean")? } else { 0.0 };
        let divisor = if self.scale { parameter(1, "var")?.sqrt().max(self.epsilon) } else { 1.0 };
        Ok(Kernel::Number(Box::new(Centred { centre, divisor })))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fitting::{apply, fit, fit_floats};
    use super::super::parameter::Argument;
    use super::super::testing::{Bench, int, number, problem};
    use super::*;
    use crate::dtype::Scalar;
    use crate::value::Value;

    #[test]
    fn mean_and_variance_of_the_population() {
        let bench = fit_floats(&Bench::new(&TRANSFORM, &[]), &[1.0, 2.0, f64::NAN, 3.0, 6.0]).unwrap();
        assert_eq!(bench.parameters().to_string(), r#"{"mean":3.0,"var":3.5}"#);
        assert_eq!(apply(&bench, &[3.0, 6.0]), [Some(0.0), Some(3.0 / 3.5_f64.sqrt())]);
        assert_eq!(bench.run(Scalar::Float64, Value::Null), Ok(Value::Null));
        let sample = fit_floats(&Bench::new(&TRANSFORM, &[("ddof", int(1))]), &[1.0, 2.0, 3.0, 6.0]).unwrap();
        assert_eq!(sample.parameters()["var"], 14.0 / 3.0);
        let one = fit_floats(&Bench::new(&TRANSFORM, &[("ddof", int(1))]), &[1.0]);
        assert_eq!(one.unwrap_err(), "`ddof: 1` needs two values, and there is one");
    }

    #[test]
    fn whole_numbers_and_bools() {
        let rows = [true, true, false, true].map(|value| (Value::Bool(value), Value::Null));
        let bench = fit(&Bench::new(&TRANSFORM, &[]), Scalar::Bool, &rows).unwrap();
        assert_eq!(bench.parameters().to_string(), r#"{"mean":0.75,"var":0.1875}"#);
        let rows = [1, 3].map(|value| (Value::Int(value), Value::Null));
        let bench = fit(&Bench::new(&TRANSFORM, &[]), Scalar::Int64, &rows).unwrap();
        assert_eq!(bench.run(Scalar::Int64, Value::Int(4)), Ok(Value::Float(2.0)));
    }

    #[test]
    fn a_constant_column_is_divided_by_epsilon() {
        let bench = fit_floats(&Bench::new(&TRANSFORM, &[("epsilon", number(0.5))]), &[0.1; 10]).unwrap();
        assert_eq!(bench.parameters()["var"], 0.0);
        assert_eq!(apply(&bench, &[0.1, 1.1]), [Some(0.0), Some(2.0)]);
    }

    #[test]
    fn either_half() {
        let half = |name| Bench::new(&TRANSFORM, &[(name, Argument::Bool(false))]);
        let bench = fit_floats(&half("scale"), &[1e200, -1e200, 3.0]).unwrap();
        assert_eq!(bench.parameters().to_string(), r#"{"mean":1.0}"#);
        assert_eq!(apply(&bench, &[3.0]), [Some(2.0)]);
        let bench = fit_floats(&half("center"), &[1.0, 5.0]).unwrap();
        assert_eq!(apply(&bench, &[3.0]), [Some(1.5)]);
    }

    #[test]
    fn given_parameters_need_no_fit() {
        let bench = Bench::new(&TRANSFORM, &[("mean", int(1)), ("var", int(4))]);
        assert!(bench.step().fit(Scalar::Float64.into()).is_none());
        assert_eq!(apply(&bench, &[2.0]), [Some(0.5)]);
        let message = |given: &[_]| problem(&TRANSFORM, given).message;
        assert_eq!(message(&[("mean", int(1))]), "is missing: give `mean` and `var`, or neither to learn them");
        assert_eq!(message(&[("mean", int(1)), ("var", int(-1))]), "-1 is no variance; it must be 0 or more");
        assert_eq!(message(&[("epsilon", int(0))]), "0 would divide by zero; it must be above 0");
    }

    #[test]
    fn infinite_values_are_an_error() {
        let error = fit_floats(&Bench::new(&TRANSFORM, &[]), &[1.0, f64::INFINITY]).unwrap_err();
        assert_eq!(
            error,
            "`mean` is not finite: the column holds infinite values or too large ones; put a `clip` before the step"
        );
    }
}
