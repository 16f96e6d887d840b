//! Tokens: the categories that `vocabulary`, `one_hot`, `multi_hot` and `top_k_category` know, given or learned.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use serde_json::Value as Json;
use siphasher::sip::SipHasher13;

use super::frequencies::Frequencies;
use super::hashing::Hash;
use super::parameter::{Argument, Arguments, Default, Parameter, Takes};
use super::{Fit, Problem, types};
use crate::dtype::{DType, Scalar};
use crate::value::Value;

pub(super) const MAX_TOKENS: Parameter = Parameter {
    name: "max_tokens",
    takes: Takes::Integer { min: 1, max: u32::MAX as i64 },
    default: Default::Absent,
    doc: "the most positions or indices in use, those for unknown values and for the mask included, as Keras counts them; \
          the most frequent tokens stay; without it all stay",
};
pub(super) const MIN_COUNT: Parameter = Parameter {
    name: "min_count",
    takes: Takes::Integer { min: 1, max: i64::MAX },
    default: Default::Integer(1),
    doc: "tokens that occur less often in training are not learned",
};
pub(super) const ORDER: Parameter = Parameter {
    name: "order",
    takes: Takes::Choice(&["frequency", "value"]),
    default: Default::Text("frequency"),
    doc: "`frequency`: the most frequent first, of equally frequent ones the greater first; `value`: the smaller first",
};
pub(super) const MASK: Parameter = Parameter {
    name: "mask",
    takes: Takes::Constant,
    default: Default::Absent,
    doc: "the value that stands for no value in the data, such as an empty text; it is never learned",
};
pub(super) const TOKENS: Parameter = Parameter {
    name: "tokens",
    takes: Takes::Constants,
    default: Default::Absent,
    doc: "the tokens in their order; nothing is fitted then",
};
pub(super) const NUM_OOV: Parameter = Parameter {
    name: "num_oov",
    takes: Takes::Integer { min: 1, max: u32::MAX as i64 },
    default: Default::Integer(1),
    doc: "how many buckets `unknown: bucket` has: with several, unknown texts fall into that of their farmhash64 modulo `num_oov`, \
          whole numbers into that of their value modulo `num_oov`",
};
pub(super) const UNKNOWN: Parameter = Parameter {
    name: "unknown",
    takes: Takes::Choice(&["zeros", "bucket", "error"]),
    default: Default::Text("zeros"),
    doc: "what a value that is no token gives: nothing but zeros, a 1 in a bucket of its own, or an ERROR",
};
pub(super) const MAX_DISTINCT: Parameter = Parameter {
    name: "max_distinct",
    takes: Takes::Integer { min: 1, max: u32::MAX as i64 },
    default: Default::Integer(1_000_000),
    doc: "more distinct values than this in training are an error",
};

/// The message of an ERROR by `unknown: error`.
pub(super) const UNKNOWN_REFUSED: &str = "the value is no token, which the step refuses";

/// What kind of values tokens are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Domain {
    Bool,
    Int,
    Text,
}

impl Domain {
    /// The domain of a scalar type.
    pub(super) fn of(scalar: Scalar) -> Result<Self, Problem> {
        match scalar {
            Scalar::Bool => Ok(Self::Bool),
            Scalar::Int32 | Scalar::Int64 => Ok(Self::Int),
            Scalar::String => Ok(Self::Text),
            Scalar::Float32 | Scalar::Float64 | Scalar::Bytes | Scalar::Timestamp => Err(Problem::input(format!(
                "tokens are texts, whole numbers or bools, and the input is {scalar}; put a `bucketize` or a `cast` before the step"
            ))),
        }
    }

    /// The domain of an input that is no list.
    pub(super) fn of_scalar(input: DType) -> Result<Self, Problem> {
        let scalar = input.scalar();
        scalar.map_or_else(
            || Err(Problem::input(format!("takes one value, and its input is {input}; `multi_hot` takes lists"))),
            Self::of,
        )
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bools",
            Self::Int => "whole numbers",
            Self::Text => "texts",
        }
    }
}

/// A category.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Token {
    Bool(bool),
    Int(i64),
    Text(Box<str>),
}

impl Token {
    fn read(argument: &Argument) -> Option<Self> {
        match argument {
            Argument::Bool(value) => Some(Self::Bool(*value)),
            Argument::Int(value) => Some(Self::Int(*value)),
            Argument::Text(text) => Some(Self::Text(text.as_str().into())),
            Argument::Float(_) | Argument::List(_) => None,
        }
    }

