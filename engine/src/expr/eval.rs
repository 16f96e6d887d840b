//! Evaluation: walks the checked tree for one row.
//!
//! Types were checked with the tree, so an operator meets the types that it takes, or null. Should a caller bring a value of
//! another type than its name was declared with, it reads as null.

use std::cmp::Ordering;

use super::math::{self, real, whole};
use super::node::{Comparison, Computed, Datum, Node, OfFloat, OfFloats, OfInt, OfInts, OfText, OfTime, One, Op, Two};
use super::{cast, text, time};
use crate::scope::{Fault, Scope};

impl Node {
    /// Its value for a row.
    // Inlined, so that leaves cost no call.
    #[inline]
    pub(super) fn eval<'v>(&'v self, scope: &Scope<'v>) -> Computed<'v> {
        match self {
            Self::Constant(constant) => Ok(constant.datum()),
            Self::Input(index) => Ok(scope.inputs.get(*index).map_or(Datum::Null, |value| Datum::of(*value))),
            Self::One(one, argument) => one.eval(argument, scope),
            Self::Two(two, arguments) => two.eval(arguments, scope),
            Self::Call(op, arguments) => op.eval(arguments, scope),
        }
    }
}

impl Op {
    fn eval<'v>(self, arguments: &'v [Node], scope: &Scope<'v>) -> Computed<'v> {
        match self {
            Self::And => conjunction(arguments, false, scope),
            Self::Or => conjunction(arguments, true, scope),
            Self::Case => case(arguments, scope),
            Self::Switch => switch(arguments, scope),
            Self::Coalesce => {
                for argument in arguments {
                    let value = argument.eval(scope)?;
                    if !value.is_null() {
                        return Ok(value);
                    }
                }
                Ok(Datum::Null)
            }
            Self::In => is_in(arguments, scope),
            Self::Between => between(arguments, scope),
            Self::Least => extreme(arguments, Ordering::Less, scope),
            Self::Greatest => extreme(arguments, Ordering::Greater, scope),
            Self::Concat | Self::Join => join(arguments, self == Self::Join, scope),
            Self::Like(escape) => match arguments {
                [value, pattern] => match (value.eval(scope)?, pattern.eval(scope)?) {
                    (Datum::Str(value), Datum::Str(pattern)) => text::like(value, pattern, escape).map(Datum::Bool),
                    _ => Ok(Datum::Null),
                },
                _ => Ok(Datum::Null),
            },
            Self::Substring => substring(arguments, scope),
            Self::Trim(side) => {
                let mut values = [Datum::Null; 2];
                match strict(arguments, &mut values, scope)? {
                    Some([Datum::Str(value)]) => Ok(Datum::Str(text::trim(side, value, None))),
                    Some([Datum::Str(value), Datum::Str(characters)]) => {
                        Ok(Datum::Str(text::trim(side, value, Some(characters))))
                    }
                    _ => Ok(Datum::Null),
                }
            }
            Self::Haversine => {
                let mut values = [Datum::Null; 4];
                match strict(arguments, &mut values, scope)? {
                    Some([Datum::Float(a), Datum::Float(b), Datum::Float(c), Datum::Float(d)]) => {
                        Ok(real(math::haversine([*a, *b, *c, *d])))
                    }
                    _ => Ok(Datum::Null),
                }
            }
        }
    }
}

/// Evaluates all arguments; none if one is null or there are more than there is room for.
fn strict<'v, 'b>(
    arguments: &'v [Node],
    values: &'b mut [Datum<'v>],
    scope: &Scope<'v>,
) -> Result<Option<&'b [Datum<'v>]>, &'static Fault> {
    let Some(values) = values.get_mut(..arguments.len()) else { return Ok(None) };
    for (argument, value) in arguments.iter().zip(values.iter_mut()) {
        *value = argument.eval(scope)?;
    }
    Ok((!values.iter().any(|value| value.is_null())).then_some(values))
}

/// AND, which ends at false, and OR, which ends at true.
fn conjunction<'v>(arguments: &'v [Node], end: bool, scope: &Scope<'v>) -> Computed<'v> {
    let mut result = Datum::Bool(!end);
    for argument in arguments {
        if let Datum::Bool(value) = argument.eval(scope)? {
            if value == end {
                return Ok(Datum::Bool(end));
            }
        } else {
            result = Datum::Null;
        }
    }
    Ok(result)
}

fn case<'v>(arguments: &'v [Node], scope: &Scope<'v>) -> Computed<'v> {
    let mut rest = arguments;
    while let [condition, result, next @ ..] = rest {
        if condition.eval(scope)? == Datum::Bool(true) {
            return result.eval(scope);
        }
        rest = next;
    }
    rest.first().map_or(Ok(Datum::Null), |otherwise| otherwise.eval(scope))
}

