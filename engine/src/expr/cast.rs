//! CAST: between numbers, bools and text, and from text to timestamp.

use std::fmt::{self, Write as _};

use bumpalo::Bump;

use super::math::{real, whole};
use super::node::{Computed, Datum, Kind, Target};
use super::time;
use crate::scope::Fault;

const NO_BOOL: Fault = Fault::refused("a cast of a text that is no bool");
const NO_INT: Fault = Fault::refused("a cast of a text that is no whole number");
const NO_FLOAT: Fault = Fault::refused("a cast of a text that is no number");
const NO_TIME: Fault = Fault::refused("a cast of a text that is no timestamp");

/// What may stand around a number.
const SPACES: [char; 6] = [' ', '\t', '\n', '\u{b}', '\u{c}', '\r'];

/// Whether there is such a cast.
pub(super) const fn exists(from: Kind, to: Target) -> bool {
    match from {
        Kind::Null | Kind::Text => true,
        Kind::Bool | Kind::Int | Kind::Float => !matches!(to, Target::Time),
        Kind::Time => matches!(to, Target::Time),
        Kind::Bytes => false,
    }
}

/// Whether the cast leaves every value as it is.
pub(super) const fn changes_nothing(from: Kind, to: Target) -> bool {
    matches!(
        (from, to),
        (Kind::Bool, Target::Bool)
            | (Kind::Int, Target::Int64)
            | (Kind::Float, Target::Float64)
            | (Kind::Text, Target::Text)
            | (Kind::Time, Target::Time)
    )
}

/// Casts a value. What no cast takes is null.
///
/// # Errors
/// A number outside the range of an int, or a text that is not what it is cast to.
pub(super) fn cast<'v>(value: Datum<'v>, to: Target, arena: &'v Bump) -> Computed<'v> {
    match to {
        Target::Bool => bool(value),
        Target::Int64 => int(value),
        Target::Int32 => {
            let value = int(value)?;
            let fits = if let Datum::Int(value) = value { i32::try_from(value).is_ok() } else { true };
            if fits { Ok(value) } else { Err(&Fault::OVERFLOW) }
        }
        Target::Float64 => float(value),
        Target::Float32 => narrow(value),
        Target::Text => Ok(text(value, arena)),
        Target::Time => {
            if let Datum::Str(text) = value {
                time::parse(text).map(Datum::Time).ok_or(&NO_TIME)
            } else {
                Ok(value)
            }
        }
    }
}

