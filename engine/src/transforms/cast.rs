//! `cast`.

use std::sync::Arc;

use serde_json::Value as Json;

use super::hashing::Short;
use super::parameter::{Arguments, Default, Parameter, Takes};
use super::{Kernel, Map, Other, Output, Problem, Step, Transform, types};
use crate::dtype::{DType, Scalar};
use crate::scope::{Fault, Scope};
use crate::value::Value;

/// `cast`.
pub(super) const TRANSFORM: Transform = Transform {
    name: "cast",
    doc: "Turns the value into another type: numbers, bools and texts into each other, text into bytes or a timestamp and back.\n\n\
          A float becomes the nearest whole number, of two equally near ones the even one: 2.5 is 2, −0.6 is −1. That is what CAST does \
          in expressions and in DuckDB; Python, NumPy and Spark cut off the fraction instead. float64 to float32 rounds to nearest. A \
          number that does not fit is an ERROR (OVERFLOW), or the nearest that fits with `overflow: saturate`.\n\n\
          A text is read as a number (correctly rounded, spaces around it allowed), as `true`, `t`, `yes`, `y`, `1` or `false`, `f`, `no`, `n`, `0` in any case, \
          or as an RFC 3339 time; anything else is an ERROR, or null with `invalid: null`. Numbers become the shortest text that reads \
          back in their own type, times RFC 3339 in UTC. Any number but 0 is true. NaN, if kept, is null as a whole number or a bool.",
    example: "{cast: {dtype: int64, overflow: saturate}}",
    known_as: "astype (pandas), CAST (SQL)",
    parameters: &[
        Parameter {
            name: "dtype",
            takes: Takes::Choice(&["bool", "int32", "int64", "float32", "float64", "string", "bytes", "timestamp"]),
            default: Default::Required,
            doc: "the type of the result",
        },
        Parameter {
            name: "overflow",
            takes: Takes::Choice(&["error", "saturate"]),
            default: Default::Text("error"),
            doc: "what a number that does not fit gives",
        },
        Parameter {
            name: "invalid",
            takes: Takes::Choice(&["error", "null"]),
            default: Default::Text("error"),
            doc: "what a text or bytes give that can't be read",
        },
    ],
    make,
};

#[derive(Clone, Debug)]
struct Cast {
    to: Scalar,
    saturates: bool,
    invalid_is_null: bool,
}

fn make(arguments: &Arguments) -> Result<Arc<dyn Step>, Problem> {
    let name = arguments.text("dtype").unwrap_or_default();
    let to = name.parse().map_err(|_| Problem::parameter("dtype", format!("`{name}` is no type of a single value")))?;
    Ok(Arc::new(Cast {
        to,
        saturates: arguments.text("overflow") == Some("saturate"),
        invalid_is_null: arguments.text("invalid") == Some("null"),
    }))
}

/// Whether a value of a type can become one of another.
fn is_possible(from: Scalar, to: Scalar) -> bool {
    let is_plain = |scalar: Scalar| scalar.is_number() || scalar == Scalar::Bool;
    from == to || from == Scalar::String || is_plain(from) && is_plain(to) || to == Scalar::String
}

impl Step for Cast {
    fn output(&self, input: DType, _others: &[DType]) -> Result<Output, Problem> {
        if input.scalar().is_some_and(|from| is_possible(from, self.to)) {
            return Ok(Output::One(self.to.into()));
        }
        let hint = if input == DType::Scalar(Scalar::Timestamp) {
            "; `date_part` or `epoch(…)` in an expression make numbers of times"
        } else {
            ""
        };
        Err(Problem::input(format!("{input} can't become {}{hint}", self.to)))
    }

    fn kernel(&self, input: DType, _others: &[Other], _fitted: &Json) -> Result<Kernel, String> {
        Ok(Kernel::One(Box::new(Caster { cast: self.clone(), from_float32: input == DType::Scalar(Scalar::Float32) })))
    }
}

#[derive(Debug)]
struct Caster {
    cast: Cast,
    from_float32: bool,
}

/// 2⁶³, the first float that is too great for int64.
const BEYOND: f64 = 9_223_372_036_854_775_808.0;

impl Cast {
    fn invalid<'v>(&self) -> Result<Value<'v>, Fault> {
        if self.invalid_is_null {
            Ok(Value::Null)
        } else {
            Err(Fault::refused("the text can't be read as the type of `dtype`, which `invalid: error` refuses"))
        }
    }

