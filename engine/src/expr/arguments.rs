//! Arguments with their types, and what they are made into for what takes them.

use super::ExprError;
use super::node::{Constant, Kind, Node, One, Two};

/// A checked node, its type and where it begins in the text.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub(super) node: Node,
    pub(super) kind: Kind,
    pub(super) offset: usize,
}

/// A node and its type, or what is wrong.
pub(super) type Built = Result<(Node, Kind), ExprError>;

pub(super) fn one(one: One, argument: Node) -> Node {
    Node::One(one, Box::new(argument))
}

pub(super) fn two(two: Two, left: Node, right: Node) -> Node {
    Node::Two(two, Box::new([left, right]))
}

impl Typed {
    /// An error at its place.
    pub(super) fn error(&self, message: impl Into<String>, help: Option<&str>) -> ExprError {
        ExprError { offset: self.offset, message: message.into(), help: help.map(str::to_owned) }
    }

    fn refused(&self, what: &str, takes: &str, help: Option<&str>) -> ExprError {
        self.error(format!("{what} takes {takes}, not {}", self.kind.words()), help)
    }

    pub(super) fn int(self, what: &str) -> Result<Node, ExprError> {
        match self.kind {
            Kind::Int | Kind::Null => Ok(self.node),
            Kind::Float => Err(self.refused(what, "an int64", Some("CAST(… AS int64) rounds to the nearest"))),
            Kind::Bool | Kind::Text | Kind::Bytes | Kind::Time => Err(self.refused(what, "an int64", None)),
        }
    }

    /// An int becomes a float.
    pub(super) fn float(self, what: &str) -> Result<Node, ExprError> {
        match self.kind {
            Kind::Float | Kind::Null => Ok(self.node),
            Kind::Int => Ok(one(One::Widen, self.node)),
            Kind::Bool | Kind::Text | Kind::Bytes | Kind::Time => Err(self.no_number(what)),
        }
    }

    /// What is wrong with an argument that should be a number.
    pub(super) fn no_number(&self, what: &str) -> ExprError {
        let help = match self.kind {
            Kind::Time => Some("epoch(…) is the seconds of a timestamp; epoch(a) - epoch(b) the seconds between two"),
            Kind::Bool | Kind::Text => Some("CAST(… AS float64) makes it a number"),
            Kind::Null | Kind::Int | Kind::Float | Kind::Bytes => None,
        };
        self.refused(what, "numbers", help)
    }

    pub(super) fn bool(self, what: &str) -> Result<Node, ExprError> {
        match self.kind {
            Kind::Bool | Kind::Null => Ok(self.node),
            Kind::Int | Kind::Float => Err(self.refused(what, "a bool", Some("write … <> 0"))),
            Kind::Text | Kind::Bytes | Kind::Time => Err(self.refused(what, "a bool", None)),
        }
    }

    pub(super) fn text(self, what: &str) -> Result<Node, ExprError> {
        match self.kind {
            Kind::Text | Kind::Null => Ok(self.node),
            Kind::Bool | Kind::Int | Kind::Float => {
                Err(self.refused(what, "a string", Some("CAST(… AS string) makes it one")))
            }
            Kind::Bytes | Kind::Time => Err(self.refused(what, "a string", None)),
        }
    }

    pub(super) fn time(self, what: &str) -> Result<Node, ExprError> {
        match self.kind {
            Kind::Time | Kind::Null => Ok(self.node),
            Kind::Text => Err(self.refused(
                what,
                "a timestamp",
                Some("write timestamp '2026-01-31 09:30:00', or CAST(… AS timestamp)"),
            )),
            Kind::Bool | Kind::Int | Kind::Float | Kind::Bytes => Err(self.refused(what, "a timestamp", None)),
        }
    }

    /// The text of a literal.
    pub(super) fn literal(&self) -> Option<&str> {
        if let Node::Constant(Constant::Text(text)) = &self.node { Some(text) } else { None }
    }

    fn become_kind(self, kind: Kind) -> Node {
        if self.kind == Kind::Int && kind == Kind::Float { one(One::Widen, self.node) } else { self.node }
    }
}

/// Makes all arguments one type: ints become floats beside a float.
pub(super) fn common(what: &str, arguments: Vec<Typed>) -> Result<(Vec<Node>, Kind), ExprError> {
    let mut kind = Kind::Null;
    for argument in &arguments {
        kind = kind.common(argument.kind).ok_or_else(|| mismatch(what, kind, argument))?;
    }
    Ok((arguments.into_iter().map(|argument| argument.become_kind(kind)).collect(), kind))
}

/// Two arguments of types that are never equal.
pub(super) fn mismatch(what: &str, kind: Kind, argument: &Typed) -> ExprError {
    let message = format!("{what} takes values of one type, not {} and {}", kind.words(), argument.kind.words());
    let has = |wanted: Kind| kind == wanted || argument.kind == wanted;
    let help = if has(Kind::Time) && has(Kind::Text) {
        Some("a timestamp is written as timestamp '2026-01-31 09:30:00'")
    } else if has(Kind::Time) {
        Some("epoch(…) is the seconds of a timestamp")
    } else if has(Kind::Bytes) {
        None
    } else {
        Some("CAST(… AS …) changes the type of one")
    };
    argument.error(message, help)
}