/// An int is rounded once, not to float64 first.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a cast to float32 rounds to nearest")]
fn narrow(value: Datum<'_>) -> Computed<'_> {
    if let Datum::Int(value) = value {
        return Ok(real((value as f32).into()));
    }
    let value = float(value)?;
    Ok(if let Datum::Float(value) = value { real((value as f32).into()) } else { value })
}

fn bool(value: Datum<'_>) -> Computed<'_> {
    Ok(match value {
        Datum::Int(value) => Datum::Bool(value != 0),
        Datum::Float(value) => Datum::Bool(value != 0.0),
        Datum::Str(text) => {
            let is_one_of = |words: [&str; 5]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
            let value = is_one_of(["true", "t", "yes", "y", "1"]);
            if !value && !is_one_of(["false", "f", "no", "n", "0"]) {
                return Err(&NO_BOOL);
            }
            Datum::Bool(value)
        }
        Datum::Bool(_) => value,
        Datum::Null | Datum::Bytes(_) | Datum::Time(_) => Datum::Null,
    })
}

/// Floats are rounded to the nearest int, ties to even.
fn int(value: Datum<'_>) -> Computed<'_> {
    match value {
        Datum::Bool(value) => Ok(Datum::Int(value.into())),
        Datum::Float(value) => whole(nearest(value)),
        Datum::Str(text) => {
            let text = text.trim_matches(SPACES);
            let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(&NO_INT);
            }
            whole(text.parse().ok())
        }
        Datum::Int(_) => Ok(value),
        Datum::Null | Datum::Bytes(_) | Datum::Time(_) => Ok(Datum::Null),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the range is checked: −2⁶³ and 2⁶³ are floats")]
fn nearest(value: f64) -> Option<i64> {
    const END: f64 = 9_223_372_036_854_775_808.0;
    let value = value.round_ties_even();
    (-END..END).contains(&value).then_some(value as i64)
}

fn float(value: Datum<'_>) -> Computed<'_> {
    match value {
        Datum::Str(text) => text.trim_matches(SPACES).parse().map(real).map_err(|_| &NO_FLOAT),
        Datum::Bool(_) | Datum::Int(_) | Datum::Float(_) => Ok(value.as_f64().map_or(Datum::Null, real)),
        Datum::Null | Datum::Bytes(_) | Datum::Time(_) => Ok(Datum::Null),
    }
}

fn text<'v>(value: Datum<'v>, arena: &'v Bump) -> Datum<'v> {
    let mut out = Short::default();
    let written = match value {
        Datum::Bool(value) => return Datum::Str(if value { "true" } else { "false" }),
        Datum::Str(_) => return value,
        Datum::Int(value) => write!(out, "{value}"),
        Datum::Float(value) => decimal(value, &mut out),
        Datum::Null | Datum::Bytes(_) | Datum::Time(_) => return Datum::Null,
    };
    if written.is_ok() { Datum::Str(arena.alloc_str(out.text())) } else { Datum::Null }
}

/// A text as long as that of any number.
#[derive(Default)]
struct Short {
    bytes: [u8; 32],
    length: usize,
}

impl Short {
    fn text(&self) -> &str {
        self.bytes.get(..self.length).and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

impl fmt::Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// The shortest text that reads back: plain from 10⁻⁴ to below 10¹⁶, else with an exponent of at least two digits.
fn decimal(value: f64, out: &mut Short) -> fmt::Result {
    let (digits, exponent) = shortest(value.abs())?;
    let (first, rest) = digits.text().split_at_checked(1).unwrap_or(("0", ""));
    if value.is_sign_negative() {
        out.write_str("-")?;
    }
    match usize::try_from(exponent) {
        Ok(places) if places < 16 => match rest.split_at_checked(places) {
            Some((whole, "")) => write!(out, "{first}{whole}.0"),
            Some((whole, fraction)) => write!(out, "{first}{whole}.{fraction}"),
            None => write!(out, "{first}{rest:0<places$}.0"),
        },
        Err(_) if exponent >= -4 => {
            let zeros = usize::try_from(-1 - exponent).unwrap_or_default();
            write!(out, "0.{:0<zeros$}{first}{rest}", "")
        }
        Ok(_) | Err(_) => {
            let (point, sign) = (if rest.is_empty() { "" } else { "." }, if exponent < 0 { '-' } else { '+' });
            write!(out, "{first}{point}{rest}e{sign}{:02}", exponent.unsigned_abs())
        }
    }
}

/// The digits of a number without zeros around them, none for 0, and the power of ten of the first.
fn shortest(value: f64) -> Result<(Short, i32), fmt::Error> {
    let mut buffer = zmij::Buffer::new();
    let written = buffer.format_finite(value);
    let (mantissa, exponent) = written.split_once('e').unwrap_or((written, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut all = Short::default();
    write!(all, "{whole}{fraction}")?;
    let trimmed = all.text().trim_start_matches('0');
    if trimmed.is_empty() {
        return Ok((Short::default(), 0));
    }
    let zeros = all.text().len() - trimmed.len();
    let mut digits = Short::default();
    digits.write_str(trimmed.trim_end_matches('0'))?;
    let place = |count: usize| i32::try_from(count).map_err(|_| fmt::Error);
    let exponent: i32 = exponent.parse().map_err(|_| fmt::Error)?;
    Ok((digits, exponent + place(whole.len())? - place(zeros)? - 1))
}
