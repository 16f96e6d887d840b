//! Functions by name: how many arguments they take, of which types, and what they then are.

use super::ExprError;
use super::arguments::{Built, Typed, common, one, two};
use super::literal;
use super::math::MAX_DIGITS;
use super::node::{Constant, Kind, Node, OfFloat, OfFloats, OfInt, OfText, OfTime, One, Op, Side, Two};
use super::operators::comparable;

/// A function of expressions.
struct Function {
    /// Its name, then others for it.
    names: &'static [&'static str],
    /// How it is written, for errors.
    usage: &'static str,
    shape: Shape,
}

/// How many arguments a function takes, and what makes it of them. The text is its name.
enum Shape {
    One(fn(&'static str, Typed) -> Built),
    OneOrTwo(fn(&'static str, Typed, Option<Typed>) -> Built),
    Two(fn(&'static str, Typed, Typed) -> Built),
    TwoOrThree(fn(&'static str, [Typed; 2], Option<Typed>) -> Built),
    Four(fn(&'static str, [Typed; 4]) -> Built),
    /// At least one.
    Many(fn(&'static str, Vec<Typed>) -> Built),
}

const fn function(names: &'static [&'static str], usage: &'static str, shape: Shape) -> Function {
    Function { names, usage, shape }
}

static FUNCTIONS: [Function; 25] = [
    function(&["abs"], "abs(x)", Shape::One(abs)),
    function(&["ceil", "ceiling"], "ceil(x)", Shape::One(|name, x| float(name, x, OfFloat::Ceil))),
    function(&["coalesce"], "coalesce(a, b, …)", Shape::Many(|name, all| one_of(name, all, Op::Coalesce))),
    function(&["concat"], "concat(a, b, …)", Shape::Many(concat)),
    function(&["date_part"], "date_part('hour', t)", Shape::Two(date_part)),
    function(&["date_trunc"], "date_trunc('day', t)", Shape::Two(date_trunc)),
    function(&["epoch"], "epoch(t)", Shape::One(epoch)),
    function(&["exp"], "exp(x)", Shape::One(|name, x| float(name, x, OfFloat::Exp))),
    function(&["floor"], "floor(x)", Shape::One(|name, x| float(name, x, OfFloat::Floor))),
    function(&["greatest"], "greatest(a, b, …)", Shape::Many(|name, all| one_of(name, all, Op::Greatest))),
    function(&["haversine"], "haversine(latitude, longitude, latitude, longitude)", Shape::Four(haversine)),
    function(&["least"], "least(a, b, …)", Shape::Many(|name, all| one_of(name, all, Op::Least))),
    function(&["length"], "length(s)", Shape::One(|name, s| text(name, s, OfText::Length, Kind::Int))),
    function(&["ln"], "ln(x)", Shape::One(|name, x| float(name, x, OfFloat::Ln))),
    function(&["log10"], "log10(x)", Shape::One(|name, x| float(name, x, OfFloat::Log10))),
    function(&["lower"], "lower(s)", Shape::One(|name, s| text(name, s, OfText::Lower, Kind::Text))),
    function(
        &["ltrim"],
        "ltrim(s) or ltrim(s, characters)",
        Shape::OneOrTwo(|name, s, of| trim(name, s, of, Side::Left)),
    ),
    function(&["nullif"], "nullif(a, b)", Shape::Two(null_if)),
    function(&["power", "pow"], "power(x, y)", Shape::Two(power)),
    function(&["round"], "round(x) or round(x, digits)", Shape::OneOrTwo(round)),
    function(
        &["rtrim"],
        "rtrim(s) or rtrim(s, characters)",
        Shape::OneOrTwo(|name, s, of| trim(name, s, of, Side::Right)),
    ),
    function(&["sqrt"], "sqrt(x)", Shape::One(|name, x| float(name, x, OfFloat::Sqrt))),
    function(&["substr", "substring"], "substr(s, start) or substr(s, start, length)", Shape::TwoOrThree(substring)),
    function(&["trim"], "trim(s) or trim(s, characters)", Shape::OneOrTwo(|name, s, of| trim(name, s, of, Side::Both))),
    function(&["upper"], "upper(s)", Shape::One(|name, s| text(name, s, OfText::Upper, Kind::Text))),
];

/// All names of functions, for suggestions.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().flat_map(|function| function.names.iter().copied()).chain(["cast", "extract", "try_cast"])
}

/// A call of a function, of a name in lower case; none if there is no such function.
pub(super) fn call(name: &str, offset: usize, arguments: Vec<Typed>) -> Option<Built> {
    let function = FUNCTIONS.iter().find(|function| function.names.contains(&name))?;
    let name = function.names.first()?;
    let count = arguments.len();
    let built = build(name, &function.shape, arguments);
    Some(built.unwrap_or_else(|| {
        let message = format!("{name} does not take {count} argument{}", if count == 1 { "" } else { "s" });
        Err(ExprError { offset, message, help: Some(format!("write {}", function.usage)) })
    }))
}

/// None if there are too few or too many arguments.
fn build(name: &'static str, shape: &Shape, arguments: Vec<Typed>) -> Option<Built> {
    let count = arguments.len();
    let mut arguments = arguments.into_iter();
    Some(match shape {
        Shape::One(make) if count == 1 => make(name, arguments.next()?),
        Shape::OneOrTwo(make) if count <= 2 => make(name, arguments.next()?, arguments.next()),
        Shape::Two(make) if count == 2 => make(name, arguments.next()?, arguments.next()?),
        Shape::TwoOrThree(make) if count <= 3 => make(name, [arguments.next()?, arguments.next()?], arguments.next()),
        Shape::Four(make) => make(name, arguments.collect::<Vec<_>>().try_into().ok()?),
        Shape::Many(make) if count > 0 => make(name, arguments.collect()),
        Shape::One(_) | Shape::OneOrTwo(_) | Shape::Two(_) | Shape::TwoOrThree(_) | Shape::Many(_) => return None,
    })
}

fn float(name: &str, x: Typed, op: OfFloat) -> Built {
    Ok((one(One::Float(op), x.float(name)?), Kind::Float))
}

fn text(name: &str, s: Typed, op: OfText, kind: Kind) -> Built {
    Ok((one(One::Text(op), s.text(name)?), kind))
}

fn abs(name: &str, x: Typed) -> Built {
    if x.kind == Kind::Int {
        return Ok((one(One::Int(OfInt::Abs), x.node), Kind::Int));
    }
    float(name, x, OfFloat::Abs)
}

fn round(name: &'static str, x: Typed, digits: Option<Typed>) -> Built {
    let Some(digits) = digits else {
        return if x.kind == Kind::Int { Ok((x.node, x.kind)) } else { float(name, x, OfFloat::Round) };
    };
    let places = if let Node::Constant(Constant::Int(places)) = digits.node {
        i8::try_from(places).ok().filter(|places| (-MAX_DIGITS..=MAX_DIGITS).contains(places))
    } else {
        None
    };
    let Some(places) = places else {
        let message =
            format!("the digits of {name} are a whole number from -{MAX_DIGITS} to {MAX_DIGITS}, written as such");
        return Err(digits.error(message, None));
    };
    if x.kind != Kind::Int {
        return float(name, x, OfFloat::RoundTo(places));
    }
    if places >= 0 { Ok((x.node, x.kind)) } else { Ok((one(One::Int(OfInt::RoundTo(places)), x.node), Kind::Int)) }
}

fn power(name: &str, x: Typed, y: Typed) -> Built {
    Ok((two(Two::Float(OfFloats::Power), x.float(name)?, y.float(name)?), Kind::Float))
}

fn null_if(name: &str, left: Typed, right: Typed) -> Built {
    let (left, right) = comparable(name, left, right)?;
    Ok((two(Two::NullIf, left.node, right.node), left.kind))
}

/// One of its arguments, all of one type.
fn one_of(name: &str, all: Vec<Typed>, op: Op) -> Built {
    let (nodes, kind) = common(name, all)?;
    Ok((Node::Call(op, nodes.into()), kind))
}

fn concat(name: &str, all: Vec<Typed>) -> Built {
    let parts: Box<[Node]> = all.into_iter().map(|part| part.text(name)).collect::<Result<_, _>>()?;
    Ok((Node::Call(Op::Concat, parts), Kind::Text))
}

fn haversine(name: &str, all: [Typed; 4]) -> Built {
    let degrees: Box<[Node]> = all.into_iter().map(|degrees| degrees.float(name)).collect::<Result<_, _>>()?;
    Ok((Node::Call(Op::Haversine, degrees), Kind::Float))
}

pub(super) fn substring(name: &'static str, [s, start]: [Typed; 2], length: Option<Typed>) -> Built {
    let mut arguments = vec![s.text(name)?, start.int(name)?];
    if let Some(length) = length {
        arguments.push(length.int(name)?);
    }
    Ok((Node::Call(Op::Substring, arguments.into()), Kind::Text))
}

pub(super) fn trim(name: &str, s: Typed, characters: Option<Typed>, side: Side) -> Built {
    let mut arguments = vec![s.text(name)?];
    if let Some(characters) = characters {
        arguments.push(characters.text(name)?);
    }
    Ok((Node::Call(Op::Trim(side), arguments.into()), Kind::Text))
}

fn epoch(name: &str, time: Typed) -> Built {
    Ok((one(One::Time(OfTime::Epoch), time.time(name)?), Kind::Float))
}

fn date_part(name: &'static str, part: Typed, time: Typed) -> Built {
    let Some(word) = part.literal() else {
        return Err(
            part.error("the part that date_part takes is a text, written as such", Some("write date_part('hour', t)"))
        );
    };
    extract(name, word, part.offset, time)
}

/// `extract(part from time)`.
pub(super) fn extract(name: &'static str, part: &str, offset: usize, time: Typed) -> Built {
    match literal::part(part).map_err(|message| ExprError { offset, message, help: None })? {
        None => epoch(name, time),
        Some(part) => Ok((one(One::Time(OfTime::Extract(part)), time.time(name)?), Kind::Int)),
    }
}

fn date_trunc(name: &str, unit: Typed, time: Typed) -> Built {
    let Some(word) = unit.literal() else {
        return Err(
            unit.error("the unit that date_trunc takes is a text, written as such", Some("write date_trunc('day', t)"))
        );
    };
    let part = literal::unit(word).map_err(|message| unit.error(message, None))?;
    Ok((one(One::Time(OfTime::Truncate(part)), time.time(name)?), Kind::Time))
}
