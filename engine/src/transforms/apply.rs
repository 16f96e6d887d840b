//! What every transform has in common: what happens to NaN and null before its kernel sees a value.

use serde_json::Value as Json;

use super::{Function, Kernel, OnNull, Other, StepDefinition};
use crate::definitions::Constant;
use crate::scope::{Fault, Scope};
use crate::value::{List, Value};

/// What a position of a vector holds that no step fills.
pub const QUIET_NAN: f32 = f32::from_bits(0x7fc0_0000);

/// The policies for NaN and null of one step. The fit of a step sees values through the same guard as its kernel.
#[derive(Clone, Debug)]
pub struct Guard {
    on_null: OnNull,
    keeps_nan: bool,
}

impl Guard {
    /// The guard of a step.
    #[must_use]
    pub fn new(definition: &StepDefinition) -> Self {
        Self { on_null: definition.on_null.clone(), keeps_nan: definition.keeps_nan }
    }

    /// The value that the step sees: NaN is null unless `nan: keep`, then null is what `on_null` says.
    ///
    /// # Errors
    /// A null that `on_null: error` refuses.
    pub fn settle<'v>(&'v self, value: Value<'v>) -> Result<Value<'v>, Fault> {
        let is_nan = matches!(value, Value::Float(number) if number.is_nan());
        if !(value.is_null() || is_nan && !self.keeps_nan) {
            return Ok(value);
        }
        match &self.on_null {
            OnNull::Propagate => Ok(Value::Null),
            OnNull::Error => Err(Fault::refused("the value is null, which `on_null: error` refuses")),
            OnNull::Default(constant) => Ok(borrow(constant)),
        }
    }
}

/// A constant as a value.
pub(super) fn borrow(constant: &Constant) -> Value<'_> {
    match constant {
        Constant::Bool(value) => Value::Bool(*value),
        Constant::Int(value) => Value::Int(*value),
        Constant::Float(value) => Value::Float(*value),
        Constant::Text(text) => Value::Str(text),
        Constant::Bytes(bytes) => Value::Bytes(bytes),
        Constant::Time(micros) => Value::Time(*micros),
        Constant::List(item, bytes) => List::read(*item, bytes).map_or(Value::Null, Value::List),
    }
}

/// A step ready to be applied to rows: its guard and its kernel.
#[derive(Debug)]
pub struct Applied {
    guard: Guard,
    takes_null: bool,
    kernel: Kernel,
    /// What null becomes, NaN if it stays null; none for a step that is no function of numbers.
    null: Option<f64>,
}

impl Applied {
    /// Binds a step to what was fitted (null for a step that has nothing to fit) and to the places of its other inputs.
    ///
    /// # Errors
    /// Fitted parameters that are not this step's, in words.
    pub fn new(definition: &StepDefinition, others: &[Other], fitted: &Json) -> Result<Self, String> {
        let guard = Guard::new(definition);
        let kernel = definition.step.kernel(definition.input, others, fitted)?;
        let null = match (&kernel, &guard) {
            (Kernel::Number(function), Guard { on_null, keeps_nan: false }) => match on_null {
                OnNull::Propagate => Some(f64::NAN),
                OnNull::Default(constant) => borrow(constant).as_f64().map(|number| function.of(number)),
                OnNull::Error => None,
            },
            _ => None,
        };
        Ok(Self { guard, takes_null: definition.step.takes_null(), kernel, null })
    }

    /// Whether it gives several positions, by [`Applied::fill`], and not one value.
    #[must_use]
    pub const fn is_wide(&self) -> bool {
        matches!(self.kernel, Kernel::Wide(_))
    }

    /// How many positions it gives: 1 unless it is wide.
    #[must_use]
    pub fn width(&self) -> usize {
        match &self.kernel {
            Kernel::Number(_) | Kernel::One(_) => 1,
            Kernel::Wide(kernel) => kernel.width(),
        }
    }

    /// What a position is, for the slot names: empty for a step that is not wide.
    #[must_use]
    pub fn suffix(&self, position: usize) -> String {
        match &self.kernel {
            Kernel::Number(_) | Kernel::One(_) => String::new(),
            Kernel::Wide(kernel) => kernel.suffix(position),
        }
    }

    /// The step as a function of numbers in which NaN stands for null, and what it gives for null; none for a step that is no such function.
    #[must_use]
    pub fn function(&self) -> Option<(&dyn Function, f64)> {
        match (&self.kernel, self.null) {
            (Kernel::Number(function), Some(null)) => Some((function.as_ref(), null)),
            _ => None,
        }
    }

    /// Applies the step. A wide step has no single value: it gives null here, and its positions in [`Applied::fill`].
    ///
    /// # Errors
    /// A value that the definition says to refuse, or an integer overflow.
    pub fn apply<'v>(&'v self, value: Value<'v>, scope: &Scope<'v>) -> Result<Value<'v>, Fault> {
        let value = self.guard.settle(value)?;
        match &self.kernel {
            Kernel::Number(function) => {
                Ok(value.as_f64().map_or(Value::Null, |number| Value::Float(function.of(number))))
            }
            Kernel::One(kernel) if self.takes_null || !value.is_null() => kernel.apply(value, scope),
            Kernel::One(_) | Kernel::Wide(_) => Ok(Value::Null),
        }
    }

    /// Applies a wide step: fills `out`, which has [`Applied::width`] positions, each rounded to float32 once. False: there is no
    /// value, and every position holds [`QUIET_NAN`]; so it is for a step that is not wide.
    ///
    /// # Errors
    /// As [`Applied::apply`]; `out` holds [`QUIET_NAN`] then too.
    pub fn fill(&self, value: Value<'_>, scope: &Scope<'_>, out: &mut [f32]) -> Result<bool, Fault> {
        let filled = self.guard.settle(value).and_then(|value| match &self.kernel {
            Kernel::Wide(kernel) if self.takes_null || !value.is_null() => kernel.fill(value, scope, out),
            Kernel::Wide(_) | Kernel::Number(_) | Kernel::One(_) => Ok(false),
        });
        if filled != Ok(true) {
            out.fill(QUIET_NAN);
        }
        filled
    }
}
