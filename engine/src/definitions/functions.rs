//! The functions of window views: what each reads and what it gives. [`crate::windows`] computes them.

use crate::dtype::{DType, Scalar};

/// A function of an aggregation.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: &'static str,
    /// What it is: lower case, no final stop.
    pub(super) doc: &'static str,
    pub(super) column: Needs,
    pub(super) takes: Takes,
    pub(super) gives: Gives,
    /// Its parameter, all of them keys of an aggregation; it must be given.
    pub(super) parameter: Option<&'static str>,
}

/// Whether a function reads a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    Column,
    ColumnOrNone,
    None,
}

/// The columns that a function can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// Any type that is no list.
    Scalars,
    /// What has an order that people expect.
    Ordered,
    Numbers,
    NumbersOrBool,
}

/// The type of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gives {
    Int64,
    Float64,
    /// The type of the column.
    Same,
    /// A list of the type of the column.
    ListOfSame,
}

impl Function {
    /// By its name.
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        FUNCTIONS.iter().find(|function| function.name == name)
    }

    /// The type of its result over a column.
    pub(super) fn output(&self, column: Option<Scalar>) -> DType {
        match (self.gives, column) {
            (Gives::Same, Some(column)) => column.into(),
            (Gives::ListOfSame, Some(column)) => DType::List(column),
            (Gives::Float64, _) => Scalar::Float64.into(),
            (Gives::Int64, _) | (Gives::Same | Gives::ListOfSame, None) => Scalar::Int64.into(),
        }
    }
}

impl Takes {
    pub(super) const fn includes(self, dtype: Scalar) -> bool {
        match self {
            Self::Scalars => true,
            Self::Ordered => dtype.is_number() || matches!(dtype, Scalar::Timestamp | Scalar::String | Scalar::Bool),
            Self::Numbers => dtype.is_number(),
            Self::NumbersOrBool => dtype.is_number() || matches!(dtype, Scalar::Bool),
        }
    }

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Scalars => "a column that is no list and no vector",
            Self::Ordered => "a column of numbers, text, timestamps or bool",
            Self::Numbers => "a column of numbers",
            Self::NumbersOrBool => "a column of numbers or bool",
        }
    }
}

const fn function(name: &'static str, doc: &'static str, column: Needs, takes: Takes, gives: Gives) -> Function {
    Function { name, doc, column, takes, gives, parameter: None }
}

const fn with(parameter: &'static str, function: Function) -> Function {
    Function { parameter: Some(parameter), ..function }
}

/// All of them.
pub(super) static FUNCTIONS: &[Function] = &[
    function(
        "count",
        "how many events, or non-null values of the column",
        Needs::ColumnOrNone,
        Takes::Scalars,
        Gives::Int64,
    ),
    function("count_distinct", "how many different values", Needs::Column, Takes::Scalars, Gives::Int64),
    function("approx_count_distinct", "about how many different values", Needs::Column, Takes::Scalars, Gives::Int64),
    function("sum", "the exact sum, rounded once", Needs::Column, Takes::Numbers, Gives::Same),
    function("mean", "the mean", Needs::Column, Takes::NumbersOrBool, Gives::Float64),
    function("min", "the least value", Needs::Column, Takes::Ordered, Gives::Same),
    function("max", "the greatest value", Needs::Column, Takes::Ordered, Gives::Same),
    function("variance", "the population variance", Needs::Column, Takes::Numbers, Gives::Float64),
    function("stddev", "the population standard deviation", Needs::Column, Takes::Numbers, Gives::Float64),
    function("skew", "the skewness", Needs::Column, Takes::Numbers, Gives::Float64),
    function("kurtosis", "the excess kurtosis", Needs::Column, Takes::Numbers, Gives::Float64),
    function("first", "the value of the oldest event", Needs::Column, Takes::Scalars, Gives::Same),
    function("last", "the value of the newest event", Needs::Column, Takes::Scalars, Gives::Same),
    with("n", function("first_n", "the values of the oldest events", Needs::Column, Takes::Scalars, Gives::ListOfSame)),
    with("n", function("last_n", "the values of the newest events", Needs::Column, Takes::Scalars, Gives::ListOfSame)),
    with("q", function("approx_quantile", "a quantile, within 2⁻⁸", Needs::Column, Takes::Numbers, Gives::Float64)),
    function("mode", "the most frequent value", Needs::Column, Takes::Scalars, Gives::Same),
    with("k", function("top_k", "the most frequent values", Needs::Column, Takes::Scalars, Gives::ListOfSame)),
    with("denominator", function("ratio", "the ratio of two sums", Needs::Column, Takes::Numbers, Gives::Float64)),
    function(
        "rate",
        "events, or non-null values of the column, a second",
        Needs::ColumnOrNone,
        Takes::Scalars,
        Gives::Float64,
    ),
    function("time_since_last", "seconds since the newest event", Needs::None, Takes::Scalars, Gives::Float64),
];

/// The parameters that only some functions take.
pub(super) const PARAMETERS: [&str; 4] = ["n", "k", "q", "denominator"];
