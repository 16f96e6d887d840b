//! `one_hot`.

use std::sync::Arc;

use serde_json::Value as Json;

use super::parameter::{Arguments, Default, Parameter, Takes};
use super::tokens::{
    Domain, Lookup, MASK, MAX_DISTINCT, MAX_TOKENS, MIN_COUNT, NUM_OOV, ORDER, Selection, TOKENS, Token, UNKNOWN,
    UNKNOWN_REFUSED, bucket,
};
use super::{Fit, Kernel, Other, Output, Problem, Step, Transform, Widen, types};
use crate::dtype::DType;
use crate::scope::{Fault, Scope};
use crate::value::Value;

/// `one_hot`.
pub(super) const TRANSFORM: Transform = Transform {
    name: "one_hot",
    doc: "One position for each category: 1 in that of the value, 0 in the others. Categories are learned and ordered as by \
          `vocabulary`, or given as `tokens`; scikit-learn's order is `order: value`. The positions are named `[category]`.\n\n\
          A value that is no category gives nothing but zeros (as Hopsworks, and scikit-learn with `ignore`); with `unknown: bucket` \
          it has a position of its own, `.unknown`, before the others (as Keras); with `unknown: error` it is an ERROR.\n\n\
          Null, and the `mask`, give nothing but zeros, as in `pandas.get_dummies`, so a null does not make the row incomplete. \
          `on_null: {default: …}` makes null a category, and `on_null: error` refuses it. `drop: first` leaves out the first category, \
          for models that can't take columns that sum to 1; it looks like an unknown value then.",
    example: "{one_hot: {max_tokens: 50, unknown: bucket}}",
    known_as: "OneHotEncoder (scikit-learn), StringLookup and IntegerLookup with one_hot output (Keras)",
    parameters: &[
        MAX_TOKENS,
        MIN_COUNT,
        UNKNOWN,
        NUM_OOV,
        MASK,
        Parameter {
            name: "drop",
            takes: Takes::Choice(&["none", "first"]),
            default: Default::Text("none"),
            doc: "`first`: the first category has no position",
        },
        ORDER,
        TOKENS,
        MAX_DISTINCT,
    ],
    make,
};

/// What a value that is no token gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    Zeros,
    Error,
    /// So many positions before those of the tokens.
    Buckets(usize),
}

impl Unknown {
    /// Reads `unknown` and `num_oov`.
    pub(super) fn read(arguments: &Arguments) -> Result<Self, Problem> {
        let buckets = types::count(arguments, NUM_OOV.name).unwrap_or(1);
        let unknown = match arguments.text(UNKNOWN.name) {
            Some("bucket") => return Ok(Self::Buckets(buckets)),
            Some("error") => Self::Error,
            _ => Self::Zeros,
        };
        if buckets == 1 {
            return Ok(unknown);
        }
        Err(Problem::parameter(
            NUM_OOV.name,
            "`num_oov` says how many buckets unknown values have, which needs `unknown: bucket`",
        ))
    }

    /// How many positions stand before those of the tokens.
    pub(super) const fn buckets(self) -> usize {
        match self {
            Self::Zeros | Self::Error => 0,
            Self::Buckets(buckets) => buckets,
        }
    }

    /// The position of a value that is no token; none: it has none.
    pub(super) fn position(self, value: Value<'_>) -> Result<Option<usize>, Fault> {
        match self {
            Self::Zeros => Ok(None),
            Self::Error => Err(Fault::refused(UNKNOWN_REFUSED)),
            Self::Buckets(buckets) => Ok(Some(bucket(value, buckets))),
        }
    }

    /// The suffix of a position before those of the tokens.
    pub(super) fn suffix(self, position: usize) -> String {
        if self.buckets() == 1 { ".unknown".to_owned() } else { format!(".unknown_{position}") }
    }
}

#[derive(Clone, Debug)]
struct OneHot {
    selection: Selection,
    unknown: Unknown,
    drops_first: bool,
}

fn make(arguments: &Arguments) -> Result<Arc<dyn Step>, Problem> {
    let unknown = Unknown::read(arguments)?;
    let selection = Selection::read(arguments, unknown.buckets())?;
    Ok(Arc::new(OneHot { selection, unknown, drops_first: arguments.text("drop") == Some("first") }))
}

impl Step for OneHot {
    fn output(&self, input: DType, _others: &[DType]) -> Result<Output, Problem> {
        self.selection.check(Domain::of_scalar(input)?)?;
        Ok(Output::Wide)
    }

    fn takes_null(&self) -> bool {
        true
    }

    fn fit(&self, input: DType) -> Option<Box<dyn Fit>> {
        self.selection.fit(Domain::of_scalar(input).ok()?, false)
    }

    fn kernel(&self, input: DType, _others: &[Other], fitted: &Json) -> Result<Kernel, String> {
        let domain = Domain::of_scalar(input).map_err(|problem| problem.message)?;
        let tokens = self.selection.tokens(domain, fitted)?;
        let dropped = usize::from(self.drops_first);
        if self.unknown.buckets() + tokens.len() == dropped {
            return Err("`drop: first` leaves no position: there is but one category".to_owned());
        }
        let lookup = Lookup::new(&tokens, domain);
        let mask = self.selection.mask.clone();
        Ok(Kernel::Wide(Box::new(Positions { tokens, lookup, mask, unknown: self.unknown, dropped })))
    }
}

#[derive(Debug)]
struct Positions {
    tokens: Vec<Token>,
    lookup: Lookup,
    mask: Option<Token>,
    unknown: Unknown,
    /// How many of the first tokens have no position.
    dropped: usize,
}