    const fn domain(&self) -> Domain {
        match self {
            Self::Bool(_) => Domain::Bool,
            Self::Int(_) => Domain::Int,
            Self::Text(_) => Domain::Text,
        }
    }

    /// Whether a value is this token.
    pub(super) fn is(&self, value: Value<'_>) -> bool {
        self.value() == value
    }

    /// The token as a value.
    pub(super) const fn value(&self) -> Value<'_> {
        match self {
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::Int(*value),
            Self::Text(text) => Value::Str(text),
        }
    }

    /// The suffix of its position in slot names.
    pub(super) fn suffix(&self) -> String {
        match self {
            Self::Bool(value) => format!("[{value}]"),
            Self::Int(value) => format!("[{value}]"),
            Self::Text(text) => format!("[{text}]"),
        }
    }

    /// The token in fitted parameters.
    pub(super) fn json(&self) -> Json {
        match self {
            Self::Bool(value) => Json::from(*value),
            Self::Int(value) => Json::from(*value),
            Self::Text(text) => Json::from(&**text),
        }
    }

    pub(super) fn from_json(json: &Json, domain: Domain) -> Result<Self, String> {
        let token = match domain {
            Domain::Bool => json.as_bool().map(Self::Bool),
            Domain::Int => json.as_i64().map(Self::Int),
            Domain::Text => json.as_str().map(|text| Self::Text(text.into())),
        };
        token.ok_or_else(|| format!("`tokens` holds {json}, and the tokens of this step are {}", domain.name()))
    }
}

/// The one constant of an argument that has the type of the tokens.
pub(super) fn constant(arguments: &Arguments, parameter: &'static str) -> Result<Option<Token>, Problem> {
    let argument = arguments.get(parameter);
    argument.map(|argument| Token::read(argument).ok_or_else(|| no_token(parameter, argument))).transpose()
}

fn no_token(parameter: &'static str, argument: &Argument) -> Problem {
    let what = types::describe(argument);
    Problem::parameter(
        parameter,
        format!("`{parameter}` holds {what}, which can't be a token; tokens are texts, whole numbers or bools"),
    )
}

/// Checks that a token can stand among those of a domain.
pub(super) fn check(token: &Token, domain: Domain, parameter: &'static str) -> Result<(), Problem> {
    if token.domain() == domain {
        return Ok(());
    }
    let token = token.suffix();
    Err(Problem::parameter(
        parameter,
        format!("`{parameter}` holds {token}, which is not of the input's type; its tokens are {}", domain.name()),
    ))
}

/// Which tokens a step knows: those given, or how they are learned.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    /// Empty: they are learned.
    pub(super) given: Vec<Token>,
    /// The most tokens that are learned.
    pub(super) limit: Option<usize>,
    pub(super) min_count: u64,
    pub(super) max_distinct: usize,
    pub(super) by_value: bool,
    pub(super) mask: Option<Token>,
}

impl Selection {
    /// Reads the parameters that tokens have in common. `reserved` is how many indices besides tokens count for `max_tokens`.
    pub(super) fn read(arguments: &Arguments, reserved: usize) -> Result<Self, Problem> {
        let items = arguments.list(TOKENS.name);
        let given: Vec<Token> = items
            .iter()
            .map(|item| Token::read(item).ok_or_else(|| no_token(TOKENS.name, item)))
            .collect::<Result<_, _>>()?;
        let mask = constant(arguments, MASK.name)?;
        if let Some(twice) = twice(&given) {
            return Err(Problem::parameter(
                TOKENS.name,
                format!("`tokens` holds {} twice; each token stands once", twice.suffix()),
            ));
        }
        if mask.as_ref().is_some_and(|mask| given.contains(mask)) {
            return Err(Problem::parameter(
                MASK.name,
                "the mask stands among the tokens; it stands for no value, so take it out",
            ));
        }
        let max_tokens = types::count(arguments, MAX_TOKENS.name);
        let min_count = arguments.int(MIN_COUNT.name).and_then(|count| u64::try_from(count).ok()).unwrap_or(1);
        if !given.is_empty() && (max_tokens.is_some() || min_count > 1) {
            let parameter = if max_tokens.is_some() { MAX_TOKENS.name } else { MIN_COUNT.name };
            return Err(Problem::parameter(
                parameter,
                format!("`{parameter}` says which tokens are learned, and none are: `tokens` gives them all"),
            ));
        }
        if max_tokens.is_some_and(|most| most <= reserved) {
            let message = format!(
                "`max_tokens` leaves no room for a token: {reserved} of them are for unknown values and the mask"
            );
            return Err(Problem::parameter(MAX_TOKENS.name, message));
        }
        Ok(Self {
            given,
            limit: max_tokens.map(|most| most - reserved),
            min_count,
            max_distinct: types::count(arguments, MAX_DISTINCT.name).unwrap_or(usize::MAX),
            by_value: arguments.text(ORDER.name) == Some("value"),
            mask,
        })
    }