fn switch<'v>(arguments: &'v [Node], scope: &Scope<'v>) -> Computed<'v> {
    let Some((operand, mut rest)) = arguments.split_first() else { return Ok(Datum::Null) };
    let operand = operand.eval(scope)?;
    while let [value, result, next @ ..] = rest {
        if compare(operand, value.eval(scope)?) == Some(Ordering::Equal) {
            return result.eval(scope);
        }
        rest = next;
    }
    rest.first().map_or(Ok(Datum::Null), |otherwise| otherwise.eval(scope))
}

fn is_in<'v>(arguments: &'v [Node], scope: &Scope<'v>) -> Computed<'v> {
    let Some((value, list)) = arguments.split_first() else { return Ok(Datum::Null) };
    let value = value.eval(scope)?;
    let mut result = Datum::Bool(false);
    for item in list {
        match compare(value, item.eval(scope)?) {
            Some(Ordering::Equal) => return Ok(Datum::Bool(true)),
            Some(Ordering::Less | Ordering::Greater) => {}
            None => result = Datum::Null,
        }
    }
    Ok(result)
}

/// `value >= least AND value <= greatest`: false if one of them is, whatever the other.
fn between<'v>(arguments: &'v [Node], scope: &Scope<'v>) -> Computed<'v> {
    let [value, least, greatest] = arguments else { return Ok(Datum::Null) };
    let value = value.eval(scope)?;
    let above = compare(value, least.eval(scope)?).map(Ordering::is_ge);
    let below = compare(value, greatest.eval(scope)?).map(Ordering::is_le);
    Ok(match (above, below) {
        (Some(false), _) | (_, Some(false)) => Datum::Bool(false),
        (Some(true), Some(true)) => Datum::Bool(true),
        (None, _) | (_, None) => Datum::Null,
    })
}

/// The first of the least or greatest values; nulls are passed over.
fn extreme<'v>(arguments: &'v [Node], wanted: Ordering, scope: &Scope<'v>) -> Computed<'v> {
    let mut best = Datum::Null;
    for argument in arguments {
        let value = argument.eval(scope)?;
        if best.is_null() || compare(value, best) == Some(wanted) {
            best = value;
        }
    }
    Ok(best)
}

fn join<'v>(arguments: &'v [Node], strict: bool, scope: &Scope<'v>) -> Computed<'v> {
    let parts = scope.arena.alloc_slice_fill_copy(arguments.len(), "");
    let mut any_null = false;
    for (argument, part) in arguments.iter().zip(parts.iter_mut()) {
        if let Datum::Str(text) = argument.eval(scope)? {
            *part = text;
        } else {
            any_null = true;
        }
    }
    if any_null && strict { Ok(Datum::Null) } else { text::join(parts, scope.arena).map(Datum::Str) }
}

fn substring<'v>(arguments: &'v [Node], scope: &Scope<'v>) -> Computed<'v> {
    let mut values = [Datum::Null; 3];
    Ok(match strict(arguments, &mut values, scope)? {
        Some([Datum::Str(value), Datum::Int(start)]) => Datum::Str(text::substring(value, *start, None)),
        Some([Datum::Str(value), Datum::Int(start), Datum::Int(count)]) => {
            Datum::Str(text::substring(value, *start, Some(*count)))
        }
        _ => Datum::Null,
    })
}

/// The order of two values; none if one is null. Text and bytes are compared byte by byte, an int and a float as floats.
fn compare(left: Datum<'_>, right: Datum<'_>) -> Option<Ordering> {
    match (left, right) {
        (Datum::Float(left), Datum::Float(right)) => left.partial_cmp(&right),
        (Datum::Int(left), Datum::Int(right)) | (Datum::Time(left), Datum::Time(right)) => Some(left.cmp(&right)),
        (Datum::Str(left), Datum::Str(right)) => Some(left.cmp(right)),
        (Datum::Bytes(left), Datum::Bytes(right)) => Some(left.cmp(right)),
        (Datum::Bool(left), Datum::Bool(right)) => Some(left.cmp(&right)),
        (Datum::Int(_), Datum::Float(_)) | (Datum::Float(_), Datum::Int(_)) => {
            left.as_f64()?.partial_cmp(&right.as_f64()?)
        }
        _ => None,
    }
}

