//! The checked tree of an expression: every name an input, every operator resolved to the types it works on.

use crate::dtype::{DType, Scalar};
use crate::scope::Fault;
use crate::value::Value;

/// A node of the tree.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// A literal, or what was computed of literals.
    Constant(Constant),
    /// An input: its place among those of the expression, and in a program its index in the plan.
    Input(usize),
    /// What takes one value.
    One(One, Box<Node>),
    /// What takes two.
    Two(Two, Box<[Node; 2]>),
    /// Any other operator or function, of as many arguments as it takes.
    Call(Op, Box<[Node]>),
}

/// A value while an expression is computed: half as large as a [`Value`], which may be a list, and so returned in half the time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Datum<'v> {
    Null,
    Bool(bool),
    Int(i64),
    /// Finite.
    Float(f64),
    Str(&'v str),
    Bytes(&'v [u8]),
    Time(i64),
}

/// What an expression gives, or why it gives nothing. All faults are known beforehand.
pub(super) type Computed<'v> = Result<Datum<'v>, &'static Fault>;

impl<'v> Datum<'v> {
    pub(super) const fn is_null(self) -> bool {
        matches!(self, Self::Null)
    }

    /// A number that is not finite reads as null.
    #[inline]
    pub(super) const fn of(value: Value<'v>) -> Self {
        match value {
            Value::Bool(value) => Self::Bool(value),
            Value::Int(value) => Self::Int(value),
            Value::Float(value) if value.is_finite() => Self::Float(value),
            Value::Str(text) => Self::Str(text),
            Value::Bytes(bytes) => Self::Bytes(bytes),
            Value::Time(value) => Self::Time(value),
            Value::Null | Value::Float(_) | Value::List(_) => Self::Null,
        }
    }

    pub(super) const fn value(self) -> Value<'v> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::Int(value),
            Self::Float(value) => Value::Float(value),
            Self::Str(text) => Value::Str(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::Time(value) => Value::Time(value),
        }
    }

    /// A number as float64: an int is rounded to nearest.
    pub(super) const fn as_f64(self) -> Option<f64> {
        self.value().as_f64()
    }
}

/// A value that the expression itself holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Constant {
    Null,
    Bool(bool),
    Int(i64),
    /// Finite.
    Float(f64),
    Text(Box<str>),
    Time(i64),
}

impl Constant {
    pub(super) const fn datum(&self) -> Datum<'_> {
        match self {
            Self::Null => Datum::Null,
            Self::Bool(value) => Datum::Bool(*value),
            Self::Int(value) => Datum::Int(*value),
            Self::Float(value) => Datum::Float(*value),
            Self::Text(text) => Datum::Str(text),
            Self::Time(value) => Datum::Time(*value),
        }
    }

    /// The value, owned; none for bytes, which no constant can be.
    pub(super) fn of(datum: Datum<'_>) -> Option<Self> {
        match datum {
            Datum::Null => Some(Self::Null),
            Datum::Bool(value) => Some(Self::Bool(value)),
            Datum::Int(value) => Some(Self::Int(value)),
            Datum::Float(value) => Some(Self::Float(value)),
            Datum::Str(text) => Some(Self::Text(text.into())),
            Datum::Time(value) => Some(Self::Time(value)),
            Datum::Bytes(_) => None,
        }
    }
}

impl Node {
    /// What it takes its value of.
    pub(super) fn arguments(&self) -> &[Self] {
        match self {
            Self::Constant(_) | Self::Input(_) => &[],
            Self::One(_, argument) => std::slice::from_ref(argument),
            Self::Two(_, arguments) => &**arguments,
            Self::Call(_, arguments) => arguments,
        }
    }

    pub(super) fn arguments_mut(&mut self) -> &mut [Self] {
        match self {
            Self::Constant(_) | Self::Input(_) => &mut [],
            Self::One(_, argument) => std::slice::from_mut(argument),
            Self::Two(_, arguments) => &mut **arguments,
            Self::Call(_, arguments) => arguments,
        }
    }
}

/// The type of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The literal `NULL`, which fits every type.
    Null,
    Bool,
    /// int32 and int64: computed in 64 bits.
    Int,
    /// float32 and float64: computed as float64.
    Float,
    Text,
    Bytes,
    Time,
}

