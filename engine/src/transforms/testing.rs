//! What the tests of transforms share: a step on the bench.

use std::sync::Arc;

use bumpalo::Bump;
use serde_json::Value as Json;

use super::parameter::{Argument, Arguments, Default};
use super::{Applied, Fitted, OnNull, Other, Output, Problem, Step, StepDefinition, Transform};
use crate::dtype::{DType, Scalar};
use crate::scope::{Fault, Scope};
use crate::value::{List, Value, write_list};

/// A step and its surroundings, with what one run allocates leaked: tests are short.
#[derive(Clone, Debug)]
pub(super) struct Bench {
    name: &'static str,
    arguments: Arguments,
    step: Arc<dyn Step>,
    on_null: OnNull,
    keeps_nan: bool,
    fitted: Json,
    others: Vec<(DType, Value<'static>)>,
}

/// The arguments with defaults filled in; names that the transform does not have panic.
pub(super) fn arguments(transform: &Transform, given: &[(&'static str, Argument)]) -> Arguments {
    let mut arguments = Arguments::default();
    for parameter in transform.parameters {
        match parameter.default {
            Default::Required | Default::Absent => {}
            Default::Bool(value) => arguments.set(parameter.name, Argument::Bool(value)),
            Default::Integer(value) => arguments.set(parameter.name, Argument::Int(value)),
            Default::Number(value) => arguments.set(parameter.name, Argument::Float(value)),
            Default::Text(value) => arguments.set(parameter.name, Argument::Text(value.to_owned())),
        }
    }
    for (name, argument) in given {
        assert!(transform.parameters.iter().any(|parameter| parameter.name == *name), "no parameter {name}");
        arguments.set(name, argument.clone());
    }
    for parameter in transform.parameters {
        let is_missing = parameter.default == Default::Required && arguments.get(parameter.name).is_none();
        assert!(!is_missing, "{} is required", parameter.name);
    }
    arguments
}

/// What is wrong with some arguments.
pub(super) fn problem(transform: &Transform, given: &[(&'static str, Argument)]) -> Problem {
    (transform.make)(&arguments(transform, given)).unwrap_err()
}

pub(super) fn int(value: i64) -> Argument {
    Argument::Int(value)
}

pub(super) fn number(value: f64) -> Argument {
    Argument::Float(value)
}

pub(super) fn text(value: &str) -> Argument {
    Argument::Text(value.to_owned())
}

pub(super) fn list<const N: usize>(items: [Argument; N]) -> Argument {
    Argument::List(items.to_vec())
}

pub(super) fn texts<const N: usize>(items: [&str; N]) -> Argument {
    list(items.map(text))
}

/// A list value.
pub(super) fn list_of(item: Scalar, items: &[Value<'_>]) -> Value<'static> {
    let mut bytes = Vec::new();
    assert!(write_list(item, items.iter().copied(), &mut bytes));
    Value::List(List::read(item, bytes.leak()).unwrap())
}

impl Bench {
    pub(super) fn new(transform: &Transform, given: &[(&'static str, Argument)]) -> Self {
        let arguments = arguments(transform, given);
        let step = (transform.make)(&arguments).unwrap();
        let name = transform.name;
        Self {
            name,
            arguments,
            step,
            on_null: OnNull::Propagate,
            keeps_nan: false,
            fitted: Json::Null,
            others: Vec::new(),
        }
    }

    pub(super) fn keeping_nan(&self) -> Self {
        Self { keeps_nan: true, ..self.clone() }
    }

    pub(super) fn on_null(&self, on_null: OnNull) -> Self {
        Self { on_null, ..self.clone() }
    }

    pub(super) fn fitted(&self, fitted: Json) -> Self {
        Self { fitted, ..self.clone() }
    }

    /// With other inputs: their types and values, at the indexes 1, 2, … of the plan.
    pub(super) fn with(&self, others: &[(Scalar, Value<'static>)]) -> Self {
        let others = others.iter().map(|(scalar, value)| ((*scalar).into(), *value)).collect();
        Self { others, ..self.clone() }
    }

    pub(super) fn output(&self, input: DType) -> Result<Output, Problem> {
        let others: Vec<DType> = self.others.iter().map(|(dtype, _)| *dtype).collect();
        self.step.output(input, &others)
    }

    pub(super) fn applied(&self, input: DType) -> Result<&'static Applied, String> {
        let definition = StepDefinition {
            name: self.name,
            arguments: self.arguments.clone(),
            on_null: self.on_null.clone(),
            keeps_nan: self.keeps_nan,
            step: Arc::clone(&self.step),
            input,
            output: self.output(input).unwrap(),
        };
        let others = self.others.iter().enumerate();
        let others: Vec<Other> = others.map(|(index, (dtype, _))| Other { index: index + 1, dtype: *dtype }).collect();
        Applied::new(&definition, &others, &self.fitted).map(|applied| &*Box::leak(Box::new(applied)))
    }

    fn scope<'v>(&self, value: Value<'v>) -> Scope<'v> {
        let inputs: Vec<Value<'v>> = [value].into_iter().chain(self.others.iter().map(|(_, value)| *value)).collect();
        Scope { inputs: inputs.leak(), arena: Box::leak(Box::new(Bump::new())) }
    }

    pub(super) fn run<'v>(&self, input: impl Into<DType>, value: Value<'v>) -> Result<Value<'v>, Fault> {
        self.applied(input.into()).unwrap().apply(value, &self.scope(value))
    }

    /// The positions of a step; none where it gives no value.
    pub(super) fn fill(&self, input: impl Into<DType>, value: Value<'_>) -> Result<Option<Vec<f32>>, Fault> {
        let applied = self.applied(input.into()).unwrap();
        let mut out = vec![7.0; applied.width()];
        let filled = applied.fill(value, &self.scope(value), &mut out);
        assert_eq!(filled == Ok(true), out.iter().all(|position| position.is_finite()));
        filled.map(|filled| filled.then_some(out))
    }

    pub(super) fn suffixes(&self, input: impl Into<DType>) -> Vec<String> {
        let applied = self.applied(input.into()).unwrap();
        (0..applied.width()).map(|position| applied.suffix(position)).collect()
    }

    /// Fits the step on rows.
    pub(super) fn fit(&self, input: impl Into<DType>, rows: &[Value<'_>]) -> Result<Self, String> {
        let mut fit = self.step.fit(input.into()).unwrap();
        rows.iter().try_for_each(|row| fit.update(*row, Value::Null))?;
        match fit.finish()? {
            Fitted::Done(fitted) => Ok(self.fitted(fitted)),
            Fitted::Again => panic!("one pass is enough for tokens"),
        }
    }

    /// What was fitted.
    pub(super) fn parameters(&self) -> &Json {
        &self.fitted
    }

    pub(super) fn step(&self) -> &dyn Step {
        &*self.step
    }
}
