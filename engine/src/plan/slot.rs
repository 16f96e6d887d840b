//! One slot of a vector: its source and its steps, as both paths run them.

use super::input::{InputRow, State};
use crate::expr::Program;
use crate::scope::{Fault, Scope};
use crate::status::Status;
use crate::transforms::{Applied, QUIET_NAN};
use crate::value::Value;

/// Where the value of a slot comes from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// An input, by its index.
    Input(usize),
    /// An expression over inputs.
    Expression(Program),
}

/// A slot, ready.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) name: String,
    pub(super) source: Source,
    pub(super) steps: Vec<Applied>,
    /// Every input it reads.
    pub(super) reads: Vec<usize>,
    /// Positions of the vector.
    pub(super) width: usize,
    /// Whether it is one number by way of functions of numbers, in which NaN stands for null.
    pub(super) is_number: bool,
}

impl Source {
    pub(super) fn value<'v>(&'v self, scope: &Scope<'v>) -> Result<Value<'v>, Fault> {
        match self {
            Self::Input(index) => Ok(scope.input(*index)),
            Self::Expression(program) => program.eval(scope),
        }
    }
}

impl Slot {
    /// Fills the positions of the slot. None: every position has a finite number; else all hold the quiet NaN, and this is its status.
    pub(super) fn fill<'v>(&'v self, row: &'v InputRow<'v>, scope: &Scope<'v>, out: &mut [f32]) -> Option<State> {
        let fault = match row.fault(&self.reads) {
            Some(fault) => Some(fault),
            None => match self.run(scope, out) {
                Ok(true) => return None,
                Ok(false) => None,
                Err(fault) => Some(fault),
            },
        };
        out.fill(QUIET_NAN);
        Some(match fault {
            Some(fault) => State::from(fault),
            None => match self.state(row) {
                state if state.status == Status::Present => State::NULL,
                state => state,
            },
        })
    }

    /// The status of a slot that is complete: that of its worst input.
    pub(super) fn state(&self, row: &InputRow<'_>) -> State {
        row.worst(&self.reads)
    }

    /// Its input, if it is a number by way of functions of one input.
    pub(super) fn number_input(&self) -> Option<usize> {
        match self.source {
            Source::Input(index) if self.is_number => Some(index),
            Source::Input(_) | Source::Expression(_) => None,
        }
    }

    /// Its input, if a column of numbers is all it takes: a number by way of functions of one input, or the input itself.
    pub(super) fn column_input(&self) -> Option<usize> {
        match self.source {
            Source::Input(index) if self.is_number || (self.steps.is_empty() && self.width == 1) => Some(index),
            Source::Input(_) | Source::Expression(_) => None,
        }
    }

    /// Puts numbers through the steps of a slot that is a number, in place; NaN is null.
    pub(super) fn numbers(&self, numbers: &mut [f64]) {
        for (function, null) in self.steps.iter().filter_map(Applied::function) {
            function.of_all(numbers, null);
        }
    }

    /// Fills a slot that is a number by way of functions of one input. False: it is none, or has no finite number.
    #[inline]
    pub(super) fn fill_number(&self, scope: &Scope<'_>, out: &mut [f32]) -> bool {
        let (Source::Input(index), true, [out]) = (&self.source, self.is_number, out) else { return false };
        match scope.inputs.get(*index).and_then(|value| value.as_f64()) {
            Some(number) => round(self.number(number), out),
            None => false,
        }
    }

    /// Puts a number through the steps of a slot that is a number; NaN is null.
    #[inline]
    fn number(&self, number: f64) -> f64 {
        let steps = self.steps.iter().filter_map(Applied::function);
        steps.fold(number, |number, (function, null)| if number.is_nan() { null } else { function.of(number) })
    }

    /// Whether every position has a finite number now.
    fn run<'v>(&'v self, scope: &Scope<'v>, out: &mut [f32]) -> Result<bool, Fault> {
        if let (true, [out]) = (self.is_number, &mut *out) {
            let number = match &self.source {
                Source::Input(index) => scope.inputs.get(*index).and_then(|value| value.as_f64()),
                Source::Expression(program) => program.eval(scope)?.as_f64(),
            };
            return Ok(round(self.number(number.unwrap_or(f64::NAN)), out));
        }
        let mut value = self.source.value(scope)?;
        for step in &self.steps {
            if step.is_wide() {
                return Ok(step.fill(value, scope, out)? && out.iter().all(|number| number.is_finite()));
            }
            value = step.apply(value, scope)?;
        }
        Ok(write(value, out))
    }
}

/// Rounds a value to float32, once; false where it has none, or one that is not finite.
fn write(value: Value<'_>, out: &mut [f32]) -> bool {
    if let Value::List(list) = value {
        // A vector: as many items as the slot has positions.
        return list.len() == out.len() && out.iter_mut().zip(list.iter()).all(|(out, item)| write_one(item, out));
    }
    let [out] = out else { return false };
    write_one(value, out)
}

/// Rounds a number to float32; false if it is not finite then.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "rounding to float32 is what it does")]
pub(super) fn round(number: f64, out: &mut f32) -> bool {
    *out = number as f32;
    out.is_finite()
}

#[inline]
#[expect(clippy::cast_precision_loss, reason = "rounding to float32 is what it does")]
fn write_one(value: Value<'_>, out: &mut f32) -> bool {
    *out = match value {
        Value::Float(value) => return round(value, out),
        // Not by way of float64, which would round twice.
        Value::Int(value) => value as f32,
        Value::Bool(value) => f32::from(u8::from(value)),
        Value::Null | Value::Str(_) | Value::Bytes(_) | Value::Time(_) | Value::List(_) => return false,
    };
    out.is_finite()
}
