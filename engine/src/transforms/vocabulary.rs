//! `vocabulary`.

use std::sync::Arc;

use serde_json::Value as Json;

use super::parameter::{Arguments, Default, Parameter, Takes};
use super::tokens::{
    Domain, Lookup, MASK, MAX_DISTINCT, MAX_TOKENS, MIN_COUNT, ORDER, Selection, TOKENS, Token, bucket,
};
use super::{Fit, Kernel, Map, Other, Output, Problem, Step, Transform, types};
use crate::dtype::{DType, Scalar};
use crate::scope::{Fault, Scope};
use crate::value::Value;

/// `vocabulary`.
pub(super) const TRANSFORM: Transform = Transform {
    name: "vocabulary",
    doc: "The index of a category, as int64. Learned in training: the most frequent category first, and of equally frequent ones the \
          greater first (texts by their bytes), as in Keras and TensorFlow Transform; or given as `tokens`.\n\n\
          Indices are those of Keras's lookups: 0 for `mask` if there is one, then `num_oov` indices for values out of the vocabulary, \
          then the tokens. With one such index all unknown values share it; with several, unknown texts get that of their farmhash64 \
          modulo `num_oov`, whole numbers that of their value modulo `num_oov` (never negative). `num_oov: 0` makes an unknown value an \
          ERROR. TensorFlow Transform and scikit-learn give −1 instead, which no embedding takes. Keras's layers never learn their `oov_token`, \
          `[UNK]` and −1 by default; here every value but the mask can be learned.\n\n\
          Null has the index of `mask`, and stays null without one. Takes texts, whole numbers and bools.",
    example: "{vocabulary: {max_tokens: 1000, min_count: 5}}",
    known_as: "StringLookup, IntegerLookup (Keras), compute_and_apply_vocabulary (TensorFlow Transform), OrdinalEncoder (scikit-learn)",
    parameters: &[
        MAX_TOKENS,
        MIN_COUNT,
        Parameter {
            name: "num_oov",
            takes: Takes::Integer { min: 0, max: u32::MAX as i64 },
            default: Default::Integer(1),
            doc: "how many indices unknown values have; 0: they are an ERROR",
        },
        MASK,
        ORDER,
        TOKENS,
        MAX_DISTINCT,
    ],
    make,
};

#[derive(Clone, Debug)]
struct Vocabulary {
    selection: Selection,
    num_oov: usize,
}

fn make(arguments: &Arguments) -> Result<Arc<dyn Step>, Problem> {
    let num_oov = types::count(arguments, "num_oov").unwrap_or(1);
    let mask = usize::from(arguments.get(MASK.name).is_some());
    Ok(Arc::new(Vocabulary { selection: Selection::read(arguments, mask + num_oov)?, num_oov }))
}

impl Step for Vocabulary {
    fn output(&self, input: DType, _others: &[DType]) -> Result<Output, Problem> {
        self.selection.check(Domain::of_scalar(input)?)?;
        Ok(Output::One(Scalar::Int64.into()))
    }

    fn takes_null(&self) -> bool {
        self.selection.mask.is_some()
    }

    fn fit(&self, input: DType) -> Option<Box<dyn Fit>> {
        self.selection.fit(Domain::of_scalar(input).ok()?, false)
    }

    fn kernel(&self, input: DType, _others: &[Other], fitted: &Json) -> Result<Kernel, String> {
        let domain = Domain::of_scalar(input).map_err(|problem| problem.message)?;
        let tokens = self.selection.tokens(domain, fitted)?;
        let lookup = Lookup::new(&tokens, domain);
        Ok(Kernel::One(Box::new(Index { lookup, mask: self.selection.mask.clone(), num_oov: self.num_oov })))
    }
}

#[derive(Debug)]
struct Index {
    lookup: Lookup,
    mask: Option<Token>,
    num_oov: usize,
}

