//! Typed values into a row of the JSON layout: readable in the store by any tool.

use std::io::Write as _;

use super::{CREATED, EVENT_TIME};
use crate::dtype::{DType, Scalar};
use crate::row::{Schema, Times, base64, time};
use crate::value::{List, Value, float32};

impl Schema {
    /// Appends the JSON row of `values`, in the order of [`Schema::columns`]. On an error nothing is appended.
    ///
    /// # Errors
    /// The column whose value is of another type or does not fit, in words.
    pub fn encode_json(&self, times: Times, values: &[Value<'_>], out: &mut Vec<u8>) -> Result<(), String> {
        if values.len() != self.columns().len() {
            let (given, wanted) = (values.len(), self.columns().len());
            return Err(format!("a row of the view `{}` has {wanted} values, not {given}", self.view()));
        }
        let start = out.len();
        begin(times, out);
        for (column, value) in self.columns().iter().zip(values) {
            out.push(b',');
            string(&column.name, out);
            out.push(b':');
            if write_value(column.dtype, *value, out).is_none() {
                out.truncate(start);
                return Err(column.refuses(*value));
            }
        }
        out.push(b'}');
        Ok(())
    }
}

/// Appends a delete: a row with times and no values.
pub fn write_delete(times: Times, out: &mut Vec<u8>) {
    begin(times, out);
    out.push(b'}');
}

fn begin(times: Times, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"");
    out.extend_from_slice(EVENT_TIME.as_bytes());
    out.extend_from_slice(b"\":");
    int(times.event_time, out);
    out.extend_from_slice(b",\"");
    out.extend_from_slice(CREATED.as_bytes());
    out.extend_from_slice(b"\":");
    int(times.created, out);
}

fn write_value(dtype: DType, value: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    match (dtype, value) {
        (_, Value::Null) => out.extend_from_slice(b"null"),
        (DType::Scalar(scalar), value) => write_scalar(scalar, value, out)?,
        (DType::List(item), Value::List(list)) if list.item() == item => write_items(item, list.iter(), out)?,
        (DType::Vector(length), Value::List(list)) if is_vector(length, list) => {
            write_items(Scalar::Float32, list.iter(), out)?;
        }
        _ => return None,
    }
    Some(())
}

/// A vector has its length, and no nulls.
fn is_vector(length: u32, list: List<'_>) -> bool {
    u32::try_from(list.len()) == Ok(length) && list.item() == Scalar::Float32 && !list.iter().any(Value::is_null)
}

fn write_items<'v>(item: Scalar, values: impl Iterator<Item = Value<'v>>, out: &mut Vec<u8>) -> Option<()> {
    out.push(b'[');
    for (index, value) in values.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_value(item.into(), value, out)?;
    }
    out.push(b']');
    Some(())
}

fn write_scalar(scalar: Scalar, value: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    match (scalar, value) {
        (Scalar::Bool, Value::Bool(value)) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        (Scalar::Int32, Value::Int(value)) => int(i32::try_from(value).ok()?.into(), out),
        (Scalar::Int64, Value::Int(value)) => int(value, out),
        (Scalar::Float32, Value::Float(value)) => write_float32(float32(value)?, out),
        (Scalar::Float64, Value::Float(value)) => write_float64(value, out),
        (Scalar::String, Value::Str(text)) => string(text, out),
        (Scalar::Bytes, Value::Bytes(bytes)) => string(&base64::encode(bytes), out),
        (Scalar::Timestamp, Value::Time(value)) => string(&time::format(value)?, out),
        _ => return None,
    }
    Some(())
}

/// The shortest decimal that reads back as this float32, also by way of float64, as most readers of JSON take it: there are
/// float32 whose shortest decimal of their own doesn't.
#[expect(clippy::cast_possible_truncation, reason = "the reading that is checked")]
fn write_float32(value: f32, out: &mut Vec<u8>) {
    let mut buffer = zmij::Buffer::new();
    if value.is_finite() {
        let shortest = buffer.format_finite(value);
        if shortest.parse::<f64>().is_ok_and(|read| (read as f32).to_bits() == value.to_bits()) {
            out.extend_from_slice(shortest.as_bytes());
            return;
        }
    }
    write_float64(value.into(), out);
}

fn write_float64(value: f64, out: &mut Vec<u8>) {
    let text: &[u8] = if value.is_nan() {
        b"\"NaN\""
    } else if value == f64::INFINITY {
        b"\"Infinity\""
    } else if value == f64::NEG_INFINITY {
        b"\"-Infinity\""
    } else {
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
        return;
    };
    out.extend_from_slice(text);
}

fn int(value: i64, out: &mut Vec<u8>) {
    // Writing into a Vec can't fail.
    let _ = write!(out, "{value}");
}

fn string(text: &str, out: &mut Vec<u8>) {
    // Nor can the JSON of a str.
    let _ = serde_json::to_writer(out, text);
}
