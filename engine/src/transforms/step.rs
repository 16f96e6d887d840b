//! A step: a transform with its arguments, and how it is built, applied and fitted.

use std::fmt::Debug;
use std::sync::Arc;

use serde_json::Value as Json;

use super::parameter::{Arguments, Parameter};
use crate::dtype::DType;
use crate::scope::{Fault, Scope};
use crate::value::Value;

/// A transform of the catalogue. One file each, which holds its doc, its parameters, an example, its kernel and its tests.
#[derive(Clone, Copy)]
pub struct Transform {
    /// Its name in definitions.
    pub name: &'static str,
    /// What it does, in a sentence; then its policies, and where libraries disagree which one it follows and why.
    pub doc: &'static str,
    /// A step as it stands in a definition, for the docs; a test parses it.
    pub example: &'static str,
    /// What libraries call it.
    pub known_as: &'static str,
    /// Its own parameters; `on_null` and `nan` come with every transform.
    pub parameters: &'static [Parameter],
    /// Checks the arguments and makes the step.
    pub make: fn(&Arguments) -> Result<Arc<dyn Step>, Problem>,
}

/// What is wrong with the arguments of a step or with the type of its input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The parameter at fault; none: the input.
    pub parameter: Option<&'static str>,
    /// What is wrong and what would be right: lower case, no final stop.
    pub message: String,
}

impl Problem {
    /// A bad argument.
    pub fn parameter(name: &'static str, message: impl Into<String>) -> Self {
        Self { parameter: Some(name), message: message.into() }
    }

    /// An input of a type that the step can't take.
    pub fn input(message: impl Into<String>) -> Self {
        Self { parameter: None, message: message.into() }
    }
}

/// What a step gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// One value of a type; further steps may follow.
    One(DType),
    /// Several positions of the vector; the last step of its slot. How many is known once it is fitted.
    Wide,
}

/// A step of a slot, its arguments checked: knows types, fits, and makes kernels.
pub trait Step: Debug + Send + Sync {
    /// What it gives for an input of a type. `others` are the types of its other inputs, in the order of [`Step::inputs`].
    ///
    /// # Errors
    /// Types that it can't take.
    fn output(&self, input: DType, others: &[DType]) -> Result<Output, Problem>;

    /// Names of the other inputs it reads: those of `coalesce` and `cross`.
    fn inputs(&self) -> &[String] {
        &[]
    }

    /// Whether its kernel wants to see nulls: `impute` does. Else nulls pass by.
    fn takes_null(&self) -> bool {
        false
    }

    /// An empty state of its fit; none if it has nothing to fit.
    fn fit(&self, _input: DType) -> Option<Box<dyn Fit>> {
        None
    }

    /// The kernel, given what was fitted (null for a step that has nothing to fit).
    ///
    /// # Errors
    /// Fitted parameters that are not what [`Fit::finish`] gives, in words.
    fn kernel(&self, input: DType, others: &[Other], fitted: &Json) -> Result<Kernel, String>;
}

/// Another input of a step: its index in the plan and its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Other {
    /// For [`Scope::input`].
    pub index: usize,
    /// Its type.
    pub dtype: DType,
}

/// What applies a step, in the row path and the batch path alike.
#[derive(Debug)]
pub enum Kernel {
    /// One number to one number.
    Number(Box<dyn Function>),
    /// One value to one value.
    One(Box<dyn Map>),
    /// One value to several positions.
    Wide(Box<dyn Widen>),
}

/// One number to one number: gives a value for every value, and reads nothing else. NaN gives what it gives only where `nan: keep` is set.
pub trait Function: Debug + Send + Sync {
    /// The number for a number.
    fn of(&self, number: f64) -> f64;

    /// The same for many at once, in place: one call, and a loop that vectorizes. NaN is null here, and becomes `null`.
    fn of_all(&self, numbers: &mut [f64], null: f64) {
        for number in numbers {
            *number = if number.is_nan() { null } else { self.of(*number) };
        }
    }
}

/// One value to one value. No allocation but in the arena of the scope.
pub trait Map: Debug + Send + Sync {
    /// Applies the step to a value that is neither null nor NaN, unless the step takes nulls or `nan: keep` is set.
    ///
    /// # Errors
    /// A value that the definition says to refuse, or an integer overflow.
    fn apply<'v>(&'v self, value: Value<'v>, scope: &Scope<'v>) -> Result<Value<'v>, Fault>;
}

/// One value to several positions of the vector.
pub trait Widen: Debug + Send + Sync {
    /// How many positions.
    fn width(&self) -> usize;

    /// What a position is, for the slot names: `[DE]`, `.sin`.
    fn suffix(&self, position: usize) -> String;

    /// Fills `out`, which has [`Widen::width`] positions. False: the value gives none (a null that passes by), and the positions
    /// hold the quiet NaN.
    ///
    /// # Errors
    /// A value that the definition says to refuse.
    fn fill(&self, value: Value<'_>, scope: &Scope<'_>, out: &mut [f32]) -> Result<bool, Fault>;
}

/// The state of a fit: exact and mergeable, so that chunks in any order or split give the same parameters, bit for bit.
pub trait Fit: Debug + Send + Sync {
    /// Takes a value; nulls too. `target` is the column that `target_encode` names.
    ///
    /// # Errors
    /// A value that can't be fitted (too many distinct values), in words.
    fn update(&mut self, value: Value<'_>, target: Value<'_>) -> Result<(), String>;

    /// Takes in the state of another part of the data, in the form of [`Fit::save`].
    ///
    /// # Errors
    /// Bytes that no state of this step gave.
    fn merge(&mut self, saved: &[u8]) -> Result<(), String>;

    /// The state as bytes: equal states give equal bytes.
    fn save(&self) -> Vec<u8>;

    /// Ends a pass over the data. Either the fitted parameters, or another pass is needed.
    ///
    /// # Errors
    /// No value to fit, in words.
    fn finish(&mut self) -> Result<Fitted, String>;

    /// The column whose values [`Fit::update`] takes as its target.
    fn target(&self) -> Option<&str> {
        None
    }
}

/// What a pass of a fit gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Fitted {
    /// The parameters, for [`Step::kernel`]. Floats as the shortest text that reads back.
    Done(Json),
    /// Another pass over the same data is needed.
    Again,
}

/// A step of a definition.
#[derive(Clone, Debug)]
pub struct StepDefinition {
    /// The name of its transform.
    pub name: &'static str,
    /// Its arguments with all defaults: canonical.
    pub arguments: Arguments,
    /// What happens to null.
    pub on_null: OnNull,
    /// Whether NaN stays NaN instead of being null.
    pub keeps_nan: bool,
    /// The step.
    pub step: Arc<dyn Step>,
    /// The type of its input.
    pub input: DType,
    /// What it gives.
    pub output: Output,
}

/// What a step does with null: `on_null`.
#[derive(Clone, Debug, PartialEq)]
pub enum OnNull {
    /// Null in, null out.
    Propagate,
    /// The slot is ERROR.
    Error,
    /// This value takes the place of the null before the step.
    Default(crate::definitions::Constant),
}
