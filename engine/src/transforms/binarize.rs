//! `binarize`.

use std::sync::Arc;

use serde_json::Value as Json;

use super::parameter::{Arguments, Default, Parameter, Takes};
use super::{Kernel, Map, Other, Output, Problem, Step, Transform, types};
use crate::dtype::{DType, Scalar};
use crate::scope::{Fault, Scope};
use crate::value::Value;

/// `binarize`.
pub(super) const TRANSFORM: Transform = Transform {
    name: "binarize",
    doc: "1 where the comparison with `threshold` holds, else 0, as int64. The default comparison is greater than, as scikit-learn's. \
          With `nan: keep`, NaN gives null.",
    example: "{binarize: {threshold: 220}}",
    known_as: "Binarizer (scikit-learn)",
    parameters: &[
        Parameter {
            name: "threshold",
            takes: Takes::Number,
            default: Default::Number(0.0),
            doc: "what the value is compared with, in float64",
        },
        Parameter {
            name: "op",
            takes: Takes::Choice(&["gt", "ge", "lt", "le", "eq", "ne"]),
            default: Default::Text("gt"),
            doc: "the comparison: >, ≥, <, ≤, =, ≠",
        },
    ],
    make,
};

#[derive(Clone, Debug)]
struct Binarize {
    threshold: f64,
    holds: fn(f64, f64) -> bool,
}

fn make(arguments: &Arguments) -> Result<Arc<dyn Step>, Problem> {
    let holds: fn(f64, f64) -> bool = match arguments.text("op") {
        Some("ge") => |value, threshold| value >= threshold,
        Some("lt") => |value, threshold| value < threshold,
        Some("le") => |value, threshold| value <= threshold,
        Some("eq") => |value, threshold| value == threshold,
        Some("ne") => |value, threshold| value != threshold,
        _ => |value, threshold| value > threshold,
    };
    Ok(Arc::new(Binarize { threshold: arguments.number("threshold").unwrap_or(0.0), holds }))
}

impl Step for Binarize {
    fn output(&self, input: DType, _others: &[DType]) -> Result<Output, Problem> {
        types::number(input).map(|()| Output::One(Scalar::Int64.into()))
    }

    fn kernel(&self, _input: DType, _others: &[Other], _fitted: &Json) -> Result<Kernel, String> {
        Ok(Kernel::One(Box::new(self.clone())))
    }
}

impl Map for Binarize {
    fn apply<'v>(&'v self, value: Value<'v>, _scope: &Scope<'v>) -> Result<Value<'v>, Fault> {
        let number = value.as_f64().filter(|number| !number.is_nan());
        Ok(number.map_or(Value::Null, |number| Value::Int((self.holds)(number, self.threshold).into())))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, int, text};
    use super::*;

    #[test]
    fn compares() {
        for (op, results) in [
            ("gt", [0, 0, 1]),
            ("ge", [0, 1, 1]),
            ("lt", [1, 0, 0]),
            ("le", [1, 1, 0]),
            ("eq", [0, 1, 0]),
            ("ne", [1, 0, 1]),
        ] {
            let bench = Bench::new(&TRANSFORM, &[("threshold", int(2)), ("op", text(op))]);
            for (value, result) in [1.0, 2.0, f64::INFINITY].into_iter().zip(results) {
                assert_eq!(bench.run(Scalar::Float64, Value::Float(value)), Ok(Value::Int(result)), "{value} {op} 2");
            }
        }
    }

    #[test]
    fn no_value_is_on_no_side() {
        let bench = Bench::new(&TRANSFORM, &[]);
        assert_eq!(bench.run(Scalar::Float64, Value::Null), Ok(Value::Null));
        assert_eq!(bench.keeping_nan().run(Scalar::Float64, Value::Float(f64::NAN)), Ok(Value::Null));
    }
}
