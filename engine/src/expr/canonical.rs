//! The checked tree as text, for fingerprints. What is written here is part of every fingerprint: a change of it is a change of
//! the engine's semantics.

use std::fmt::Write as _;

use super::node::{
    Comparison, Constant, Node, OfFloat, OfFloats, OfInt, OfInts, OfText, OfTime, One, Op, Part, Side, Target, Two,
};

/// Writes a tree: `operator(argument, …)`, inputs as "name", texts as 'text', a float as its bits.
pub(super) fn write(root: &Node, inputs: &[String]) -> String {
    let mut out = String::new();
    node(root, inputs, &mut out);
    out
}

fn node(tree: &Node, inputs: &[String], out: &mut String) {
    match tree {
        Node::Constant(value) => constant(value, out),
        Node::Input(place) => quoted(inputs.get(*place).map_or("", String::as_str), '"', out),
        Node::One(op, _) => call(&of_one(*op), tree.arguments(), inputs, out),
        Node::Two(op, _) => call(of_two(*op), tree.arguments(), inputs, out),
        Node::Call(op, _) => call(&name(*op), tree.arguments(), inputs, out),
    }
}

fn call(name: &str, arguments: &[Node], inputs: &[String], out: &mut String) {
    out.push_str(name);
    out.push('(');
    for (index, argument) in arguments.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        node(argument, inputs, out);
    }
    out.push(')');
}

fn constant(constant: &Constant, out: &mut String) {
    // Writing to a string does not fail.
    let _ = match constant {
        Constant::Null => write!(out, "null"),
        Constant::Bool(value) => write!(out, "{value}"),
        Constant::Int(value) => write!(out, "{value}"),
        Constant::Float(value) => write!(out, "float:{:016x}", value.to_bits()),
        Constant::Time(value) => write!(out, "time:{value}"),
        Constant::Text(text) => {
            quoted(text, '\'', out);
            Ok(())
        }
    };
}

fn quoted(text: &str, quote: char, out: &mut String) {
    out.push(quote);
    for character in text.chars() {
        if character == quote {
            out.push(quote);
        }
        out.push(character);
    }
    out.push(quote);
}

fn name(op: Op) -> String {
    let name = match op {
        Op::And => "and",
        Op::Or => "or",
        Op::Case => "case",
        Op::Switch => "switch",
        Op::Coalesce => "coalesce",
        Op::In => "in",
        Op::Between => "between",
        Op::Least => "least",
        Op::Greatest => "greatest",
        Op::Concat => "concat",
        Op::Join => "join",
        Op::Like(None) => "like",
        Op::Like(Some(escape)) => return format!("like:{:x}", u32::from(escape)),
        Op::Substring => "substr",
        Op::Trim(Side::Both) => "trim",
        Op::Trim(Side::Left) => "ltrim",
        Op::Trim(Side::Right) => "rtrim",
        Op::Haversine => "haversine",
    };
    name.to_owned()
}

fn of_one(one: One) -> String {
    let name = match one {
        One::Not => "not",
        One::IsNull => "is_null",
        One::IsTrue => "is_true",
        One::IsFalse => "is_false",
        One::Cast(target) => return format!("cast:{}", of_target(target)),
        One::TryCast(target) => return format!("try_cast:{}", of_target(target)),
        One::Widen => "widen",
        One::Float(OfFloat::Negate) => "negate_float",
        One::Float(OfFloat::Abs) => "abs_float",
        One::Float(OfFloat::Round) => "round",
        One::Float(OfFloat::RoundTo(digits)) => return format!("round_float:{digits}"),
        One::Float(OfFloat::Floor) => "floor",
        One::Float(OfFloat::Ceil) => "ceil",
        One::Float(OfFloat::Sqrt) => "sqrt",
        One::Float(OfFloat::Exp) => "exp",
        One::Float(OfFloat::Ln) => "ln",
        One::Float(OfFloat::Log10) => "log10",
        One::Int(OfInt::Negate) => "negate_int",
        One::Int(OfInt::Abs) => "abs_int",
        One::Int(OfInt::RoundTo(digits)) => return format!("round_int:{digits}"),
        One::Text(OfText::Length) => "length",
        One::Text(OfText::Lower) => "lower",
        One::Text(OfText::Upper) => "upper",
        One::Time(OfTime::Epoch) => "epoch",
        One::Time(OfTime::Extract(part)) => return format!("extract:{}", of_part(part)),
        One::Time(OfTime::Truncate(unit)) => return format!("date_trunc:{}", of_part(unit)),
    };
    name.to_owned()
}

const fn of_two(two: Two) -> &'static str {
    match two {
        Two::Float(OfFloats::Add) => "add_float",
        Two::Float(OfFloats::Subtract) => "subtract_float",
        Two::Float(OfFloats::Multiply) => "multiply_float",
        Two::Float(OfFloats::Divide) => "divide_float",
        Two::Float(OfFloats::Modulo) => "modulo_float",
        Two::Float(OfFloats::Power) => "power",
        Two::Int(OfInts::Add) => "add_int",
        Two::Int(OfInts::Subtract) => "subtract_int",
        Two::Int(OfInts::Multiply) => "multiply_int",
        Two::Int(OfInts::Divide) => "divide_int",
        Two::Int(OfInts::Modulo) => "modulo_int",
        Two::Compare(Comparison::Equal) => "equal",
        Two::Compare(Comparison::NotEqual) => "not_equal",
        Two::Compare(Comparison::Less) => "less",
        Two::Compare(Comparison::LessOrEqual) => "less_or_equal",
        Two::Compare(Comparison::Greater) => "greater",
        Two::Compare(Comparison::GreaterOrEqual) => "greater_or_equal",
        Two::Distinct => "distinct",
        Two::NullIf => "nullif",
    }
}

const fn of_target(target: Target) -> &'static str {
    match target {
        Target::Bool => "bool",
        Target::Int32 => "int32",
        Target::Int64 => "int64",
        Target::Float32 => "float32",
        Target::Float64 => "float64",
        Target::Text => "string",
        Target::Time => "timestamp",
    }
}

const fn of_part(part: Part) -> &'static str {
    match part {
        Part::Microsecond => "microsecond",
        Part::Millisecond => "millisecond",
        Part::Second => "second",
        Part::Minute => "minute",
        Part::Hour => "hour",
        Part::Day => "day",
        Part::DayOfWeek => "dow",
        Part::IsoDayOfWeek => "isodow",
        Part::DayOfYear => "doy",
        Part::Week => "week",
        Part::IsoYear => "isoyear",
        Part::Month => "month",
        Part::Quarter => "quarter",
        Part::Year => "year",
    }
}