    /// Checks given tokens and the mask against the input.
    pub(super) fn check(&self, domain: Domain) -> Result<(), Problem> {
        self.given.iter().try_for_each(|token| check(token, domain, TOKENS.name))?;
        self.mask.iter().try_for_each(|token| check(token, domain, MASK.name))
    }

    /// The state of the fit; none if the tokens are given. With `idf` it also learns the weight of each token.
    pub(super) fn fit(&self, domain: Domain, idf: bool) -> Option<Box<dyn Fit>> {
        self.given.is_empty().then(|| Box::new(Frequencies::new(self.clone(), domain, idf)) as Box<dyn Fit>)
    }

    /// The tokens in their order: given, or those fitted.
    pub(super) fn tokens(&self, domain: Domain, fitted: &Json) -> Result<Vec<Token>, String> {
        if !self.given.is_empty() {
            return Ok(self.given.clone());
        }
        let items = fitted.get("tokens").and_then(Json::as_array).filter(|items| !items.is_empty());
        let items = items.ok_or("the fitted parameters have no `tokens`; fit the step again")?;
        let tokens: Vec<Token> = items.iter().map(|item| Token::from_json(item, domain)).collect::<Result<_, _>>()?;
        match twice(&tokens) {
            Some(token) => Err(format!("the fitted `tokens` hold {} twice; fit the step again", token.suffix())),
            None => Ok(tokens),
        }
    }
}

fn twice(tokens: &[Token]) -> Option<&Token> {
    let mut sorted: Vec<&Token> = tokens.iter().collect();
    sorted.sort_unstable();
    sorted.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}

/// A hash with a fixed key: lookups must not read a random source. Tokens come from training, so nobody can aim at collisions.
type Fixed = BuildHasherDefault<SipHasher13>;

/// From a value to the index of its token.
#[derive(Clone, Debug)]
pub(super) enum Lookup {
    Int(HashMap<i64, usize, Fixed>),
    Text(HashMap<Box<str>, usize, Fixed>),
}

impl Lookup {
    /// Of tokens that are all of the domain.
    pub(super) fn new(tokens: &[Token], domain: Domain) -> Self {
        let tokens = tokens.iter().enumerate();
        match domain {
            Domain::Bool | Domain::Int => {
                Self::Int(tokens.filter_map(|(index, token)| whole(token.value()).map(|key| (key, index))).collect())
            }
            Domain::Text => Self::Text(
                tokens.filter_map(|(index, token)| token.value().as_str().map(|key| (key.into(), index))).collect(),
            ),
        }
    }

    /// The index of the token that a value is.
    pub(super) fn get(&self, value: Value<'_>) -> Option<usize> {
        match self {
            Self::Int(table) => table.get(&whole(value)?).copied(),
            Self::Text(table) => table.get(value.as_str()?).copied(),
        }
    }
}

/// A bool or whole number as a whole number.
pub(super) fn whole(value: Value<'_>) -> Option<i64> {
    match value {
        Value::Bool(value) => Some(value.into()),
        Value::Int(value) => Some(value),
        Value::Null | Value::Float(_) | Value::Str(_) | Value::Bytes(_) | Value::Time(_) | Value::List(_) => None,
    }
}

/// The bucket of an unknown value among `buckets`, as Keras's lookups choose it.
pub(super) fn bucket(value: Value<'_>, buckets: usize) -> usize {
    let buckets = u64::try_from(buckets).unwrap_or(u64::MAX).max(1);
    let bucket = match (value.as_str(), whole(value)) {
        (Some(text), _) => Hash::Farmhash64.bin(text.as_bytes(), buckets),
        (None, Some(number)) => i128::from(number).rem_euclid(buckets.into()).try_into().unwrap_or(0),
        (None, None) => 0,
    };
    usize::try_from(bucket).unwrap_or(0)
}