impl Kind {
    pub(super) const fn of(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Bool => Self::Bool,
            Scalar::Int32 | Scalar::Int64 => Self::Int,
            Scalar::Float32 | Scalar::Float64 => Self::Float,
            Scalar::String => Self::Text,
            Scalar::Bytes => Self::Bytes,
            Scalar::Timestamp => Self::Time,
        }
    }

    /// The type of an expression; none for the literal `NULL`.
    pub(super) const fn dtype(self) -> Option<DType> {
        let scalar = match self {
            Self::Null => return None,
            Self::Bool => Scalar::Bool,
            Self::Int => Scalar::Int64,
            Self::Float => Scalar::Float64,
            Self::Text => Scalar::String,
            Self::Bytes => Scalar::Bytes,
            Self::Time => Scalar::Timestamp,
        };
        Some(DType::Scalar(scalar))
    }

    /// In an error: "takes a number, not …".
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "a bool",
            Self::Int => "an int64",
            Self::Float => "a float64",
            Self::Text => "a string",
            Self::Bytes => "bytes",
            Self::Time => "a timestamp",
        }
    }

    pub(super) const fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Float | Self::Null)
    }

    /// The one type that both are, or can be made: an int beside a float becomes one.
    pub(super) fn common(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Null, kind) | (kind, Self::Null) => Some(kind),
            (Self::Int, Self::Float) | (Self::Float, Self::Int) => Some(Self::Float),
            (left, right) => (left == right).then_some(left),
        }
    }
}

/// What a [`Node::Call`] does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Op {
    /// Left to right, until one is false.
    And,
    /// Left to right, until one is true.
    Or,
    /// Condition, result, condition, result, …, else.
    Case,
    /// Operand, value, result, value, result, …, else.
    Switch,
    /// The first that is not null.
    Coalesce,
    /// Value, then what it may equal.
    In,
    /// Value, least, greatest.
    Between,
    /// The least that is not null.
    Least,
    /// The greatest that is not null.
    Greatest,
    /// The texts that are not null, one after the other.
    Concat,
    /// `||`: null if one is.
    Join,
    /// Text, pattern; the escape character.
    Like(Option<char>),
    /// Text, start, and length if given.
    Substring,
    /// Text, and characters if given.
    Trim(Side),
    /// Latitude, longitude, latitude, longitude in degrees.
    Haversine,
}

/// Where [`Op::Trim`] trims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Both,
    Left,
    Right,
}

/// What takes one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum One {
    Not,
    IsNull,
    IsTrue,
    IsFalse,
    Cast(Target),
    /// Null where [`One::Cast`] refuses.
    TryCast(Target),
    /// Int to float.
    Widen,
    Float(OfFloat),
    Int(OfInt),
    Text(OfText),
    Time(OfTime),
}

/// What makes a float of a float.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OfFloat {
    Negate,
    Abs,
    Round,
    /// To that many digits behind the point; before it if negative.
    RoundTo(i8),
    Floor,
    Ceil,
    Sqrt,
    Exp,
    Ln,
    Log10,
}

/// What makes an int of an int.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OfInt {
    Negate,
    Abs,
    /// To that many digits, negative: tens, hundreds, …
    RoundTo(i8),
}

/// What takes a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OfText {
    Length,
    Lower,
    Upper,
}

/// What takes a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OfTime {
    Epoch,
    Extract(Part),
    Truncate(Part),
}

/// What takes two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Two {
    Float(OfFloats),
    Int(OfInts),
    Compare(Comparison),
    /// Two nulls are equal.
    Distinct,
    /// The first, or null if it equals the second.
    NullIf,
}

/// What makes a float of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OfFloats {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
}

/// What makes an int of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OfInts {
    Add,
    Subtract,
    Multiply,
    /// `//`.
    Divide,
    Modulo,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A part of a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    Week,
    IsoYear,
    Month,
    Quarter,
    Year,
}

/// The type that a cast gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Bool,
    Int32,
    Int64,
    Float32,
    Float64,
    Text,
    Time,
}

impl Target {
    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::Bool => Kind::Bool,
            Self::Int32 | Self::Int64 => Kind::Int,
            Self::Float32 | Self::Float64 => Kind::Float,
            Self::Text => Kind::Text,
            Self::Time => Kind::Time,
        }
    }
}