impl One {
    fn eval<'v>(self, argument: &'v Node, scope: &Scope<'v>) -> Computed<'v> {
        let value = argument.eval(scope)?;
        match self {
            Self::IsNull => Ok(Datum::Bool(value.is_null())),
            Self::IsTrue => Ok(Datum::Bool(value == Datum::Bool(true))),
            Self::IsFalse => Ok(Datum::Bool(value == Datum::Bool(false))),
            Self::Not => Ok(if let Datum::Bool(value) = value { Datum::Bool(!value) } else { Datum::Null }),
            Self::Widen => Ok(value.as_f64().map_or(Datum::Null, Datum::Float)),
            Self::Cast(target) => cast::cast(value, target, scope.arena),
            Self::TryCast(target) => Ok(cast::cast(value, target, scope.arena).unwrap_or(Datum::Null)),
            Self::Float(op) => Ok(if let Datum::Float(value) = value { real(op.of(value)) } else { Datum::Null }),
            Self::Int(op) => {
                if let Datum::Int(value) = value {
                    whole(op.of(value))
                } else {
                    Ok(Datum::Null)
                }
            }
            Self::Text(op) => {
                if let Datum::Str(value) = value {
                    op.of(value, scope)
                } else {
                    Ok(Datum::Null)
                }
            }
            Self::Time(op) => {
                if let Datum::Time(value) = value {
                    op.of(value)
                } else {
                    Ok(Datum::Null)
                }
            }
        }
    }
}

impl OfFloat {
    fn of(self, value: f64) -> f64 {
        match self {
            Self::Negate => -value,
            Self::Abs => value.abs(),
            Self::Round => value.round(),
            Self::RoundTo(digits) => math::round_to(value, digits),
            Self::Floor => value.floor(),
            Self::Ceil => value.ceil(),
            Self::Sqrt => value.sqrt(),
            Self::Exp => libm::exp(value),
            Self::Ln => libm::log(value),
            Self::Log10 => libm::log10(value),
        }
    }
}

impl OfInt {
    fn of(self, value: i64) -> Option<i64> {
        match self {
            Self::Negate => value.checked_neg(),
            Self::Abs => value.checked_abs(),
            Self::RoundTo(digits) => math::round_int_to(value, digits),
        }
    }
}

impl OfText {
    fn of<'v>(self, value: &'v str, scope: &Scope<'v>) -> Computed<'v> {
        match self {
            Self::Length => Ok(Datum::Int(text::length(value))),
            Self::Lower => text::lower(value, scope.arena).map(Datum::Str),
            Self::Upper => text::upper(value, scope.arena).map(Datum::Str),
        }
    }
}

impl OfTime {
    fn of<'v>(self, value: i64) -> Computed<'v> {
        match self {
            Self::Epoch => Ok(Datum::Float(time::epoch(value))),
            Self::Extract(part) => Ok(Datum::Int(time::extract(part, value))),
            Self::Truncate(unit) => time::truncate(unit, value).map(Datum::Time),
        }
    }
}

impl Two {
    fn eval<'v>(self, [left, right]: &'v [Node; 2], scope: &Scope<'v>) -> Computed<'v> {
        let (left, right) = (left.eval(scope)?, right.eval(scope)?);
        match self {
            Self::Float(op) => Ok(match (left, right) {
                (Datum::Float(left), Datum::Float(right)) => real(op.of(left, right)),
                _ => Datum::Null,
            }),
            Self::Int(op) => match (left, right) {
                (Datum::Int(left), Datum::Int(right)) => op.of(left, right),
                _ => Ok(Datum::Null),
            },
            Self::Compare(comparison) => {
                Ok(compare(left, right).map_or(Datum::Null, |order| Datum::Bool(comparison.holds(order))))
            }
            Self::Distinct => Ok(Datum::Bool(match (left.is_null(), right.is_null()) {
                (true, true) => false,
                (false, false) => compare(left, right) != Some(Ordering::Equal),
                (true, false) | (false, true) => true,
            })),
            Self::NullIf => Ok(if compare(left, right) == Some(Ordering::Equal) { Datum::Null } else { left }),
        }
    }
}

impl OfFloats {
    fn of(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide => left / right,
            Self::Modulo => left % right,
            Self::Power => libm::pow(left, right),
        }
    }
}

impl OfInts {
    fn of<'v>(self, left: i64, right: i64) -> Computed<'v> {
        match self {
            Self::Add => whole(left.checked_add(right)),
            Self::Subtract => whole(left.checked_sub(right)),
            Self::Multiply => whole(left.checked_mul(right)),
            Self::Divide | Self::Modulo if right == 0 => Ok(Datum::Null),
            Self::Divide => whole(left.checked_div(right)),
            Self::Modulo => whole(left.checked_rem(right)),
        }
    }
}

impl Comparison {
    const fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}
