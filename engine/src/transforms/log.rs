//! `log`.

use std::sync::Arc;

use serde_json::Value as Json;

use super::parameter::{Argument, Arguments, Default, Parameter, Takes};
use super::{Kernel, Map, Other, Output, Problem, Step, Transform, types};
use crate::dtype::{DType, Scalar};
use crate::scope::{Fault, Scope};
use crate::value::Value;

/// `log`.
pub(super) const TRANSFORM: Transform = Transform {
    name: "log",
    doc: "The logarithm of x + `offset`. Natural unless `base` says otherwise; base 2 and 10 have functions of their own, any other is \
          ln(x + offset) / ln(base). `offset: 1` with the natural base is log1p, which keeps small x exact.\n\n\
          Where x + `offset` is 0 or less there is no logarithm: `nonpositive: null` (as Hopsworks, which gives NaN), `error`, or \
          `clip`, which first raises everything below `floor` to `floor`.",
    example: "{log: {offset: 1}}",
    known_as: "log1p (NumPy), log_transform (Hopsworks)",
    parameters: &[
        Parameter {
            name: "base",
            takes: Takes::Constant,
            default: Default::Text("e"),
            doc: "`e`, or a number above 0 that is not 1",
        },
        Parameter { name: "offset", takes: Takes::Number, default: Default::Number(0.0), doc: "is added before" },
        Parameter {
            name: "nonpositive",
            takes: Takes::Choice(&["null", "error", "clip"]),
            default: Default::Text("null"),
            doc: "what x + `offset` ≤ 0 gives",
        },
        Parameter {
            name: "floor",
            takes: Takes::Number,
            default: Default::Number(1e-7),
            doc: "the least x + `offset` under `nonpositive: clip`; above 0",
        },
    ],
    make,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Base {
    Natural,
    Two,
    Ten,
    /// The natural logarithm of the base.
    Other(f64),
}

#[derive(Clone, Copy, Debug)]
enum Nonpositive {
    Null,
    Error,
    Clip(f64),
}

#[derive(Clone, Debug)]
struct Log {
    base: Base,
    offset: f64,
    nonpositive: Nonpositive,
}

fn make(arguments: &Arguments) -> Result<Arc<dyn Step>, Problem> {
    let nonpositive = match arguments.text("nonpositive") {
        Some("error") => Nonpositive::Error,
        Some("clip") => {
            let floor = arguments.number("floor").unwrap_or(1e-7);
            if floor <= 0.0 {
                return Err(Problem::parameter("floor", format!("`floor` is {floor}; it must be above 0")));
            }
            Nonpositive::Clip(floor)
        }
        _ => Nonpositive::Null,
    };
    Ok(Arc::new(Log { base: base(arguments)?, offset: arguments.number("offset").unwrap_or(0.0), nonpositive }))
}

fn base(arguments: &Arguments) -> Result<Base, Problem> {
    if matches!(arguments.get("base"), None | Some(Argument::Text(_))) {
        return match arguments.text("base") {
            Some("e") | None => Ok(Base::Natural),
            Some(text) => Err(Problem::parameter("base", format!("`base` is `{text}`; it must be `e` or a number"))),
        };
    }
    match arguments.number("base") {
        Some(2.0) => Ok(Base::Two),
        Some(10.0) => Ok(Base::Ten),
        Some(number) if number > 0.0 && number != 1.0 => Ok(Base::Other(libm::log(number))),
        _ => Err(Problem::parameter("base", "`base` must be `e` or a number above 0 that is not 1")),
    }
}

impl Step for Log {
    fn output(&self, input: DType, _others: &[DType]) -> Result<Output, Problem> {
        types::number(input).map(|()| Output::One(Scalar::Float64.into()))
    }

    fn kernel(&self, _input: DType, _others: &[Other], _fitted: &Json) -> Result<Kernel, String> {
        Ok(Kernel::One(Box::new(self.clone())))
    }
}

impl Log {
    fn of(&self, number: f64) -> f64 {
        match self.base {
            Base::Natural => libm::log(number),
            Base::Two => libm::log2(number),
            Base::Ten => libm::log10(number),
            Base::Other(log) => libm::log(number) / log,
        }
    }
}

impl Map for Log {
    fn apply<'v>(&'v self, value: Value<'v>, _scope: &Scope<'v>) -> Result<Value<'v>, Fault> {
        let Some(number) = value.as_f64() else { return Ok(Value::Null) };
        let shifted = number + self.offset;
        match self.nonpositive {
            Nonpositive::Clip(floor) if shifted < floor => return Ok(Value::Float(self.of(floor))),
            Nonpositive::Null if shifted <= 0.0 => return Ok(Value::Null),
            Nonpositive::Error if shifted <= 0.0 => {
                return Err(Fault::refused("the value has no logarithm, which `nonpositive: error` refuses"));
            }
            Nonpositive::Clip(_) | Nonpositive::Null | Nonpositive::Error => {}
        }
        // The literal 1 is meant: only then is log1p the same function.
        let is_log1p = self.base == Base::Natural && self.offset == 1.0;
        Ok(Value::Float(if is_log1p { libm::log1p(number) } else { self.of(shifted) }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, int, number, problem, text};
    use super::*;

    fn log(arguments: &[(&'static str, Argument)], value: f64) -> Result<Option<f64>, Fault> {
        let bench = Bench::new(&TRANSFORM, arguments);
        bench.run(Scalar::Float64, Value::Float(value)).map(Value::as_f64)
    }

    #[test]
    fn bases() {
        assert_eq!(log(&[], std::f64::consts::E), Ok(Some(1.0)));
        assert_eq!(log(&[("base", text("e"))], 1.0), Ok(Some(0.0)));
        assert_eq!(log(&[("base", int(2))], 8.0), Ok(Some(3.0)));
        assert_eq!(log(&[("base", int(10))], 1000.0), Ok(Some(3.0)));
        assert_eq!(log(&[("base", int(4))], 16.0), Ok(Some(2.0)));
        assert_eq!(log(&[("base", number(0.5))], 2.0), Ok(Some(-1.0)));
        assert_eq!(log(&[], f64::INFINITY), Ok(Some(f64::INFINITY)));
        for bad in [int(1), int(0), int(-2), Argument::Bool(true)] {
            let problem = problem(&TRANSFORM, &[("base", bad)]);
            assert_eq!(problem.message, "`base` must be `e` or a number above 0 that is not 1");
        }
        assert_eq!(problem(&TRANSFORM, &[("base", text("x"))]).message, "`base` is `x`; it must be `e` or a number");
    }

    #[test]
    fn an_offset_of_one_is_log1p() {
        assert_eq!(log(&[("offset", int(1))], 1e-20), Ok(Some(1e-20)));
        assert_eq!(log(&[("offset", int(1))], 0.0), Ok(Some(0.0)));
        assert_eq!(log(&[("offset", int(1))], -1.0), Ok(None));
        assert_eq!(log(&[("offset", int(7)), ("base", int(2))], 1.0), Ok(Some(3.0)));
    }

    #[test]
    fn what_has_no_logarithm() {
        assert_eq!(log(&[], 0.0), Ok(None));
        assert_eq!(log(&[], f64::NEG_INFINITY), Ok(None));
        let refused = Fault::refused("the value has no logarithm, which `nonpositive: error` refuses");
        assert_eq!(log(&[("nonpositive", text("error"))], -1.0), Err(refused));
        let clip = [("nonpositive", text("clip")), ("floor", number(0.25)), ("base", int(2))];
        assert_eq!(log(&clip, -1.0), Ok(Some(-2.0)));
        assert_eq!(log(&clip, 0.1), Ok(Some(-2.0)));
        assert_eq!(log(&clip, 0.5), Ok(Some(-1.0)));
        let bad = [("nonpositive", text("clip")), ("floor", int(0))];
        assert_eq!(problem(&TRANSFORM, &bad).message, "`floor` is 0; it must be above 0");
    }
}
