//! The forms of SQL that are more than an operator: LIKE, CASE, CAST and calls of functions.

use sqlparser::ast::{CaseWhen, CastKind, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments};

use super::{Checker, nearest, negated};
use crate::expr::arguments::{Typed, common, mismatch, one};
use crate::expr::node::{Constant, Kind, Node, One, Op};
use crate::expr::{ExprError, cast, functions, literal, syntax, text};

impl Checker<'_> {
    pub(super) fn like(
        &mut self,
        value: &Expr,
        pattern: &Expr,
        escape: Option<&Expr>,
        is_negated: bool,
        depth: usize,
    ) -> Option<Typed> {
        let escape = match escape {
            None => None,
            Some(escape) => {
                let written = self.node(escape, depth)?;
                let mut characters = written.literal().unwrap_or("??").chars();
                let escape = characters.next();
                if characters.next().is_some() {
                    return self.fail(written.offset, "the escape of a like is one character, written as such", None);
                }
                escape
            }
        };
        self.pair(value, pattern, depth, |value, pattern| {
            if let Some(written) = pattern.literal() {
                text::check_pattern(written, escape).map_err(|fault| pattern.error(fault.why, None))?;
            }
            let arguments = Box::new([value.text("`like`")?, pattern.text("`like`")?]);
            let built = Ok((Node::Call(Op::Like(escape), arguments), Kind::Bool));
            if is_negated { negated(built) } else { built }
        })
    }

    pub(super) fn case(
        &mut self,
        expr: &Expr,
        operand: Option<&Expr>,
        arms: &[CaseWhen],
        otherwise: Option<&Expr>,
        depth: usize,
    ) -> Option<Typed> {
        let offset = syntax::start(self.text, expr);
        // With an operand all values are compared with it, without one they are conditions.
        let tests = self.nodes(operand.into_iter().chain(arms.iter().map(|arm| &arm.condition)), depth);
        let results = self.nodes(arms.iter().map(|arm| &arm.result).chain(otherwise), depth);
        let (tests, mut results) = (tests?, results?);
        if otherwise.is_none() {
            results.push(Typed { node: Node::Constant(Constant::Null), kind: Kind::Null, offset });
        }
        let built = if operand.is_some() { comparands(tests) } else { conditions(tests) };
        let built = built.and_then(|tests| {
            let (results, kind) = common("case", results)?;
            let op = if operand.is_some() { Op::Switch } else { Op::Case };
            Ok((Node::Call(op, arms_of(operand.is_some(), tests, results)), kind))
        });
        self.keep(offset, built)
    }

    pub(super) fn cast(&mut self, cast: &CastKind, value: &Expr, name: &str, depth: usize) -> Option<Typed> {
        let argument = self.node(value, depth)?;
        let offset = argument.offset;
        let target = match literal::target(name) {
            Ok(target) => target,
            Err(message) => return self.fail(offset, message, None),
        };
        if !cast::exists(argument.kind, target) {
            let help = (argument.kind == Kind::Time).then(|| "epoch(…) is the seconds of a timestamp".to_owned());
            return self.fail(
                offset,
                format!("there is no cast of {} to {}", argument.kind.words(), target.kind().words()),
                help,
            );
        }
        if cast::changes_nothing(argument.kind, target) {
            return Some(argument);
        }
        let op = match cast {
            CastKind::Cast | CastKind::DoubleColon => One::Cast(target),
            CastKind::TryCast | CastKind::SafeCast => One::TryCast(target),
        };
        self.keep(offset, Ok((one(op, argument.node), target.kind())))
    }

    pub(super) fn function(&mut self, expr: &Expr, function: &Function, depth: usize) -> Option<Typed> {
        let plain = function.over.is_none()
            && function.filter.is_none()
            && function.null_treatment.is_none()
            && function.within_group.is_empty()
            && matches!(function.parameters, FunctionArguments::None);
        let name = function.name.to_string().to_ascii_lowercase();
        if let FunctionArguments::List(list) = &function.args
            && plain
            && list.duplicate_treatment.is_none()
            && list.clauses.is_empty()
        {
            let unnamed = list.args.iter().map(|argument| {
                if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = argument { Some(expr) } else { None }
            });
            if let Some(arguments) = unnamed.collect::<Option<Vec<_>>>() {
                return self.call(&name, expr, arguments, depth);
            }
        }
        self.unsupported(expr)
    }

    pub(super) fn call<'e>(
        &mut self,
        name: &str,
        expr: &Expr,
        arguments: impl IntoIterator<Item = &'e Expr>,
        depth: usize,
    ) -> Option<Typed> {
        let offset = syntax::start(self.text, expr);
        let arguments = self.nodes(arguments, depth);
        if functions::names().all(|known| known != name) {
            let help = match nearest(name, functions::names()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("functions are {}", functions::names().collect::<Vec<_>>().join(", ")),
            };
            return self.fail(offset, format!("there is no function {name}"), Some(help));
        }
        let built = functions::call(name, offset, arguments?)?;
        self.keep(offset, built)
    }
}

/// The operand of a CASE and the values that it is compared with, each by itself.
fn comparands(tests: Vec<Typed>) -> Result<Vec<Node>, ExprError> {
    let mut nodes = Vec::with_capacity(tests.len());
    let mut operand = Kind::Null;
    for test in tests {
        if nodes.is_empty() {
            operand = test.kind;
        } else if operand.common(test.kind).is_none() {
            return Err(mismatch("case", operand, &test));
        }
        nodes.push(test.node);
    }
    Ok(nodes)
}

fn conditions(tests: Vec<Typed>) -> Result<Vec<Node>, ExprError> {
    tests.into_iter().map(|test| test.bool("when")).collect()
}

/// Condition and result in turn, behind the operand if there is one; then what holds otherwise.
fn arms_of(has_operand: bool, tests: Vec<Node>, results: Vec<Node>) -> Box<[Node]> {
    let (mut tests, mut results) = (tests.into_iter(), results.into_iter());
    let mut all: Vec<Node> = if has_operand { tests.next().into_iter().collect() } else { Vec::new() };
    for test in tests {
        all.push(test);
        all.extend(results.next());
    }
    all.extend(results);
    all.into()
}
