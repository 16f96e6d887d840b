//! `top_k_category`.

use std::sync::Arc;

use serde_json::Value as Json;

use super::parameter::{Arguments, Default, Parameter, Takes};
use super::tokens::{self, Domain, Lookup, MAX_DISTINCT, Selection, Token};
use super::{Fit, Kernel, Map, Other, Output, Problem, Step, Transform, types};
use crate::dtype::DType;
use crate::scope::{Fault, Scope};
use crate::value::Value;

/// `top_k_category`.
pub(super) const TRANSFORM: Transform = Transform {
    name: "top_k_category",
    doc: "Keeps the `k` most frequent categories of training and turns every other value into `other_label`; null too. Of equally \
          frequent categories the greater comes first, as in `vocabulary`. The type stays, so `one_hot` or `vocabulary` may follow.",
    example: "{top_k_category: {k: 20}}",
    known_as: "top_k_categorical_binner (Hopsworks)",
    parameters: &[
        Parameter {
            name: "k",
            takes: Takes::Integer { min: 1, max: u32::MAX as i64 },
            default: Default::Required,
            doc: "how many categories stay",
        },
        Parameter {
            name: LABEL,
            takes: Takes::Constant,
            default: Default::Text("other"),
            doc: "what the others become; of the input's type",
        },
        MAX_DISTINCT,
    ],
    make,
};

const LABEL: &str = "other_label";

#[derive(Clone, Debug)]
struct TopK {
    selection: Selection,
    other: Token,
}

fn make(arguments: &Arguments) -> Result<Arc<dyn Step>, Problem> {
    let other = tokens::constant(arguments, LABEL)?;
    let other = other
        .ok_or_else(|| Problem::parameter(LABEL, "`other_label` is missing; give the label of all other categories"))?;
    let selection = Selection {
        given: Vec::new(),
        limit: types::count(arguments, "k"),
        min_count: 1,
        max_distinct: types::count(arguments, MAX_DISTINCT.name).unwrap_or(usize::MAX),
        by_value: false,
        mask: None,
    };
    Ok(Arc::new(TopK { selection, other }))
}

impl Step for TopK {
    fn output(&self, input: DType, _others: &[DType]) -> Result<Output, Problem> {
        tokens::check(&self.other, Domain::of_scalar(input)?, LABEL)?;
        Ok(Output::One(input))
    }

    fn takes_null(&self) -> bool {
        true
    }

    fn fit(&self, input: DType) -> Option<Box<dyn Fit>> {
        self.selection.fit(Domain::of_scalar(input).ok()?, false)
    }

    fn kernel(&self, input: DType, _others: &[Other], fitted: &Json) -> Result<Kernel, String> {
        let domain = Domain::of_scalar(input).map_err(|problem| problem.message)?;
        let top = Lookup::new(&self.selection.tokens(domain, fitted)?, domain);
        Ok(Kernel::One(Box::new(Top { top, other: self.other.clone() })))
    }
}

#[derive(Debug)]
struct Top {
    top: Lookup,
    other: Token,
}

impl Map for Top {
    fn apply<'v>(&'v self, value: Value<'v>, _scope: &Scope<'v>) -> Result<Value<'v>, Fault> {
        Ok(if self.top.get(value).is_some() { value } else { self.other.value() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, int};
    use super::*;
    use crate::dtype::Scalar;

    #[test]
    fn the_rest_is_other() {
        let rows = ["x", "y", "y", "z", "x", "q"].map(Value::Str);
        let bench = Bench::new(&TRANSFORM, &[("k", int(3))]).fit(Scalar::String, &rows).unwrap();
        assert_eq!(*bench.parameters(), serde_json::json!({"tokens": ["y", "x", "z"]}));
        for (from, to) in [("x", "x"), ("z", "z"), ("q", "other"), ("new", "other")] {
            assert_eq!(bench.run(Scalar::String, Value::Str(from)), Ok(Value::Str(to)));
        }
        assert_eq!(bench.run(Scalar::String, Value::Null), Ok(Value::Str("other")));
    }

    #[test]
    fn the_label_has_the_type_of_the_input() {
        let bench = Bench::new(&TRANSFORM, &[("k", int(1)), ("other_label", int(-1))]);
        let bench = bench.fit(Scalar::Int64, &[4, 4, 5].map(Value::Int)).unwrap();
        assert_eq!(bench.run(Scalar::Int64, Value::Int(4)), Ok(Value::Int(4)));
        assert_eq!(bench.run(Scalar::Int64, Value::Int(5)), Ok(Value::Int(-1)));
        assert_eq!(
            bench.output(Scalar::String.into()).unwrap_err().message,
            "`other_label` holds [-1], which is not of the input's type; its tokens are texts"
        );
    }
}
