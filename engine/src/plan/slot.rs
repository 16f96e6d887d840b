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
    /// Fills the positions of the slot. The status is that of its worst input, and NULL where the inputs are there but give no value; it is
    /// complete (true) if every position has a finite number.
    pub(super) fn fill<'v>(&'v self, row: &'v InputRow<'v>, scope: &Scope<'v>, out: &mut [f32]) -> (State, bool) {
        let filled = match row.fault(&self.reads) {
            Some(fault) => Err(fault),
            None => self.run(scope, out),
        };
        let fault = match filled {
            Ok(true) => return (row.worst(&self.reads), true),
            Ok(false) => None,
            Err(fault) => Some(fault),
        };
        out.fill(QUIET_NAN);
        let state = match fault {
            Some(fault) => State::from(fault),
            None => match row.worst(&self.reads) {
                state if state.status == Status::Present => State::NULL,
                state => state,
            },
        };
        (state, false)
    }

    /// Whether every position has a finite number now.
    fn run<'v>(&'v self, scope: &Scope<'v>, out: &mut [f32]) -> Result<bool, Fault> {
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

#[inline]
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "rounding to float32 is what it does")]
fn write_one(value: Value<'_>, out: &mut f32) -> bool {
    *out = match value {
        Value::Float(value) => value as f32,
        // Not by way of float64, which would round twice.
        Value::Int(value) => value as f32,
        Value::Bool(value) => f32::from(u8::from(value)),
        Value::Null | Value::Str(_) | Value::Bytes(_) | Value::Time(_) | Value::List(_) => return false,
    };
    out.is_finite()
}
