//! `missing_indicator`.

use std::sync::Arc;

use serde_json::Value as Json;

use super::parameter::Arguments;
use super::{Kernel, Map, Other, Output, Problem, Step, Transform};
use crate::dtype::{DType, Scalar};
use crate::scope::{Fault, Scope};
use crate::value::Value;

/// `missing_indicator`.
pub(super) const TRANSFORM: Transform = Transform {
    name: "missing_indicator",
    doc: "1 where there is no value (null, missing, expired, or NaN unless `nan: keep`), else 0, as int64. Takes any type.",
    example: "missing_indicator",
    known_as: "MissingIndicator (scikit-learn)",
    parameters: &[],
    make,
};

#[derive(Clone, Copy, Debug)]
struct MissingIndicator;

fn make(_arguments: &Arguments) -> Result<Arc<dyn Step>, Problem> {
    Ok(Arc::new(MissingIndicator))
}

impl Step for MissingIndicator {
    fn output(&self, _input: DType, _others: &[DType]) -> Result<Output, Problem> {
        Ok(Output::One(Scalar::Int64.into()))
    }

    fn takes_null(&self) -> bool {
        true
    }

    fn kernel(&self, _input: DType, _others: &[Other], _fitted: &Json) -> Result<Kernel, String> {
        Ok(Kernel::One(Box::new(*self)))
    }
}

impl Map for MissingIndicator {
    fn apply<'v>(&'v self, value: Value<'v>, _scope: &Scope<'v>) -> Result<Value<'v>, Fault> {
        Ok(Value::Int(value.is_null().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    #[test]
    fn tells_null_from_a_value() {
        let bench = Bench::new(&TRANSFORM, &[]);
        assert_eq!(bench.run(Scalar::String, Value::Null), Ok(Value::Int(1)));
        assert_eq!(bench.run(Scalar::String, Value::Str("")), Ok(Value::Int(0)));
        assert_eq!(bench.run(Scalar::Float64, Value::Float(f64::NAN)), Ok(Value::Int(1)));
        assert_eq!(bench.keeping_nan().run(Scalar::Float64, Value::Float(f64::NAN)), Ok(Value::Int(0)));
    }
}
