//! What a step or an expression sees of its row.

use bumpalo::Bump;

use crate::status::Reason;
use crate::value::Value;

/// One row as steps and expressions see it: the values of the service's inputs by their index in the plan, and an arena for
/// text that a step makes, which is emptied after the row.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'v> {
    /// Values of the inputs, as the plan numbers them.
    pub inputs: &'v [Value<'v>],
    /// Room for text that lives as long as the row.
    pub arena: &'v Bump,
}

impl<'v> Scope<'v> {
    /// The value of an input; null for one that the plan does not have.
    #[must_use]
    pub fn input(&self, index: usize) -> Value<'v> {
        self.inputs.get(index).copied().unwrap_or(Value::Null)
    }
}

/// Why a step or an expression gives no value at all, not even null: the slot is ERROR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The reason in replies.
    pub reason: Reason,
    /// In words: lower case, no final stop.
    pub why: &'static str,
}

impl Fault {
    /// An integer result outside its type.
    pub const OVERFLOW: Self = Self { reason: Reason::Overflow, why: "the result does not fit its integer type" };

    /// A step that refuses a value, as its definition says.
    #[must_use]
    pub const fn refused(why: &'static str) -> Self {
        Self { reason: Reason::Refused, why }
    }
}
