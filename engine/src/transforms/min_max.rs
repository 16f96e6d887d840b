//! `min_max`.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::numeric::{given_pair, to_float};
use super::parameter::{Arguments, Default, Parameter, Takes};
use super::{Fit, Function, Kernel, Other, Output, Problem, Step, Transform, types};
use crate::dtype::DType;
use crate::fit::{NumberFit, finite, number};
use crate::numbers::Extremes;

/// `min_max`.
pub(super) const TRANSFORM: Transform = Transform {
    name: "min_max",
    doc: "Takes the least value of training to the lower bound of `range`, the greatest to the upper one, others in proportion: \
          low + (x − min) / (max − min) · (high − low).\n\n\
          Values outside what training had fall outside `range`, as in scikit-learn, unless `clip` is set. A constant column gives the \
          lower bound, whatever the value; scikit-learn shifts it without scaling. Nulls and NaN are left out of the fit; an infinite \
          value is an error.",
    example: "{min_max: {clip: true}}",
    known_as: "MinMaxScaler (scikit-learn), scale_to_0_1 (TensorFlow Transform), min_max_scaler (Hopsworks)",
    parameters: &[
        Parameter {
            name: "range",
            takes: Takes::Numbers,
            default: Default::Absent,
            doc: "the lower and the upper bound; [0, 1] if not given",
        },
        Parameter {
            name: "clip",
            takes: Takes::Bool,
            default: Default::Bool(false),
            doc: "whether values beyond a bound are set to it",
        },
        Parameter {
            name: "min",
            takes: Takes::Number,
            default: Default::Absent,
            doc: "the least value; with `max` given too nothing is fitted",
        },
        Parameter { name: "max", takes: Takes::Number, default: Default::Absent, doc: "the greatest value" },
    ],
    make,
};

#[derive(Clone, Copy, Debug)]
struct MinMax {
    range: [f64; 2],
    clip: bool,
    given: Option<[f64; 2]>,
}

fn make(arguments: &Arguments) -> Result<Arc<dyn Step>, Problem> {
    let range = match types::numbers(arguments, "range")[..] {
        [] => [0.0, 1.0],
        [low, high] if low < high => [low, high],
        _ => return Err(Problem::parameter("range", "must be two numbers, the lower bound first, such as [0, 1]")),
    };
    let given = given_pair(arguments, ["min", "max"])?;
    if let Some([min, max]) = given.filter(|[min, max]| min > max) {
        return Err(Problem::parameter("max", format!("{max} is below `min`, which is {min}")));
    }
    Ok(Arc::new(MinMax { range, clip: arguments.bool("clip"), given }))
}

impl Step for MinMax {
    fn output(&self, input: DType, _others: &[DType]) -> Result<Output, Problem> {
        to_float(input)
    }

    fn fit(&self, _input: DType) -> Option<Box<dyn Fit>> {
        let fitted = |extremes: &Extremes| {
            Ok(json!({ "min": finite("min", Some(extremes.min))?, "max": finite("max", Some(extremes.max))? }))
        };
        self.given.is_none().then(|| Box::new(NumberFit::new(fitted)) as Box<dyn Fit>)
    }

    fn kernel(&self, _input: DType, _others: &[Other], fitted: &Json) -> Result<Kernel, String> {
        let [min, max] = match self.given {
            Some(given) => given,
            None => [number(fitted, "min")?, number(fitted, "max")?],
        };
        let ([low, high], span) = (self.range, max - min);
        if !span.is_finite() || !(high - low).is_finite() {
            return Err(format!("from {min} to {max} is further than float64 reaches; put a `clip` before the step"));
        }
        Ok(Kernel::Number(Box::new(Scaled { min, span, low, high, clip: self.clip })))
    }
}

#[derive(Clone, Copy, Debug)]
struct Scaled {
    min: f64,
    span: f64,
    low: f64,
    high: f64,
    clip: bool,
}

impl Function for Scaled {
    fn of(&self, number: f64) -> f64 {
        if self.span == 0.0 {
            return self.low;
        }
        let scaled = self.low + (number - self.min) / self.span * (self.high - self.low);
        if self.clip { scaled.clamp(self.low, self.high) } else { scaled }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fitting::{apply, fit_floats};
    use super::super::parameter::Argument;
    use super::super::testing::{Bench, int, list, problem};
    use super::*;
    use crate::dtype::Scalar;

    #[test]
    fn scales_to_the_range() {
        let bench = fit_floats(&Bench::new(&TRANSFORM, &[]), &[2.0, 4.0, 3.5]).unwrap();
        assert_eq!(bench.parameters().to_string(), r#"{"max":4.0,"min":2.0}"#);
        assert_eq!(apply(&bench, &[2.0, 3.0, 4.0, 5.0]), [0.0, 0.5, 1.0, 1.5].map(Some));
        let range = ("range", list([int(-1), int(1)]));
        let bench = Bench::new(&TRANSFORM, &[range, ("clip", Argument::Bool(true))]);
        let bench = fit_floats(&bench, &[2.0, 4.0]).unwrap();
        assert_eq!(apply(&bench, &[2.5, 9.0, f64::NEG_INFINITY]), [-0.5, 1.0, -1.0].map(Some));
    }

    #[test]
    fn a_constant_column_gives_the_lower_bound() {
        let bench = fit_floats(&Bench::new(&TRANSFORM, &[("range", list([int(3), int(4)]))]), &[7.0; 3]).unwrap();
        assert_eq!(apply(&bench, &[7.0, 8.0, f64::INFINITY]), [Some(3.0); 3]);
    }

    #[test]
    fn given_parameters_need_no_fit() {
        let bench = Bench::new(&TRANSFORM, &[("min", int(0)), ("max", int(10))]);
        assert!(bench.step().fit(Scalar::Float64.into()).is_none());
        assert_eq!(apply(&bench, &[5.0]), [Some(0.5)]);
        let message = |given: &[_]| problem(&TRANSFORM, given).message;
        assert_eq!(message(&[("max", int(1))]), "is missing: give `min` and `max`, or neither to learn them");
        assert_eq!(message(&[("min", int(2)), ("max", int(1))]), "1 is below `min`, which is 2");
        let range = [("range", list([int(1), int(1)]))];
        assert_eq!(message(&range), "must be two numbers, the lower bound first, such as [0, 1]");
    }

    #[test]
    fn a_span_beyond_float64_is_refused() {
        let bench = fit_floats(&Bench::new(&TRANSFORM, &[]), &[f64::MIN, f64::MAX]).unwrap();
        assert!(bench.applied(Scalar::Float64.into()).unwrap_err().ends_with("put a `clip` before the step"));
    }
}
