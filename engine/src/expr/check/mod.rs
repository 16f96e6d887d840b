//! From the parser's tree to the checked one: names become inputs, every operator gets its types, and all faults are found.

mod forms;

use sqlparser::ast::{BinaryOperator, CeilFloorKind, DateTimeField, Expr, Ident, TrimWhereField, UnaryOperator, Value};

use super::arguments::{Built, Typed, common, one, two};
use super::node::{Constant, Kind, Node, One, Op, Two};
use super::{ExprError, Expression, Names, functions, literal, operators, syntax};

/// How deep the checked tree may be: evaluation recurses.
const MAX_DEPTH: usize = 100;

/// Checks a tree of the parser, which stands in `text`.
pub(super) fn check(text: &str, tree: &Expr, names: &dyn Names) -> Result<Expression, Vec<ExprError>> {
    let mut checker = Checker { text, names, inputs: Vec::new(), errors: Vec::new() };
    let root = checker.node(tree, 0);
    let Checker { inputs, mut errors, .. } = checker;
    match root.and_then(|root| root.kind.dtype().map(|dtype| (root.node, dtype))) {
        Some((root, output)) if errors.is_empty() => Ok(Expression { inputs, output, root }),
        root => {
            if root.is_none() && errors.is_empty() {
                errors.push(ExprError { offset: 0, message: "the expression is always null".to_owned(), help: None });
            }
            Err(errors)
        }
    }
}

struct Checker<'a> {
    text: &'a str,
    names: &'a dyn Names,
    inputs: Vec<String>,
    errors: Vec<ExprError>,
}

