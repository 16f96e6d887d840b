//! `bucketize`.

use std::sync::Arc;

use serde_json::Value as Json;

use super::parameter::{Arguments, Default, Parameter, Takes};
use super::{Kernel, Map, Other, Output, Problem, Step, Transform, types};
use crate::dtype::{DType, Scalar};
use crate::scope::{Fault, Scope};
use crate::value::Value;

/// `bucketize`.
pub(super) const TRANSFORM: Transform = Transform {
    name: "bucketize",
    doc: "The index of the bucket that holds the value, as int64: n `boundaries` make n + 1 buckets, the first and the last open to \
          infinity.\n\n\
          Buckets are [a, b), as in Keras, TensorFlow Transform and scikit-learn: a value on a boundary belongs to the bucket above it. \
          `closed: right` makes them (a, b], as in Hopsworks and `pandas.cut`. `null: bucket` gives nulls a bucket of their own behind \
          the others, index n + 1; TensorFlow Transform puts NaN into the last bucket instead, where it can't be told from large values.",
    example: "{bucketize: {boundaries: [10, 50, 220]}}",
    known_as: "Discretization (Keras), apply_buckets (TensorFlow Transform), numpy.digitize",
    parameters: &[
        Parameter {
            name: "boundaries",
            takes: Takes::Numbers,
            default: Default::Required,
            doc: "where buckets meet, ascending",
        },
        CLOSED,
        NULL,
    ],
    make,
};

/// `closed` of the transforms that make buckets.
pub(super) const CLOSED: Parameter = Parameter {
    name: "closed",
    takes: Takes::Choice(&["left", "right"]),
    default: Default::Text("left"),
    doc: "which end belongs to a bucket: `left` is [a, b), `right` is (a, b]",
};

/// `null` of the transforms that make buckets.
pub(super) const NULL: Parameter = Parameter {
    name: "null",
    takes: Takes::Choice(&["propagate", "bucket"]),
    default: Default::Text("propagate"),
    doc: "`bucket`: nulls have a bucket of their own, behind the others",
};

/// What puts numbers into buckets.
#[derive(Clone, Debug)]
pub(super) struct Buckets {
    /// Ascending, each once.
    pub(super) boundaries: Vec<f64>,
    pub(super) closed_right: bool,
    pub(super) null_has_one: bool,
}

fn make(arguments: &Arguments) -> Result<Arc<dyn Step>, Problem> {
    let boundaries = types::numbers(arguments, "boundaries");
    if let Some(pair) = boundaries.windows(2).find(|pair| pair[0] >= pair[1]) {
        let (first, second) = (pair[0], pair[1]);
        return Err(Problem::parameter(
            "boundaries",
            format!("`boundaries` must ascend, and {second} stands behind {first}"),
        ));
    }
    Ok(Arc::new(Buckets {
        boundaries,
        closed_right: arguments.text(CLOSED.name) == Some("right"),
        null_has_one: arguments.text(NULL.name) == Some("bucket"),
    }))
}

impl Step for Buckets {
    fn output(&self, input: DType, _others: &[DType]) -> Result<Output, Problem> {
        types::number(input).map(|()| Output::One(Scalar::Int64.into()))
    }

    fn takes_null(&self) -> bool {
        self.null_has_one
    }

    fn kernel(&self, _input: DType, _others: &[Other], _fitted: &Json) -> Result<Kernel, String> {
        Ok(Kernel::One(Box::new(self.clone())))
    }
}

impl Map for Buckets {
    fn apply<'v>(&'v self, value: Value<'v>, _scope: &Scope<'v>) -> Result<Value<'v>, Fault> {
        let index = match value.as_f64().filter(|number| !number.is_nan()) {
            Some(number) if self.closed_right => self.boundaries.partition_point(|boundary| *boundary < number),
            Some(number) => self.boundaries.partition_point(|boundary| *boundary <= number),
            None if self.null_has_one => self.boundaries.len() + 1,
            None => return Ok(Value::Null),
        };
        Ok(i64::try_from(index).map_or(Value::Null, Value::Int))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, list, number, problem, text};
    use super::*;
    use crate::transforms::parameter::Argument;

    fn boundaries() -> (&'static str, Argument) {
        ("boundaries", list([number(0.0), number(1.0), number(2.0)]))
    }

    fn indexes(bench: &Bench) -> Vec<Value<'_>> {
        let values = [f64::NEG_INFINITY, -1.5, -0.0, 0.0, 0.4, 1.0, 2.0, 3.4, f64::INFINITY];
        values.map(|value| bench.run(Scalar::Float64, Value::Float(value)).unwrap()).to_vec()
    }

    #[test]
    fn a_boundary_belongs_to_the_bucket_above() {
        let bench = Bench::new(&TRANSFORM, &[boundaries()]);
        assert_eq!(indexes(&bench), [0, 0, 1, 1, 1, 2, 3, 3, 3].map(Value::Int));
        assert_eq!(bench.run(Scalar::Float64, Value::Null), Ok(Value::Null));
        assert_eq!(bench.keeping_nan().run(Scalar::Float64, Value::Float(f64::NAN)), Ok(Value::Null));
        assert_eq!(bench.run(Scalar::Int32, Value::Int(2)), Ok(Value::Int(3)));
    }

    #[test]
    fn or_to_the_one_below() {
        let bench = Bench::new(&TRANSFORM, &[boundaries(), ("closed", text("right"))]);
        assert_eq!(indexes(&bench), [0, 0, 0, 0, 1, 1, 2, 3, 3].map(Value::Int));
    }

    #[test]
    fn nulls_may_have_a_bucket() {
        let bench = Bench::new(&TRANSFORM, &[boundaries(), ("null", text("bucket"))]);
        assert_eq!(bench.run(Scalar::Float64, Value::Null), Ok(Value::Int(4)));
        assert_eq!(bench.run(Scalar::Float64, Value::Float(f64::NAN)), Ok(Value::Int(4)));
    }

    #[test]
    fn boundaries_ascend() {
        for second in [1.0, 0.5] {
            let problem = problem(&TRANSFORM, &[("boundaries", list([number(1.0), number(second)]))]);
            assert_eq!(problem.message, format!("`boundaries` must ascend, and {second} stands behind 1"));
        }
    }
}
