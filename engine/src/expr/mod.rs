//! SQL scalar expressions: parsed and typed when definitions are loaded, compiled once, evaluated without allocation but in the
//! arena of the row.
//!
//! The text goes through [`syntax`] (the parser's tree) and [`check`] (names, types, the resolved tree of [`node`]) to
//! [`eval`], which walks that tree for a row.

mod arguments;
mod canonical;
mod cast;
mod check;
mod eval;
mod functions;
mod literal;
mod math;
mod node;
mod operators;
mod syntax;
mod text;
mod time;

#[cfg(test)]
mod tests;

use bumpalo::Bump;

use self::node::{Constant, Datum, Node};
use crate::dtype::DType;
use crate::scope::{Fault, Scope};
use crate::value::Value;

/// What is wrong with an expression, and where in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExprError {
    /// Byte offset in the text of the expression.
    pub offset: usize,
    /// What is wrong: lower case, no final stop.
    pub message: String,
    /// What would be right, where that can be said.
    pub help: Option<String>,
}

/// What names in an expression mean.
pub trait Names {
    /// The type of a name (`tx_amount`, `customer_profile.mean_amount`); none if there is no such name.
    fn dtype(&self, name: &str) -> Option<DType>;

    /// All names, for suggestions.
    fn all(&self) -> Vec<String>;
}

/// A checked expression.
#[derive(Clone, Debug)]
pub struct Expression {
    inputs: Vec<String>,
    output: DType,
    root: Node,
}

impl Expression {
    /// Parses and checks the text of an expression.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(text: &str, names: &dyn Names) -> Result<Self, Vec<ExprError>> {
        let tree = syntax::parse(text).map_err(|error| vec![error])?;
        check::check(text, &tree, names)
    }

    /// The names it reads, each once, in order of first use.
    #[must_use]
    pub fn inputs(&self) -> &[String] {
        &self.inputs
    }

    /// The type of its result: an int is always int64, a float float64; null is possible with every type.
    #[must_use]
    pub const fn output(&self) -> DType {
        self.output
    }

    /// The checked tree as text, for fingerprints: equal for texts that differ in white space, case of keywords, comments or
    /// redundant parentheses, and for names of the same function; different where a result can differ.
    #[must_use]
    pub fn canonical(&self) -> String {
        canonical::write(&self.root, &self.inputs)
    }

    /// Binds the inputs to indexes of a plan: `index(name)` for each of [`Expression::inputs`]. What has no input is computed
    /// here, once.
    #[must_use]
    pub fn compile(&self, index: &dyn Fn(&str) -> usize) -> Program {
        let indexes: Vec<usize> = self.inputs.iter().map(|name| index(name)).collect();
        let mut root = self.root.clone();
        bind(&mut root, &indexes);
        Program { root }
    }
}

/// A compiled expression.
#[derive(Clone, Debug)]
pub struct Program {
    root: Node,
}

impl Program {
    /// Its value for a row: null where the result is NaN or infinite.
    ///
    /// # Errors
    /// An integer overflow, or a text that a CAST refuses.
    pub fn eval<'v>(&'v self, scope: &Scope<'v>) -> Result<Value<'v>, Fault> {
        self.root.eval(scope).map(Datum::value).map_err(|fault| *fault)
    }
}

/// Binds the inputs of a node, and computes what is constant in it.
fn bind(node: &mut Node, indexes: &[usize]) {
    if let Node::Input(place) = node {
        // An index that no plan has reads as null.
        *place = indexes.get(*place).copied().unwrap_or(usize::MAX);
    }
    for argument in node.arguments_mut() {
        bind(argument, indexes);
    }
    if let Some(Ok(constant)) = node.constant() {
        *node = Node::Constant(constant);
    }
}

impl Node {
    /// What a call of constants gives; none if it is no such call.
    fn constant(&self) -> Option<Result<Constant, &'static Fault>> {
        if self.arguments().is_empty() || !self.is_constant() {
            return None;
        }
        let arena = Bump::new();
        let value = self.eval(&Scope { inputs: &[], arena: &arena });
        value.map(Constant::of).transpose()
    }

    fn is_constant(&self) -> bool {
        !matches!(self, Self::Input(_)) && self.arguments().iter().all(Self::is_constant)
    }
}