impl Checker<'_> {
    fn fail(&mut self, offset: usize, message: impl Into<String>, help: Option<String>) -> Option<Typed> {
        self.errors.push(ExprError { offset, message: message.into(), help });
        None
    }

    fn unsupported(&mut self, expr: &Expr) -> Option<Typed> {
        let offset = syntax::start(self.text, expr);
        // Its own text: to write the tree again would recurse as deep as it is.
        let begins: String = self.text.get(offset..).unwrap_or_default().chars().take(30).collect();
        let help = "expressions have operators, case, cast, extract and functions of single values".to_owned();
        self.fail(offset, format!("what begins with `{begins}` is no part of expressions"), Some(help))
    }

    /// Keeps what was built, or the fault. What is constant and fails does so in every row.
    fn keep(&mut self, offset: usize, built: Built) -> Option<Typed> {
        match built {
            Ok((node, kind)) => match node.constant() {
                Some(Err(fault)) => self.fail(offset, format!("this always fails: {}", fault.why), None),
                Some(Ok(_)) | None => Some(Typed { node, kind, offset }),
            },
            Err(error) => {
                self.errors.push(error);
                None
            }
        }
    }

    /// All of them, or none; the faults of each are found.
    fn nodes<'e>(&mut self, all: impl IntoIterator<Item = &'e Expr>, depth: usize) -> Option<Vec<Typed>> {
        let checked: Vec<_> = all.into_iter().map(|expr| self.node(expr, depth)).collect();
        checked.into_iter().collect()
    }

    fn one(&mut self, expr: &Expr, depth: usize, build: impl FnOnce(Typed) -> Built) -> Option<Typed> {
        let argument = self.node(expr, depth)?;
        self.keep(argument.offset, build(argument))
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what the language does not have is refused, whatever the parser adds"
    )]
    fn node(&mut self, expr: &Expr, depth: usize) -> Option<Typed> {
        if depth > MAX_DEPTH {
            let message = format!("the expression is nested more than {MAX_DEPTH} levels deep");
            // Every branch that is too deep would say so.
            let known = self.errors.iter().any(|error| error.message == message);
            return if known { None } else { self.fail(syntax::start(self.text, expr), message, None) };
        }
        let depth = depth + 1;
        match expr {
            Expr::Nested(inner) => self.node(inner, depth),
            Expr::Identifier(name) => self.input(std::slice::from_ref(name), expr),
            Expr::CompoundIdentifier(parts) => self.input(parts, expr),
            Expr::Value(value) => self.literal(expr, literal::constant(&value.value)),
            Expr::TypedString(typed) if typed.data_type.to_string().eq_ignore_ascii_case("timestamp") => {
                let written = typed.value.value.clone().into_string().unwrap_or_default();
                self.literal(expr, literal::timestamp(&written).map(|constant| (constant, Kind::Time)))
            }
            Expr::UnaryOp { op, expr: inner } => self.unary(expr, *op, inner, depth),
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right, depth),
            Expr::IsNull(inner) => self.one(inner, depth, is_null),
            Expr::IsNotNull(inner) => self.one(inner, depth, |value| negated(is_null(value))),
            Expr::IsUnknown(inner) => self.one(inner, depth, |value| is(One::IsNull, value)),
            Expr::IsNotUnknown(inner) => self.one(inner, depth, |value| negated(is(One::IsNull, value))),
            Expr::IsTrue(inner) => self.one(inner, depth, |value| is(One::IsTrue, value)),
            Expr::IsNotTrue(inner) => self.one(inner, depth, |value| negated(is(One::IsTrue, value))),
            Expr::IsFalse(inner) => self.one(inner, depth, |value| is(One::IsFalse, value)),
            Expr::IsNotFalse(inner) => self.one(inner, depth, |value| negated(is(One::IsFalse, value))),
            Expr::IsDistinctFrom(left, right) => self.pair(left, right, depth, distinct),
            Expr::IsNotDistinctFrom(left, right) => {
                self.pair(left, right, depth, |left, right| negated(distinct(left, right)))
            }
            Expr::InList { expr: value, list, negated } => {
                let all = self.nodes(std::iter::once(&**value).chain(list), depth)?;
                self.strict("in", all, Op::In, *negated)
            }
            Expr::Between { expr: value, negated, low, high } => {
                let all = self.nodes([&**value, low, high], depth)?;
                self.strict("between", all, Op::Between, *negated)
            }
            Expr::Like { negated, any: false, expr: value, pattern, escape_char } => {
                self.like(value, pattern, escape_char.as_deref(), *negated, depth)
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(expr, operand.as_deref(), conditions, else_result.as_deref(), depth)
            }
            Expr::Cast { kind, expr: value, data_type, format: None } => {
                self.cast(kind, value, &data_type.to_string(), depth)
            }
            Expr::Extract { field, expr: time, .. } => {
                let (part, at) = (field.to_string(), syntax::start(self.text, expr));
                self.one(time, depth, |time| functions::extract("extract", &part, at, time))
            }
            Expr::Ceil { expr: value, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.call("ceil", expr, [&**value], depth)
            }
            Expr::Floor { expr: value, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.call("floor", expr, [&**value], depth)
            }
            Expr::Substring { expr: value, substring_from, substring_for, .. } => {
                let arguments = std::iter::once(value).chain(substring_from).chain(substring_for);
                self.call("substr", expr, arguments.map(|argument| &**argument), depth)
            }
            Expr::Trim { expr: value, trim_where, trim_what, trim_characters } => {
                let name = match trim_where {
                    None | Some(TrimWhereField::Both) => "trim",
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                };
                let characters =
                    trim_what.iter().map(|characters| &**characters).chain(trim_characters.iter().flatten());
                self.call(name, expr, std::iter::once(&**value).chain(characters), depth)
            }
            Expr::Function(function) => self.function(expr, function, depth),
            _ => self.unsupported(expr),
        }
    }

    /// An input: the parts of its name are joined by points.
    fn input(&mut self, parts: &[Ident], expr: &Expr) -> Option<Typed> {
        let name = parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".");
        let offset = syntax::start(self.text, expr);
        let Some(dtype) = self.names.dtype(&name) else {
            let help = match nearest(&name, self.names.all().iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "inputs are request columns, and features as view.feature".to_owned(),
            };
            return self.fail(offset, format!("there is no input `{name}`"), Some(help));
        };
        let Some(scalar) = dtype.scalar() else {
            return self.fail(offset, format!("`{name}` is a {dtype}; expressions take single values"), None);
        };
        let place = self.inputs.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.inputs.push(name);
            self.inputs.len() - 1
        });
        Some(Typed { node: Node::Input(place), kind: Kind::of(scalar), offset })
    }

    fn literal(&mut self, expr: &Expr, constant: Result<(Constant, Kind), String>) -> Option<Typed> {
        let offset = syntax::start(self.text, expr);
        let built = constant.map(|(constant, kind)| (Node::Constant(constant), kind));
        self.keep(offset, built.map_err(|message| ExprError { offset, message, help: None }))
    }

    /// `-5` is a literal, so that the least int64 is one.
    fn unary(&mut self, expr: &Expr, operator: UnaryOperator, argument: &Expr, depth: usize) -> Option<Typed> {
        if operator == UnaryOperator::Minus
            && let Expr::Value(value) = argument
            && let Value::Number(digits, false) = &value.value
        {
            return self.literal(expr, literal::number(&format!("-{digits}")));
        }
        self.one(argument, depth, |argument| operators::unary(operator, argument))
    }

    fn binary(&mut self, left: &Expr, operator: &BinaryOperator, right: &Expr, depth: usize) -> Option<Typed> {
        let chains = [
            (BinaryOperator::And, Op::And, "and"),
            (BinaryOperator::Or, Op::Or, "or"),
            (BinaryOperator::StringConcat, Op::Join, "||"),
        ];
        let chained = chains.into_iter().find(|(written, ..)| written == operator).map(|(_, op, name)| (op, name));
        if let Some((op, name)) = chained {
            return self.chain(left, operator, right, (op, name), depth);
        }
        if operators::comparison(operator).is_some() && operators::is_comparison(left) {
            let help = "join comparisons by and, or set parentheses".to_owned();
            return self.fail(syntax::start(self.text, left), "comparisons can't be chained", Some(help));
        }
        self.pair(left, right, depth, |left, right| operators::binary(operator, left, right))
    }

    /// A chain of one operator, such as `a and b and c`: one node, however long it is.
    fn chain(
        &mut self,
        left: &Expr,
        operator: &BinaryOperator,
        right: &Expr,
        (op, name): (Op, &str),
        depth: usize,
    ) -> Option<Typed> {
        let mut links = vec![right];
        let mut rest = left;
        loop {
            if let Expr::BinaryOp { left, op, right } = rest
                && op == operator
            {
                links.push(right);
                rest = left;
            } else if let Expr::Nested(inner) = rest {
                rest = inner;
            } else {
                break;
            }
        }
        links.push(rest);
        let links = self.nodes(links.into_iter().rev(), depth)?;
        let offset = links.first()?.offset;
        let mut nodes = Vec::with_capacity(links.len());
        for link in links {
            let link = if op == Op::Join { link.text("`||`") } else { link.bool(&format!("`{name}`")) };
            match link {
                Ok(Node::Call(inner, arguments)) if inner == op => nodes.extend(arguments),
                Ok(node) => nodes.push(node),
                Err(error) => self.errors.push(error),
            }
        }
        let kind = if op == Op::Join { Kind::Text } else { Kind::Bool };
        self.keep(offset, Ok((Node::Call(op, nodes.into()), kind)))
    }

    fn pair(
        &mut self,
        left: &Expr,
        right: &Expr,
        depth: usize,
        build: impl FnOnce(Typed, Typed) -> Built,
    ) -> Option<Typed> {
        let (left, right) = (self.node(left, depth), self.node(right, depth));
        let (left, right) = (left?, right?);
        self.keep(left.offset, build(left, right))
    }

    /// An operator of arguments of one type, which tells whether something holds.
    fn strict(&mut self, name: &str, all: Vec<Typed>, op: Op, is_negated: bool) -> Option<Typed> {
        let offset = all.first()?.offset;
        let built = common(&format!("`{name}`"), all).map(|(nodes, _)| (Node::Call(op, nodes.into()), Kind::Bool));
        self.keep(offset, if is_negated { negated(built) } else { built })
    }
}

#[expect(clippy::unnecessary_wraps, reason = "as the other builders")]
fn is_null(value: Typed) -> Built {
    Ok((one(One::IsNull, value.node), Kind::Bool))
}

fn is(op: One, value: Typed) -> Built {
    Ok((one(op, value.bool("`is`")?), Kind::Bool))
}

fn distinct(left: Typed, right: Typed) -> Built {
    let (left, right) = operators::comparable("`is distinct from`", left, right)?;
    Ok((two(Two::Distinct, left.node, right.node), Kind::Bool))
}

fn negated(built: Built) -> Built {
    built.map(|(node, kind)| (one(One::Not, node), kind))
}

/// The nearest name, if one is near: at most a third of it is other.
fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let distance = |other: &str| strsim::damerau_levenshtein(&name.to_ascii_lowercase(), &other.to_ascii_lowercase());
    let found = known.map(|other| (distance(other), other)).min()?;
    (found.0 <= name.chars().count().div_ceil(3)).then_some(found.1)
}
