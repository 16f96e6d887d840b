//! `cyclic`.

use std::f64::consts::TAU;
use std::sync::Arc;

use serde_json::Value as Json;

use super::parameter::{Arguments, Default, Parameter, Takes};
use super::{Kernel, Other, Output, Problem, Step, Transform, Widen, types};
use crate::dtype::DType;
use crate::scope::{Fault, Scope};
use crate::value::Value;

/// `cyclic`.
pub(super) const TRANSFORM: Transform = Transform {
    name: "cyclic",
    doc: "Sine and cosine of 2π·x / `period`, at the positions `.sin` and `.cos`: so 23 h is as near to 0 h as 1 h is. Whole periods are \
          taken off exactly before, so that large x lose nothing and quarters of the period give exactly 0, 1 and −1. An infinity has no \
          place on the circle: the slot has no value.",
    example: "{cyclic: {period: 24}}",
    known_as: "sine and cosine encoding",
    parameters: &[Parameter {
        name: "period",
        takes: Takes::Number,
        default: Default::Required,
        doc: "where it begins again: 24 for hours, 7 for weekdays; above 0",
    }],
    make,
};

#[derive(Clone, Debug)]
struct Cyclic {
    period: f64,
}

fn make(arguments: &Arguments) -> Result<Arc<dyn Step>, Problem> {
    let period = arguments.number("period").unwrap_or(0.0);
    if period > 0.0 {
        return Ok(Arc::new(Cyclic { period }));
    }
    Err(Problem::parameter("period", format!("`period` is {period}; it must be above 0")))
}

impl Step for Cyclic {
    fn output(&self, input: DType, _others: &[DType]) -> Result<Output, Problem> {
        types::number(input).map(|()| Output::Wide)
    }

    fn kernel(&self, _input: DType, _others: &[Other], _fitted: &Json) -> Result<Kernel, String> {
        Ok(Kernel::Wide(Box::new(self.clone())))
    }
}

/// Sine and cosine of so many turns.
fn sin_cos_of_turns(turns: f64) -> (f64, f64) {
    // The nearest quarter is taken off, exactly: what is left is at most an eighth of a turn.
    let quarters = libm::rint(turns * 4.0);
    let angle = (turns - quarters / 4.0) * TAU;
    let (sin, cos) = (libm::sin(angle), libm::cos(angle));
    match quarters.rem_euclid(4.0) {
        1.0 => (cos, -sin),
        2.0 => (-sin, -cos),
        3.0 => (-cos, sin),
        _ => (sin, cos),
    }
}

impl Widen for Cyclic {
    fn width(&self) -> usize {
        2
    }

    fn suffix(&self, position: usize) -> String {
        if position == 0 { ".sin" } else { ".cos" }.to_owned()
    }

    #[expect(clippy::cast_possible_truncation, reason = "a vector slot is rounded to float32 once, to nearest")]
    fn fill(&self, value: Value<'_>, _scope: &Scope<'_>, out: &mut [f32]) -> Result<bool, Fault> {
        let number = value.as_f64().filter(|number| number.is_finite());
        let (Some(number), [sin, cos]) = (number, out) else { return Ok(false) };
        let turned = sin_cos_of_turns(libm::fmod(number, self.period) / self.period);
        // Zero has one sign, whichever quarter it comes from.
        (*sin, *cos) = (turned.0 as f32 + 0.0, turned.1 as f32 + 0.0);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, int, number, problem};
    use super::*;
    use crate::dtype::Scalar;

    fn fill(bench: &Bench, value: f64) -> Option<Vec<f32>> {
        bench.fill(Scalar::Float64, Value::Float(value)).unwrap()
    }

    #[test]
    fn goes_round() {
        let bench = Bench::new(&TRANSFORM, &[("period", int(24))]);
        assert_eq!(bench.suffixes(Scalar::Float64), [".sin", ".cos"]);
        for (hour, place) in [
            (0.0, [0.0, 1.0]),
            (6.0, [1.0, 0.0]),
            (12.0, [0.0, -1.0]),
            (18.0, [-1.0, 0.0]),
            (24.0, [0.0, 1.0]),
            (-6.0, [-1.0, 0.0]),
            (2.0, [0.5, 0.866_025_4]),
            (24e15, [0.0, 1.0]),
        ] {
            assert_eq!(fill(&bench, hour), Some(place.to_vec()), "{hour} h");
        }
        assert_eq!(bench.fill(Scalar::Int64, Value::Int(i64::MAX)).unwrap(), fill(&bench, 8.0), "2^63 mod 24 is 8");
    }

    #[test]
    fn is_the_sine_and_cosine() {
        let bench = Bench::new(&TRANSFORM, &[("period", number(0.7))]);
        for step in -200..200 {
            let x = f64::from(step) * 0.0137;
            let angle = x / 0.7 * TAU;
            let place = fill(&bench, x).unwrap();
            assert!((f64::from(place[0]) - libm::sin(angle)).abs() < 1e-7, "{x}");
            assert!((f64::from(place[1]) - libm::cos(angle)).abs() < 1e-7, "{x}");
        }
    }

    #[test]
    fn what_has_no_place() {
        let bench = Bench::new(&TRANSFORM, &[("period", int(24))]);
        for value in [f64::INFINITY, f64::NAN] {
            assert_eq!(fill(&bench, value), None);
        }
        assert_eq!(bench.fill(Scalar::Float64, Value::Null), Ok(None));
        assert_eq!(problem(&TRANSFORM, &[("period", int(0))]).message, "`period` is 0; it must be above 0");
    }
}
