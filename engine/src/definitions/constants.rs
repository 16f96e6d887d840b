//! Values written in definitions, read as a type.

use super::model::Constant;
use super::node::{Kind, Node};
use crate::dtype::{DType, Scalar};
use crate::row::{base64, time};
use crate::value::{List, Value, write_item, write_list};

impl Constant {
    /// The value, as a value of the type that it was read as.
    #[must_use]
    pub fn value(&self, dtype: DType) -> Value<'_> {
        match self {
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::Int(*value),
            Self::Float(value) => Value::Float(*value),
            Self::Text(text) => Value::Str(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::Time(micros) => Value::Time(*micros),
            Self::List(item, bytes) => match dtype {
                DType::Vector(_) => List::vector(bytes).map_or(Value::Null, Value::List),
                DType::List(_) | DType::Scalar(_) => List::read(*item, bytes).map_or(Value::Null, Value::List),
            },
        }
    }
}

/// Reads a value as a type.
///
/// # Errors
/// What would be right, in words that follow "must be".
pub(super) fn read(node: &Node, dtype: DType) -> Result<Constant, String> {
    match (dtype, &node.kind) {
        (DType::Scalar(scalar), _) => read_scalar(node, scalar),
        (DType::List(item), Kind::List(nodes)) => {
            let items = nodes.iter().map(|node| optional(node, item)).collect::<Result<Vec<_>, _>>()?;
            let values = items.iter().map(|constant| value(constant.as_ref(), item));
            let mut bytes = Vec::new();
            if write_list(item, values, &mut bytes) {
                Ok(Constant::List(item, bytes))
            } else {
                Err(format!("a list of {item}"))
            }
        }
        (DType::Vector(length), Kind::List(nodes)) if usize::try_from(length) == Ok(nodes.len()) => {
            let mut bytes = Vec::new();
            for node in nodes {
                let constant = read_scalar(node, Scalar::Float32)?;
                if !write_item(Scalar::Float32, constant.value(Scalar::Float32.into()), &mut bytes) {
                    return Err(format!("a list of {length} numbers"));
                }
            }
            Ok(Constant::List(Scalar::Float32, bytes))
        }
        (DType::List(item), _) => Err(format!("a list of {item}")),
        (DType::Vector(length), _) => Err(format!("a list of {length} numbers")),
    }
}

fn optional(node: &Node, item: Scalar) -> Result<Option<Constant>, String> {
    if node.kind == Kind::Null { Ok(None) } else { read_scalar(node, item).map(Some) }
}

fn value(constant: Option<&Constant>, item: Scalar) -> Value<'_> {
    constant.map_or(Value::Null, |constant| constant.value(item.into()))
}

fn read_scalar(node: &Node, dtype: Scalar) -> Result<Constant, String> {
    let constant = match (dtype, &node.kind) {
        (Scalar::Bool, Kind::Bool(value)) => Some(Constant::Bool(*value)),
        (Scalar::Int32, Kind::Int(value)) => i32::try_from(*value).ok().map(|value| Constant::Int(value.into())),
        (Scalar::Int64, Kind::Int(value)) => Some(Constant::Int(*value)),
        (Scalar::Float32 | Scalar::Float64, Kind::Int(_) | Kind::Float(_)) => {
            number(node).and_then(|value| float(value, dtype))
        }
        (Scalar::String, Kind::Text(text)) => Some(Constant::Text(text.clone())),
        (Scalar::Bytes, Kind::Text(text)) => base64::decode(text.as_bytes()).ok().map(Constant::Bytes),
        (Scalar::Timestamp, Kind::Text(text)) => time::parse(text).ok().map(Constant::Time),
        _ => None,
    };
    constant.ok_or_else(|| format!("{} ({dtype})", words(dtype)))
}

/// A number of a definition as float64, rounded to nearest.
#[expect(clippy::cast_precision_loss, reason = "a number of a definition is a float64, as the contract says")]
pub(super) fn number(node: &Node) -> Option<f64> {
    match node.kind {
        Kind::Int(value) => Some(value as f64),
        Kind::Float(value) => value.is_finite().then_some(value),
        Kind::Null | Kind::Bool(_) | Kind::Text(_) | Kind::List(_) | Kind::Map(_) => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a float32 column rounds once, to nearest")]
fn float(value: f64, dtype: Scalar) -> Option<Constant> {
    let value = if dtype == Scalar::Float32 { f64::from(value as f32) } else { value };
    value.is_finite().then_some(Constant::Float(value))
}

const fn words(dtype: Scalar) -> &'static str {
    match dtype {
        Scalar::Bool => "`true` or `false`",
        Scalar::Int32 => "a whole number from -2147483648 to 2147483647",
        Scalar::Int64 => "a whole number from -9223372036854775808 to 9223372036854775807",
        Scalar::Float32 => "a finite number within ±3.4028235e38",
        Scalar::Float64 => "a finite number",
        Scalar::String => "text, in quotes if it looks like something else",
        Scalar::Bytes => "base64",
        Scalar::Timestamp => "RFC 3339 with `Z` or an offset, such as `2026-01-31T12:00:00Z`",
    }
}