    /// A whole number, which must be in the range of int32 if that is the result.
    fn whole<'v>(&self, number: i64) -> Result<Value<'v>, Fault> {
        let (least, most) =
            if self.to == Scalar::Int32 { (i32::MIN.into(), i32::MAX.into()) } else { (i64::MIN, i64::MAX) };
        let clamped = number.clamp(least, most);
        if clamped == number || self.saturates { Ok(Value::Int(clamped)) } else { Err(Fault::OVERFLOW) }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the range is checked before; the cast itself saturates")]
    fn rounded<'v>(&self, number: f64) -> Result<Value<'v>, Fault> {
        if number.is_nan() {
            return Ok(Value::Null);
        }
        let rounded = number.round_ties_even();
        if (-BEYOND..BEYOND).contains(&rounded) || self.saturates {
            self.whole(rounded as i64)
        } else {
            Err(Fault::OVERFLOW)
        }
    }

    /// A number that came from finite text or a value, as float64 or float32.
    #[expect(clippy::cast_possible_truncation, reason = "float32 is asked for")]
    fn float<'v>(&self, number: f64) -> Result<Value<'v>, Fault> {
        if self.to != Scalar::Float32 || !number.is_finite() {
            return Ok(Value::Float(number));
        }
        self.finite(f64::from(number as f32), f32::MAX.into())
    }

    /// A result that is infinite only because it did not fit.
    fn finite<'v>(&self, number: f64, most: f64) -> Result<Value<'v>, Fault> {
        if number.is_finite() {
            Ok(Value::Float(number))
        } else if self.saturates {
            Ok(Value::Float(most.copysign(number)))
        } else {
            Err(Fault { why: "the number does not fit its type", ..Fault::OVERFLOW })
        }
    }

    fn parse<'v>(&self, text: &'v str) -> Result<Value<'v>, Fault> {
        let trimmed = text.trim_ascii();
        match self.to {
            Scalar::String => Ok(Value::Str(text)),
            Scalar::Bytes => Ok(Value::Bytes(text.as_bytes())),
            Scalar::Timestamp => {
                types::timestamp(trimmed).map_or_else(|| self.invalid(), |micros| Ok(Value::Time(micros)))
            }
            Scalar::Bool => {
                let is_one_of = |words: [&str; 5]| words.iter().any(|word| trimmed.eq_ignore_ascii_case(word));
                match (is_one_of(["true", "t", "yes", "y", "1"]), is_one_of(["false", "f", "no", "n", "0"])) {
                    (false, false) => self.invalid(),
                    (is_true, _) => Ok(Value::Bool(is_true)),
                }
            }
            Scalar::Int32 | Scalar::Int64 => match trimmed.parse::<i64>() {
                Ok(number) => self.whole(number),
                Err(error) if matches!(error.kind(), std::num::IntErrorKind::PosOverflow) => self.too_large(i64::MAX),
                Err(error) if matches!(error.kind(), std::num::IntErrorKind::NegOverflow) => self.too_large(i64::MIN),
                Err(_) => self.invalid(),
            },
            Scalar::Float32 | Scalar::Float64 => self.parse_float(trimmed),
        }
    }

    fn too_large<'v>(&self, nearest: i64) -> Result<Value<'v>, Fault> {
        if self.saturates { self.whole(nearest) } else { Err(Fault::OVERFLOW) }
    }

    fn parse_float<'v>(&self, text: &str) -> Result<Value<'v>, Fault> {
        // The parser also takes words such as `inf` and `nan`.
        if !text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) {
            return self.invalid();
        }
        if self.to == Scalar::Float32 {
            // Read as float32 at once: by way of float64 it would be rounded twice.
            return text
                .parse::<f32>()
                .map_or_else(|_| self.invalid(), |number| self.finite(number.into(), f32::MAX.into()));
        }
        text.parse::<f64>().map_or_else(|_| self.invalid(), |number| self.finite(number, f64::MAX))
    }
}

