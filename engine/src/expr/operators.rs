//! Operators of one and two arguments: which types they take, and what they then are.

use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator};

use super::ExprError;
use super::arguments::{Built, Typed, mismatch, one, two};
use super::node::{Comparison, Kind, OfFloat, OfFloats, OfInt, OfInts, One, Two};

/// The comparison that an operator makes.
#[expect(clippy::wildcard_enum_match_arm, reason = "the parser knows operators of all dialects")]
pub(super) const fn comparison(operator: &BinaryOperator) -> Option<Comparison> {
    match operator {
        BinaryOperator::Eq => Some(Comparison::Equal),
        BinaryOperator::NotEq => Some(Comparison::NotEqual),
        BinaryOperator::Lt => Some(Comparison::Less),
        BinaryOperator::LtEq => Some(Comparison::LessOrEqual),
        BinaryOperator::Gt => Some(Comparison::Greater),
        BinaryOperator::GtEq => Some(Comparison::GreaterOrEqual),
        _ => None,
    }
}

/// Whether it is a comparison without parentheses around it.
pub(super) const fn is_comparison(expr: &Expr) -> bool {
    matches!(expr, Expr::BinaryOp { op, .. } if comparison(op).is_some())
}

/// An operator between two arguments, other than AND, OR and `||`.
#[expect(clippy::wildcard_enum_match_arm, reason = "the parser knows operators of all dialects")]
pub(super) fn binary(operator: &BinaryOperator, left: Typed, right: Typed) -> Built {
    if let Some(comparison) = comparison(operator) {
        let (left, right) = comparable(&format!("`{operator}`"), left, right)?;
        return Ok((two(Two::Compare(comparison), left.node, right.node), Kind::Bool));
    }
    let what = format!("`{operator}`");
    for argument in [&left, &right] {
        if !argument.kind.is_number() {
            return Err(argument.no_number(&what));
        }
    }
    let are_ints = left.kind != Kind::Float && right.kind != Kind::Float;
    let (ints, floats) = match operator {
        BinaryOperator::Plus => (OfInts::Add, OfFloats::Add),
        BinaryOperator::Minus => (OfInts::Subtract, OfFloats::Subtract),
        BinaryOperator::Multiply => (OfInts::Multiply, OfFloats::Multiply),
        BinaryOperator::Modulo => (OfInts::Modulo, OfFloats::Modulo),
        BinaryOperator::Divide => return of_floats(&what, OfFloats::Divide, left, right),
        BinaryOperator::DuckIntegerDivide => return divide_ints(left, right),
        _ => return Err(left.error(format!("{what} is no operator of expressions"), Some(OPERATORS))),
    };
    if are_ints {
        Ok((two(Two::Int(ints), left.node, right.node), Kind::Int))
    } else {
        of_floats(&what, floats, left, right)
    }
}

const OPERATORS: &str = "operators are + - * / // % || = <> < <= > >= and, or, not, is, in, between, like";

fn of_floats(what: &str, floats: OfFloats, left: Typed, right: Typed) -> Built {
    Ok((two(Two::Float(floats), left.float(what)?, right.float(what)?), Kind::Float))
}

fn divide_ints(left: Typed, right: Typed) -> Built {
    if let Some(float) = [&left, &right].into_iter().find(|argument| argument.kind == Kind::Float) {
        let help = "floor(a / b) divides floats; CAST(… AS int64) makes an int64";
        return Err(float.error("`//` takes int64s, not a float64", Some(help)));
    }
    Ok((two(Two::Int(OfInts::Divide), left.node, right.node), Kind::Int))
}

/// Two arguments that can be equal.
pub(super) fn comparable(what: &str, left: Typed, right: Typed) -> Result<(Typed, Typed), ExprError> {
    if left.kind.common(right.kind).is_none() {
        return Err(mismatch(what, left.kind, &right));
    }
    Ok((left, right))
}

/// An operator before its argument.
#[expect(clippy::wildcard_enum_match_arm, reason = "the parser knows operators of all dialects")]
pub(super) fn unary(operator: UnaryOperator, argument: Typed) -> Built {
    match operator {
        UnaryOperator::Not => Ok((one(One::Not, argument.bool("`not`")?), Kind::Bool)),
        UnaryOperator::Minus => negate(argument),
        UnaryOperator::Plus if argument.kind.is_number() => Ok((argument.node, argument.kind)),
        UnaryOperator::Plus => Err(argument.no_number("`+`")),
        other => Err(argument.error(format!("`{other}` is no operator of expressions"), None)),
    }
}

fn negate(argument: Typed) -> Built {
    match argument.kind {
        Kind::Int | Kind::Null => Ok((one(One::Int(OfInt::Negate), argument.node), Kind::Int)),
        Kind::Float => Ok((one(One::Float(OfFloat::Negate), argument.node), Kind::Float)),
        Kind::Bool | Kind::Text | Kind::Bytes | Kind::Time => Err(argument.no_number("`-`")),
    }
}
