//! `clip`.

use std::sync::Arc;

use serde_json::Value as Json;

use super::parameter::{Arguments, Default, Parameter, Takes};
use super::{Function, Kernel, Other, Output, Problem, Step, Transform, types};
use crate::dtype::{DType, Scalar};

/// `clip`.
pub(super) const TRANSFORM: Transform = Transform {
    name: "clip",
    doc: "Raises what is below `min` to `min` and lowers what is above `max` to `max`; one bound may be left out. An infinity \
          becomes its bound. The result is float64, also of whole numbers. With `nan: keep`, NaN stays NaN, as in NumPy.",
    example: "{clip: {min: 0, max: 20}}",
    known_as: "numpy.clip",
    parameters: &[
        Parameter { name: "min", takes: Takes::Number, default: Default::Absent, doc: "the least result" },
        Parameter { name: "max", takes: Takes::Number, default: Default::Absent, doc: "the greatest result" },
    ],
    make,
};

#[derive(Clone, Debug)]
struct Clip {
    min: f64,
    max: f64,
}

fn make(arguments: &Arguments) -> Result<Arc<dyn Step>, Problem> {
    let (min, max) = (arguments.number("min"), arguments.number("max"));
    if min.is_none() && max.is_none() {
        return Err(Problem::parameter("min", "neither `min` nor `max` is given; give one of them or both"));
    }
    let (min, max) = (min.unwrap_or(f64::NEG_INFINITY), max.unwrap_or(f64::INFINITY));
    if min > max {
        return Err(Problem::parameter("min", format!("`min` is {min} and above `max`, which is {max}")));
    }
    Ok(Arc::new(Clip { min, max }))
}

impl Step for Clip {
    fn output(&self, input: DType, _others: &[DType]) -> Result<Output, Problem> {
        types::number(input).map(|()| Output::One(Scalar::Float64.into()))
    }

    fn kernel(&self, _input: DType, _others: &[Other], _fitted: &Json) -> Result<Kernel, String> {
        Ok(Kernel::Number(Box::new(self.clone())))
    }
}

impl Function for Clip {
    fn of(&self, number: f64) -> f64 {
        // Comparisons, so that NaN and the sign of a zero stay as they are.
        let raised = if number < self.min { self.min } else { number };
        if raised > self.max { self.max } else { raised }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, int, problem};
    use super::*;
    use crate::value::Value;

    #[test]
    fn stays_between_its_bounds() {
        let bench = Bench::new(&TRANSFORM, &[("min", int(-1)), ("max", int(2))]);
        for (from, to) in
            [(-3.0, -1.0), (-1.0, -1.0), (0.5, 0.5), (2.0, 2.0), (f64::INFINITY, 2.0), (f64::NEG_INFINITY, -1.0)]
        {
            assert_eq!(bench.run(Scalar::Float64, Value::Float(from)), Ok(Value::Float(to)));
        }
        assert_eq!(bench.run(Scalar::Int64, Value::Int(i64::MAX)), Ok(Value::Float(2.0)));
        assert_eq!(bench.run(Scalar::Float64, Value::Null), Ok(Value::Null));
        let Ok(Value::Float(kept)) = bench.keeping_nan().run(Scalar::Float64, Value::Float(f64::NAN)) else { panic!() };
        assert!(kept.is_nan());
    }

    #[test]
    fn one_bound_is_enough() {
        let bench = Bench::new(&TRANSFORM, &[("max", int(2))]);
        assert_eq!(bench.run(Scalar::Float64, Value::Float(-1e300)), Ok(Value::Float(-1e300)));
        assert_eq!(problem(&TRANSFORM, &[]).message, "neither `min` nor `max` is given; give one of them or both");
    }

    #[test]
    fn bounds_stand_in_order() {
        let problem = problem(&TRANSFORM, &[("min", int(3)), ("max", int(2))]);
        assert_eq!(
            (problem.parameter, problem.message.as_str()),
            (Some("min"), "`min` is 3 and above `max`, which is 2")
        );
    }
}
