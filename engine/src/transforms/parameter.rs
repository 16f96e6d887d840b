//! What a transform can be told: declared once, read by the parser, the JSON Schema, the docs and the fingerprint.

use std::collections::BTreeMap;

/// A parameter of a transform.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name in definitions.
    pub name: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// What it is when it is not given.
    pub default: Default,
    /// One sentence for the docs and the editor.
    pub doc: &'static str,
}

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Takes {
    /// `true` or `false`.
    Bool,
    /// A whole number within the bounds, both included.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// A finite number.
    Number,
    /// Any text.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A value: bool, number or text.
    Constant,
    /// A list of finite numbers, not empty.
    Numbers,
    /// A list of values, not empty.
    Constants,
    /// A list of inputs (request columns or `view.feature`s), not empty.
    Inputs,
}

/// What a parameter is when it is not given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Default {
    /// It must be given.
    Required,
    /// It is absent, which the transform gives a meaning.
    Absent,
    /// This.
    Bool(bool),
    /// This.
    Integer(i64),
    /// This.
    Number(f64),
    /// This.
    Text(&'static str),
}

/// A value given to a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Argument>),
}

/// The arguments of a step, defaults filled in: what is equal here is equal in every result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arguments {
    given: BTreeMap<&'static str, Argument>,
}

impl Arguments {
    /// Sets one.
    pub fn set(&mut self, name: &'static str, argument: Argument) {
        self.given.insert(name, argument);
    }

    /// One of them, if it was given or has a default.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Argument> {
        self.given.get(name)
    }

    /// A flag; false if absent.
    #[must_use]
    pub fn bool(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Argument::Bool(true)))
    }

    /// A whole number, if given.
    #[must_use]
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.get(name) {
            Some(Argument::Int(value)) => Some(*value),
            _ => None,
        }
    }

    /// A number, if given.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a number of a definition is a float64, as the contract says")]
    pub fn number(&self, name: &str) -> Option<f64> {
        match self.get(name) {
            Some(Argument::Float(value)) => Some(*value),
            Some(Argument::Int(value)) => Some(*value as f64),
            _ => None,
        }
    }

    /// A text or choice, if given.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Argument::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A list; empty if absent.
    #[must_use]
    pub fn list(&self, name: &str) -> &[Argument] {
        match self.get(name) {
            Some(Argument::List(items)) => items,
            _ => &[],
        }
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Argument)> {
        self.given.iter().map(|(name, argument)| (*name, argument))
    }
}
