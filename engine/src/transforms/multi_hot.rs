//! `multi_hot`.

use std::sync::Arc;

use serde_json::Value as Json;

use super::one_hot::Unknown;
use super::parameter::{Arguments, Default, Parameter, Takes};
use super::tokens::{
    Domain, Lookup, MASK, MAX_DISTINCT, MAX_TOKENS, MIN_COUNT, NUM_OOV, ORDER, Selection, TOKENS, Token, UNKNOWN,
};
use super::{Fit, Kernel, Other, Output, Problem, Step, Transform, Widen, types};
use crate::dtype::DType;
use crate::scope::{Fault, Scope};
use crate::value::Value;

/// `multi_hot`.
pub(super) const TRANSFORM: Transform = Transform {
    name: "multi_hot",
    doc: "One position for each category, over a list: 1 where the list has the category (`binary`), how often it has it (`count`), or \
          that count times the category's weight (`tf_idf`). Categories, their order, `unknown` and the names of the positions are those \
          of `one_hot`.\n\n\
          The weight is ln(1 + rows / (1 + rows that have the category)), learned in training or given as `idf`; positions of unknown \
          values weigh the mean of all weights. That is Keras's formula; scikit-learn's differs. Keras computes weights in float32, this \
          in float64, so the last bit of a float32 may differ.\n\n\
          An empty list gives zeros; so does null, and null items and the `mask` are skipped.",
    example: "{multi_hot: {max_tokens: 100, mode: count}}",
    known_as: "CategoryEncoding, StringLookup and IntegerLookup with multi_hot, count or tf_idf output (Keras), MultiLabelBinarizer (scikit-learn)",
    parameters: &[
        Parameter {
            name: "mode",
            takes: Takes::Choice(&["binary", "count", "tf_idf"]),
            default: Default::Text("binary"),
            doc: "what a position holds",
        },
        MAX_TOKENS,
        MIN_COUNT,
        UNKNOWN,
        NUM_OOV,
        MASK,
        ORDER,
        TOKENS,
        Parameter {
            name: "idf",
            takes: Takes::Numbers,
            default: Default::Absent,
            doc: "the weights of `tokens` under `mode: tf_idf`, in their order",
        },
        MAX_DISTINCT,
    ],
    make,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Binary,
    Count,
    TfIdf,
}

#[derive(Clone, Debug)]
struct MultiHot {
    selection: Selection,
    unknown: Unknown,
    mode: Mode,
    /// Given with the tokens.
    idf: Vec<f64>,
}

fn make(arguments: &Arguments) -> Result<Arc<dyn Step>, Problem> {
    let unknown = Unknown::read(arguments)?;
    let selection = Selection::read(arguments, unknown.buckets())?;
    let mode = match arguments.text("mode") {
        Some("count") => Mode::Count,
        Some("tf_idf") => Mode::TfIdf,
        _ => Mode::Binary,
    };
    let idf = types::numbers(arguments, "idf");
    let needed = if mode == Mode::TfIdf { selection.given.len() } else { 0 };
    if idf.len() != needed {
        let message =
            format!("`idf` has {} weights; with these `tokens` and this `mode` it must have {needed}", idf.len());
        return Err(Problem::parameter("idf", message));
    }
    Ok(Arc::new(MultiHot { selection, unknown, mode, idf }))
}

fn domain(input: DType) -> Result<Domain, Problem> {
    match input {
        DType::List(item) => Domain::of(item),
        DType::Scalar(_) | DType::Vector(_) => {
            Err(Problem::input(format!("takes a list, and its input is {input}; `one_hot` takes single values")))
        }
    }
}

impl Step for MultiHot {
    fn output(&self, input: DType, _others: &[DType]) -> Result<Output, Problem> {
        self.selection.check(domain(input)?)?;
        Ok(Output::Wide)
    }

    fn takes_null(&self) -> bool {
        true
    }

    fn fit(&self, input: DType) -> Option<Box<dyn Fit>> {
        self.selection.fit(domain(input).ok()?, self.mode == Mode::TfIdf)
    }

    fn kernel(&self, input: DType, _others: &[Other], fitted: &Json) -> Result<Kernel, String> {
        let domain = domain(input).map_err(|problem| problem.message)?;
        let tokens = self.selection.tokens(domain, fitted)?;
        let lookup = Lookup::new(&tokens, domain);
        let weights = if self.mode == Mode::TfIdf { Some(self.weights(tokens.len(), fitted)?) } else { None };
        let (mask, unknown) = (self.selection.mask.clone(), self.unknown);
        Ok(Kernel::Wide(Box::new(Positions {
            tokens,
            lookup,
            mask,
            unknown,
            counts: self.mode != Mode::Binary,
            weights,
        })))
    }
}

impl MultiHot {
    /// The weight of every position.
    #[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^53 tokens")]
    fn weights(&self, tokens: usize, fitted: &Json) -> Result<Vec<f64>, String> {
        let mut idf = self.idf.clone();
        if self.selection.given.is_empty() {
            let learned = fitted.get("idf").and_then(Json::as_array);
            idf = learned.and_then(|items| items.iter().map(Json::as_f64).collect()).unwrap_or_default();
        }
        if idf.len() != tokens {
            return Err(format!("the fitted parameters have no `idf` of {tokens} numbers; fit the step again"));
        }
        let mean = idf.iter().sum::<f64>() / tokens as f64;
        Ok(std::iter::repeat_n(mean, self.unknown.buckets()).chain(idf).collect())
    }
}

