//! `rescale`.

use std::sync::Arc;

use serde_json::Value as Json;

use super::parameter::{Arguments, Default, Parameter, Takes};
use super::{Function, Kernel, Other, Output, Problem, Step, Transform, types};
use crate::dtype::{DType, Scalar};

/// `rescale`.
pub(super) const TRANSFORM: Transform = Transform {
    name: "rescale",
    doc: "Multiplies by `scale` and adds `offset`. The result is float64, also of whole numbers; two roundings, as written.\n\n\
          Keras's layer computes in float32 (and rounds `scale` and `offset` to it even as a layer of float64); this computes in float64 \
          and rounds to float32 once, in the vector.",
    example: "{rescale: {scale: 0.01, offset: -1}}",
    known_as: "Rescaling (Keras)",
    parameters: &[
        Parameter { name: "scale", takes: Takes::Number, default: Default::Required, doc: "the factor" },
        Parameter {
            name: "offset",
            takes: Takes::Number,
            default: Default::Number(0.0),
            doc: "what is added to the product",
        },
    ],
    make,
};

#[derive(Clone, Debug)]
struct Rescale {
    scale: f64,
    offset: f64,
}

fn make(arguments: &Arguments) -> Result<Arc<dyn Step>, Problem> {
    let scale = arguments.number("scale").unwrap_or(1.0);
    Ok(Arc::new(Rescale { scale, offset: arguments.number("offset").unwrap_or(0.0) }))
}

impl Step for Rescale {
    fn output(&self, input: DType, _others: &[DType]) -> Result<Output, Problem> {
        types::number(input).map(|()| Output::One(Scalar::Float64.into()))
    }

    fn kernel(&self, _input: DType, _others: &[Other], _fitted: &Json) -> Result<Kernel, String> {
        Ok(Kernel::Number(Box::new(self.clone())))
    }
}

impl Function for Rescale {
    fn of(&self, number: f64) -> f64 {
        number * self.scale + self.offset
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, int, number};
    use super::*;
    use crate::value::Value;

    #[test]
    fn scales_and_shifts() {
        let bench = Bench::new(&TRANSFORM, &[("scale", number(0.5)), ("offset", int(-1))]);
        assert_eq!(bench.run(Scalar::Float64, Value::Float(4.0)), Ok(Value::Float(1.0)));
        assert_eq!(bench.run(Scalar::Int64, Value::Int(3)), Ok(Value::Float(0.5)));
        assert_eq!(bench.run(Scalar::Bool, Value::Bool(true)), Ok(Value::Float(-0.5)));
        assert_eq!(bench.run(Scalar::Float64, Value::Float(f64::INFINITY)), Ok(Value::Float(f64::INFINITY)));
        assert_eq!(bench.run(Scalar::Float64, Value::Float(f64::NAN)), Ok(Value::Null));
    }

    #[test]
    fn texts_are_refused() {
        let problem = Bench::new(&TRANSFORM, &[("scale", int(1))]).output(Scalar::String.into()).unwrap_err();
        assert_eq!(
            problem.message,
            "takes a number or a bool, and its input is string; put a step before it that makes a number"
        );
    }
}