impl Widen for Positions {
    fn width(&self) -> usize {
        self.unknown.buckets() + self.tokens.len() - self.dropped
    }

    fn suffix(&self, position: usize) -> String {
        match position.checked_sub(self.unknown.buckets()) {
            Some(token) => self.tokens.get(token + self.dropped).map_or_else(String::new, Token::suffix),
            None => self.unknown.suffix(position),
        }
    }

    fn fill(&self, value: Value<'_>, _scope: &Scope<'_>, out: &mut [f32]) -> Result<bool, Fault> {
        out.fill(0.0);
        if value.is_null() || self.mask.as_ref().is_some_and(|mask| mask.is(value)) {
            return Ok(true);
        }
        let position = match self.lookup.get(value) {
            Some(token) => token.checked_sub(self.dropped).map(|token| self.unknown.buckets() + token),
            None => self.unknown.position(value)?,
        };
        if let Some(one) = position.and_then(|position| out.get_mut(position)) {
            *one = 1.0;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{Bench, int, list, problem, text, texts};
    use super::*;
    use crate::definitions::Constant;
    use crate::dtype::Scalar;
    use crate::transforms::OnNull;
    use crate::transforms::parameter::Argument;

    fn given(more: &[(&'static str, Argument)]) -> Bench {
        let tokens = ("tokens", texts(["a", "b"]));
        Bench::new(&TRANSFORM, &[&[tokens], more].concat())
    }

    fn fill(bench: &Bench, value: &'static str) -> Vec<f32> {
        bench.fill(Scalar::String, Value::Str(value)).unwrap().unwrap()
    }

    #[test]
    fn one_position_a_category() {
        let rows = ["b", "a", "b"].map(Value::Str);
        let bench = Bench::new(&TRANSFORM, &[]).fit(Scalar::String, &rows).unwrap();
        assert_eq!(*bench.parameters(), json!({"tokens": ["b", "a"]}));
        assert_eq!(bench.suffixes(Scalar::String), ["[b]", "[a]"]);
        assert_eq!(fill(&bench, "b"), [1.0, 0.0]);
        assert_eq!(fill(&bench, "a"), [0.0, 1.0]);
        assert_eq!(fill(&bench, "c"), [0.0, 0.0]);
    }

    #[test]
    fn unknown_values() {
        let bench = given(&[("unknown", text("bucket"))]);
        assert_eq!(bench.suffixes(Scalar::String), [".unknown", "[a]", "[b]"]);
        assert_eq!(fill(&bench, "c"), [1.0, 0.0, 0.0]);
        assert_eq!(fill(&bench, "b"), [0.0, 0.0, 1.0]);
        let bench = given(&[("unknown", text("bucket")), ("num_oov", int(2))]);
        assert_eq!(bench.suffixes(Scalar::String), [".unknown_0", ".unknown_1", "[a]", "[b]"]);
        assert_eq!(fill(&bench, "m"), [1.0, 0.0, 0.0, 0.0]);
        let bench = given(&[("unknown", text("error"))]);
        assert_eq!(bench.fill(Scalar::String, Value::Str("c")), Err(Fault::refused(UNKNOWN_REFUSED)));
        let problem = problem(&TRANSFORM, &[("num_oov", int(2))]);
        assert_eq!(
            problem.message,
            "`num_oov` says how many buckets unknown values have, which needs `unknown: bucket`"
        );
    }

    #[test]
    fn null_is_zeros_unless_the_policy_says_otherwise() {
        let bench = given(&[("mask", text("")), ("unknown", text("bucket"))]);
        assert_eq!(bench.fill(Scalar::String, Value::Null), Ok(Some(vec![0.0; 3])));
        assert_eq!(fill(&bench, ""), [0.0; 3]);
        let category = bench.on_null(OnNull::Default(Constant::Text("b".to_owned())));
        assert_eq!(category.fill(Scalar::String, Value::Null), Ok(Some(vec![0.0, 0.0, 1.0])));
        assert!(bench.on_null(OnNull::Error).fill(Scalar::String, Value::Null).is_err());
    }

    #[test]
    fn the_first_may_be_dropped() {
        let bench = given(&[("drop", text("first"))]);
        assert_eq!(bench.suffixes(Scalar::String), ["[b]"]);
        assert_eq!([fill(&bench, "a"), fill(&bench, "b")], [[0.0], [1.0]]);
        let one = Bench::new(&TRANSFORM, &[("drop", text("first")), ("tokens", texts(["a"]))]);
        let message = "`drop: first` leaves no position: there is but one category";
        assert_eq!(one.applied(Scalar::String.into()).unwrap_err(), message);
    }

    #[test]
    fn numbers_and_bools_are_categories() {
        let bench = Bench::new(&TRANSFORM, &[("order", text("value"))]);
        let numbers = bench.fit(Scalar::Int32, &[7, -1, 7].map(Value::Int)).unwrap();
        assert_eq!(numbers.suffixes(Scalar::Int32), ["[-1]", "[7]"]);
        assert_eq!(numbers.fill(Scalar::Int32, Value::Int(7)), Ok(Some(vec![0.0, 1.0])));
        let bools = bench.fit(Scalar::Bool, &[true, false].map(Value::Bool)).unwrap();
        assert_eq!(*bools.parameters(), json!({"tokens": [false, true]}));
        assert_eq!(bools.fill(Scalar::Bool, Value::Bool(true)), Ok(Some(vec![0.0, 1.0])));
        let given = Bench::new(&TRANSFORM, &[("tokens", list([Argument::Bool(true)]))]);
        assert_eq!(given.suffixes(Scalar::Bool), ["[true]"]);
    }
}