impl Map for Index {
    fn apply<'v>(&'v self, value: Value<'v>, _scope: &Scope<'v>) -> Result<Value<'v>, Fault> {
        let first = usize::from(self.mask.is_some());
        let index = if value.is_null() || self.mask.as_ref().is_some_and(|mask| mask.is(value)) {
            0
        } else if let Some(token) = self.lookup.get(value) {
            first + self.num_oov + token
        } else if self.num_oov > 0 {
            first + bucket(value, self.num_oov)
        } else {
            return Err(Fault::refused("the value is not in the vocabulary, which `num_oov: 0` refuses"));
        };
        Ok(i64::try_from(index).map_or(Value::Null, Value::Int))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{Bench, int, list, problem, text, texts};
    use super::super::tokens::whole;
    use super::*;

    const WORDS: [&str; 6] = ["d", "a", "c", "d", "z", "b"];

    fn indexes(bench: &Bench, values: &[&'static str]) -> Vec<i64> {
        let run = |value| {
            let index = bench.run(Scalar::String, Value::Str(value)).unwrap();
            whole(index).unwrap()
        };
        values.iter().map(|value| run(value)).collect()
    }

    #[test]
    fn learns_by_frequency_then_the_greater_first() {
        let bench = Bench::new(&TRANSFORM, &[]).fit(Scalar::String, &WORDS.map(Value::Str)).unwrap();
        assert_eq!(*bench.parameters(), json!({"tokens": ["d", "z", "c", "b", "a"]}));
        assert_eq!(indexes(&bench, &["a", "c", "d", "z", "b", "new", ""]), [5, 3, 1, 2, 4, 0, 0]);
        assert_eq!(bench.run(Scalar::String, Value::Null), Ok(Value::Null));
    }

    #[test]
    fn limits_what_it_learns() {
        let learn = |arguments: &[_]| {
            let bench = Bench::new(&TRANSFORM, arguments).fit(Scalar::String, &WORDS.map(Value::Str))?;
            Ok::<_, String>(bench.parameters().clone())
        };
        assert_eq!(learn(&[("max_tokens", int(3))]), Ok(json!({"tokens": ["d", "z"]})));
        assert_eq!(learn(&[("min_count", int(2))]), Ok(json!({"tokens": ["d"]})));
        assert_eq!(learn(&[("order", text("value")), ("max_tokens", int(4))]), Ok(json!({"tokens": ["c", "d", "z"]})));
        assert_eq!(learn(&[("mask", text("d"))]), Ok(json!({"tokens": ["z", "c", "b", "a"]})));
        let none = "no token to learn: no value but the mask occurs at least 9 times (`min_count`)";
        assert_eq!(learn(&[("min_count", int(9))]), Err(none.to_owned()));
        let many =
            "more than 4 distinct values (`max_distinct`); is the column an id? `hash_bucket` needs no vocabulary";
        assert_eq!(learn(&[("max_distinct", int(4))]), Err(many.to_owned()));
        let empty = Bench::new(&TRANSFORM, &[]).fit(Scalar::String, &[Value::Null]).unwrap_err();
        assert_eq!(empty, "no value to learn from: the column is empty or all null");
    }

    #[test]
    fn the_mask_comes_first_then_the_unknown() {
        let arguments = [("tokens", texts(["a", "b", "c", "d"])), ("mask", text("")), ("num_oov", int(2))];
        let bench = Bench::new(&TRANSFORM, &arguments);
        assert_eq!(indexes(&bench, &["", "a", "d"]), [0, 3, 6]);
        assert_eq!(bench.run(Scalar::String, Value::Null), Ok(Value::Int(0)));
        assert!(bench.step().fit(Scalar::String.into()).is_none());
        // Keras's documentation of StringLookup has this case: `m` falls into the first bucket, `z` into the second.
        assert_eq!(indexes(&bench, &["m", "z"]), [1, 2]);
    }

    #[test]
    fn unknown_whole_numbers_fall_by_their_value() {
        let bench = Bench::new(&TRANSFORM, &[("tokens", list([int(10), int(20)])), ("num_oov", int(3))]);
        for (value, index) in [(10, 3), (20, 4), (4, 1), (-1, 2), (i64::MIN, 1), (i64::MAX, 1)] {
            assert_eq!(bench.run(Scalar::Int64, Value::Int(value)), Ok(Value::Int(index)), "{value}");
        }
    }

    #[test]
    fn without_room_for_the_unknown_they_are_errors() {
        let bench = Bench::new(&TRANSFORM, &[("tokens", texts(["a"])), ("num_oov", int(0))]);
        assert_eq!(indexes(&bench, &["a"]), [0]);
        let refused = Fault::refused("the value is not in the vocabulary, which `num_oov: 0` refuses");
        assert_eq!(bench.run(Scalar::String, Value::Str("b")), Err(refused));
    }

    #[test]
    fn bad_arguments() {
        let message = |arguments: &[_]| problem(&TRANSFORM, arguments).message;
        assert_eq!(message(&[("tokens", texts(["a", "b", "a"]))]), "`tokens` holds [a] twice; each token stands once");
        assert_eq!(
            message(&[("tokens", texts(["a"])), ("mask", text("a"))]),
            "the mask stands among the tokens; it stands for no value, so take it out"
        );
        assert_eq!(
            message(&[("tokens", texts(["a"])), ("max_tokens", int(9))]),
            "`max_tokens` says which tokens are learned, and none are: `tokens` gives them all"
        );
        assert_eq!(
            message(&[("max_tokens", int(2)), ("mask", text(""))]),
            "`max_tokens` leaves no room for a token: 2 of them are for unknown values and the mask"
        );
        let bench = Bench::new(&TRANSFORM, &[("tokens", texts(["a"]))]);
        assert_eq!(
            bench.output(Scalar::Int64.into()).unwrap_err().message,
            "`tokens` holds [a], which is not of the input's type; its tokens are whole numbers"
        );
        assert_eq!(
            bench.output(Scalar::Float64.into()).unwrap_err().message,
            "tokens are texts, whole numbers or bools, and the input is float64; put a `bucketize` or a `cast` before the step"
        );
        assert_eq!(
            bench.output(DType::List(Scalar::String)).unwrap_err().message,
            "takes one value, and its input is list<string>; `multi_hot` takes lists"
        );
    }

    #[test]
    fn foreign_parameters_are_refused() {
        for (fitted, message) in [
            (json!(null), "the fitted parameters have no `tokens`; fit the step again"),
            (json!({"tokens": []}), "the fitted parameters have no `tokens`; fit the step again"),
            (json!({"tokens": ["a", 1]}), "`tokens` holds 1, and the tokens of this step are texts"),
            (json!({"tokens": ["a", "a"]}), "the fitted `tokens` hold [a] twice; fit the step again"),
        ] {
            let bench = Bench::new(&TRANSFORM, &[]).fitted(fitted);
            assert_eq!(bench.applied(Scalar::String.into()).unwrap_err(), message);
        }
    }
}