impl Map for Caster {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float32 input is a float32 widened, so the way back is exact"
    )]
    fn apply<'v>(&'v self, value: Value<'v>, scope: &Scope<'v>) -> Result<Value<'v>, Fault> {
        let cast = &self.cast;
        match (cast.to, value) {
            (_, Value::Str(text)) => cast.parse(text),
            (Scalar::String, Value::Float(number)) => {
                let mut buffer = zmij::Buffer::new();
                let text = if self.from_float32 { buffer.format(number as f32) } else { buffer.format(number) };
                Ok(Value::Str(scope.arena.alloc_str(text)))
            }
            (Scalar::String, Value::Int(number)) => Ok(Value::Str(scope.arena.alloc_str(Short::of(number).as_str()))),
            (Scalar::String, Value::Bool(value)) => Ok(Value::Str(if value { "true" } else { "false" })),
            (Scalar::String, Value::Time(micros)) => jiff::Timestamp::from_microsecond(micros)
                .map(|time| Value::Str(scope.arena.alloc_str(Short::of(time).as_str())))
                .map_err(|_| Fault::refused("the time is outside of the years that RFC 3339 can write")),
            (Scalar::String, Value::Bytes(bytes)) => {
                str::from_utf8(bytes).map_or_else(|_| cast.invalid(), |text| Ok(Value::Str(text)))
            }
            (Scalar::Bool, Value::Int(number)) => Ok(Value::Bool(number != 0)),
            (Scalar::Bool, Value::Float(number)) => {
                Ok(if number.is_nan() { Value::Null } else { Value::Bool(number != 0.0) })
            }
            (Scalar::Int32 | Scalar::Int64, Value::Bool(value)) => Ok(Value::Int(value.into())),
            (Scalar::Int32 | Scalar::Int64, Value::Int(number)) => cast.whole(number),
            (Scalar::Int32 | Scalar::Int64, Value::Float(number)) => cast.rounded(number),
            (Scalar::Float32 | Scalar::Float64, Value::Bool(_) | Value::Float(_)) => {
                cast.float(value.as_f64().unwrap_or(f64::NAN))
            }
            (Scalar::Float32, Value::Int(number)) => Ok(Value::Float((number as f32).into())),
            (Scalar::Float64, Value::Int(_)) => Ok(value.as_f64().map_or(Value::Null, Value::Float)),
            // Nothing is left but what stays as it is.
            _ => Ok(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, text};
    use super::*;

    fn to(dtype: &str, policy: &str) -> Bench {
        let arguments =
            [("dtype", text(dtype)), ("overflow", text(if policy == "saturate" { "saturate" } else { "error" }))];
        let invalid = [("invalid", text(if policy == "null" { "null" } else { "error" }))];
        Bench::new(&TRANSFORM, &[&arguments[..], &invalid].concat())
    }

    #[test]
    fn floats_to_whole_numbers() {
        for (from, number) in
            [(2.5, 2), (3.5, 4), (-0.6, -1), (-0.5, 0), (9_007_199_254_740_993.0, 9_007_199_254_740_992)]
        {
            assert_eq!(to("int64", "").run(Scalar::Float64, Value::Float(from)), Ok(Value::Int(number)));
        }
        for (from, nearest) in [(BEYOND, i64::MAX), (f64::INFINITY, i64::MAX), (-1e300, i64::MIN)] {
            assert_eq!(to("int64", "").run(Scalar::Float64, Value::Float(from)), Err(Fault::OVERFLOW));
            assert_eq!(to("int64", "saturate").run(Scalar::Float64, Value::Float(from)), Ok(Value::Int(nearest)));
        }
        assert_eq!(to("int64", "").run(Scalar::Float64, Value::Float(-BEYOND)), Ok(Value::Int(i64::MIN)));
        let nan = to("int64", "").keeping_nan().run(Scalar::Float64, Value::Float(f64::NAN));
        assert_eq!(nan, Ok(Value::Null));
    }

    #[test]
    fn narrower_numbers() {
        assert_eq!(to("int32", "").run(Scalar::Int64, Value::Int(1 << 31)), Err(Fault::OVERFLOW));
        assert_eq!(to("int32", "saturate").run(Scalar::Int64, Value::Int(1 << 31)), Ok(Value::Int(i32::MAX.into())));
        assert_eq!(to("int32", "").run(Scalar::Int64, Value::Int(-(1 << 31))), Ok(Value::Int(i32::MIN.into())));
        assert_eq!(to("float32", "").run(Scalar::Float64, Value::Float(0.1)), Ok(Value::Float(0.1_f32.into())));
        assert_eq!(
            to("float32", "").run(Scalar::Float64, Value::Float(1e39)).unwrap_err().reason,
            Fault::OVERFLOW.reason
        );
        assert_eq!(
            to("float32", "saturate").run(Scalar::Float64, Value::Float(-1e39)),
            Ok(Value::Float((-f32::MAX).into()))
        );
        assert_eq!(
            to("float32", "").run(Scalar::Float64, Value::Float(f64::INFINITY)),
            Ok(Value::Float(f64::INFINITY))
        );
        assert_eq!(to("float64", "").run(Scalar::Bool, Value::Bool(true)), Ok(Value::Float(1.0)));
        assert_eq!(to("bool", "").run(Scalar::Float64, Value::Float(-0.0)), Ok(Value::Bool(false)));
        assert_eq!(to("bool", "").run(Scalar::Int64, Value::Int(-3)), Ok(Value::Bool(true)));
    }

    #[test]
    fn texts_to_values() {
        for (dtype, from, result) in [
            ("int64", " 42 ", Value::Int(42)),
            ("int64", "-9223372036854775808", Value::Int(i64::MIN)),
            ("float64", "1e-3", Value::Float(0.001)),
            ("float64", "0.1", Value::Float(0.1)),
            ("float32", "0.1", Value::Float(0.1_f32.into())),
            ("bool", "TRUE", Value::Bool(true)),
            ("bool", "No", Value::Bool(false)),
            ("bytes", "ü", Value::Bytes("ü".as_bytes())),
            ("timestamp", "1970-01-01T01:00:01.5+01:00", Value::Time(1_500_000)),
            ("timestamp", "1969-12-31T23:59:59.9999999Z", Value::Time(-1)),
            ("string", " as it is ", Value::Str(" as it is ")),
        ] {
            assert_eq!(to(dtype, "").run(Scalar::String, Value::Str(from)), Ok(result), "{from} to {dtype}");
        }
        for (dtype, from) in [
            ("int64", "1.5"),
            ("int64", ""),
            ("float64", "inf"),
            ("float64", "NaN"),
            ("float64", "1,5"),
            ("float64", "."),
            ("bool", "2"),
            ("timestamp", "2024-01-01T00:00:00"),
            ("timestamp", "2024-01-01T00:00:00Z[UTC]"),
        ] {
            let refused = to(dtype, "").run(Scalar::String, Value::Str(from)).unwrap_err();
            assert_eq!(refused.why, "the text can't be read as the type of `dtype`, which `invalid: error` refuses");
            assert_eq!(to(dtype, "null").run(Scalar::String, Value::Str(from)), Ok(Value::Null), "{from} to {dtype}");
        }
    }

    #[test]
    fn texts_that_do_not_fit() {
        for (dtype, from, nearest) in [
            ("int32", "2147483648", Value::Int(i32::MAX.into())),
            ("int32", "-99999999999999999999", Value::Int(i32::MIN.into())),
            ("int64", "99999999999999999999", Value::Int(i64::MAX)),
            ("float64", "-1e999", Value::Float(-f64::MAX)),
            ("float32", "1e39", Value::Float(f32::MAX.into())),
        ] {
            let error = to(dtype, "null").run(Scalar::String, Value::Str(from)).unwrap_err();
            assert_eq!(error.reason, Fault::OVERFLOW.reason);
            assert_eq!(to(dtype, "saturate").run(Scalar::String, Value::Str(from)), Ok(nearest));
        }
    }

    #[test]
    fn values_to_texts() {
        for (from, value, text) in [
            (Scalar::Int64, Value::Int(i64::MIN), "-9223372036854775808"),
            (Scalar::Float64, Value::Float(0.1), "0.1"),
            (Scalar::Float32, Value::Float(0.1_f32.into()), "0.1"),
            (Scalar::Float64, Value::Float(1.0), "1.0"),
            (Scalar::Bool, Value::Bool(false), "false"),
            (Scalar::Timestamp, Value::Time(1_522_540_831_000_001), "2018-04-01T00:00:31.000001Z"),
            (Scalar::Bytes, Value::Bytes(b"raw"), "raw"),
        ] {
            assert_eq!(to("string", "").run(from, value), Ok(Value::Str(text)));
        }
        assert_eq!(to("string", "null").run(Scalar::Bytes, Value::Bytes(&[0xff])), Ok(Value::Null));
        assert!(to("string", "").run(Scalar::Timestamp, Value::Time(i64::MAX)).is_err());
    }

    #[test]
    fn what_can_not_be_cast() {
        let message = |bench: Bench, input: DType| bench.output(input).unwrap_err().message;
        let hint = "timestamp can't become int64; `date_part` or `epoch(…)` in an expression make numbers of times";
        assert_eq!(message(to("int64", ""), Scalar::Timestamp.into()), hint);
        assert_eq!(message(to("int64", ""), DType::List(Scalar::Int32)), "list<int32> can't become int64");
        assert_eq!(message(to("bytes", ""), Scalar::Int64.into()), "int64 can't become bytes");
    }
}