#[derive(Debug)]
struct Positions {
    tokens: Vec<Token>,
    lookup: Lookup,
    mask: Option<Token>,
    unknown: Unknown,
    /// Whether repeats count.
    counts: bool,
    /// Of every position, if they are weighed.
    weights: Option<Vec<f64>>,
}

impl Widen for Positions {
    fn width(&self) -> usize {
        self.unknown.buckets() + self.tokens.len()
    }

    fn suffix(&self, position: usize) -> String {
        match position.checked_sub(self.unknown.buckets()) {
            Some(token) => self.tokens.get(token).map_or_else(String::new, Token::suffix),
            None => self.unknown.suffix(position),
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a vector slot is rounded to float32 once, to nearest")]
    fn fill(&self, value: Value<'_>, _scope: &Scope<'_>, out: &mut [f32]) -> Result<bool, Fault> {
        out.fill(0.0);
        let Value::List(list) = value else { return Ok(true) };
        for item in list.iter() {
            if item.is_null() || self.mask.as_ref().is_some_and(|mask| mask.is(item)) {
                continue;
            }
            let position = match self.lookup.get(item) {
                Some(token) => Some(self.unknown.buckets() + token),
                None => self.unknown.position(item)?,
            };
            if let Some(position) = position.and_then(|position| out.get_mut(position)) {
                *position = if self.counts { *position + 1.0 } else { 1.0 };
            }
        }
        for (position, weight) in out.iter_mut().zip(self.weights.iter().flatten()) {
            *position = (f64::from(*position) * weight) as f32;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{Bench, int, list, list_of, number, problem, text, texts};
    use super::*;
    use crate::dtype::Scalar;
    use crate::transforms::parameter::Argument;

    const INPUT: DType = DType::List(Scalar::String);

    fn words(words: &[&str]) -> Value<'static> {
        list_of(Scalar::String, &words.iter().map(|word| Value::Str(word)).collect::<Vec<_>>())
    }

    fn given(more: &[(&'static str, Argument)]) -> Bench {
        let tokens = [("tokens", texts(["a", "b", "c", "d"])), ("unknown", text("bucket"))];
        Bench::new(&TRANSFORM, &[&tokens, more].concat())
    }

    fn fill(bench: &Bench, value: Value<'_>) -> Vec<f32> {
        bench.fill(INPUT, value).unwrap().unwrap()
    }

    #[test]
    fn which_or_how_often() {
        let binary = given(&[]);
        assert_eq!(fill(&binary, words(&["a", "c", "d", "d"])), [0.0, 1.0, 0.0, 1.0, 1.0]);
        assert_eq!(fill(&binary, words(&["d", "z", "b", "z"])), [1.0, 0.0, 1.0, 0.0, 1.0]);
        let count = given(&[("mode", text("count"))]);
        assert_eq!(fill(&count, words(&["a", "c", "d", "d"])), [0.0, 1.0, 0.0, 1.0, 2.0]);
        assert_eq!(fill(&count, words(&["d", "z", "b", "z"])), [2.0, 0.0, 1.0, 0.0, 1.0]);
        assert_eq!(count.suffixes(INPUT), [".unknown", "[a]", "[b]", "[c]", "[d]"]);
    }

    #[test]
    fn nothing_gives_zeros() {
        let bench = given(&[("mask", text(""))]);
        let holes = list_of(Scalar::String, &[Value::Null, Value::Str("")]);
        for nothing in [Value::Null, words(&[]), holes] {
            assert_eq!(fill(&bench, nothing), [0.0; 5]);
        }
    }

    #[test]
    fn weighs_by_rarity() {
        let idf = list([0.25, 0.75, 0.5, 0.5].map(number));
        let bench = given(&[("mode", text("tf_idf")), ("idf", idf)]);
        assert_eq!(fill(&bench, words(&["a", "c", "d", "d"])), [0.0, 0.25, 0.0, 0.5, 1.0]);
        assert_eq!(fill(&bench, words(&["z", "z"])), [1.0, 0.0, 0.0, 0.0, 0.0]);
        let learned = Bench::new(&TRANSFORM, &[("mode", text("tf_idf"))]);
        let rows = [words(&["a", "a", "a"]), words(&["b"]), words(&["b", "a"]), words(&[]), Value::Null];
        let learned = learned.fit(INPUT, &rows).unwrap();
        let weight = libm::log(1.0 + 4.0 / 3.0);
        assert_eq!(*learned.parameters(), json!({"tokens": ["a", "b"], "idf": [weight, weight]}));
        assert_eq!(fill(&learned, words(&["b", "b"])), [0.0, (2.0 * weight) as f32]);
    }

    #[test]
    fn bad_arguments() {
        let problem = problem(&TRANSFORM, &[("idf", list([number(1.0)]))]);
        assert_eq!(problem.message, "`idf` has 1 weights; with these `tokens` and this `mode` it must have 0");
        let problem = given(&[]).output(Scalar::String.into()).unwrap_err();
        assert_eq!(problem.message, "takes a list, and its input is string; `one_hot` takes single values");
        let bench = Bench::new(&TRANSFORM, &[("mode", text("tf_idf"))]).fitted(json!({"tokens": ["a"]}));
        let message = "the fitted parameters have no `idf` of 1 numbers; fit the step again";
        assert_eq!(bench.applied(INPUT).unwrap_err(), message);
        let numbers = Bench::new(&TRANSFORM, &[("max_tokens", int(1))]);
        let rows = [list_of(Scalar::Int64, &[3, 3, 5].map(Value::Int))];
        let numbers = numbers.fit(DType::List(Scalar::Int64), &rows).unwrap();
        assert_eq!(*numbers.parameters(), json!({"tokens": [3]}));
    }
}
