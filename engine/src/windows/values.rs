//! One value or id in the bytes of a state.

use super::events::Id;
use crate::dtype::Scalar;
use crate::numbers::{Reader, put_short_bytes, put_signed};
use crate::value::Value;

/// What the ids of a source are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdKind {
    None,
    Int,
    Text,
}

/// Appends an id.
pub(super) fn save_id(id: Id<'_>, out: &mut Vec<u8>) {
    match id {
        Id::None => {}
        Id::Int(id) => put_signed(id, out),
        Id::Text(id) => put_short_bytes(id.as_bytes(), out),
    }
}

/// Reads an id; none if the bytes are not one.
pub(super) fn read_id<'a>(kind: IdKind, reader: &mut Reader<'a>) -> Option<Id<'a>> {
    Some(match kind {
        IdKind::None => Id::None,
        IdKind::Int => Id::Int(reader.signed()?),
        IdKind::Text => Id::Text(str::from_utf8(reader.short_bytes()?).ok()?),
    })
}

/// Appends a value that is not null.
pub(super) fn save_value(dtype: Scalar, value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Null | Value::List(_) => {}
        Value::Bool(value) => out.push(u8::from(value)),
        Value::Int(value) | Value::Time(value) => put_signed(value, out),
        Value::Float(value) if dtype == Scalar::Float32 => out.extend_from_slice(&(value as f32).to_le_bytes()),
        Value::Float(value) => out.extend_from_slice(&value.to_le_bytes()),
        Value::Str(text) => put_short_bytes(text.as_bytes(), out),
        Value::Bytes(bytes) => put_short_bytes(bytes, out),
    }
}

/// Reads a value of a type; none if the bytes are not one.
pub(super) fn read_value<'a>(dtype: Scalar, reader: &mut Reader<'a>) -> Option<Value<'a>> {
    Some(match dtype {
        Scalar::Bool => match reader.u8()? {
            0 => Value::Bool(false),
            1 => Value::Bool(true),
            _ => return None,
        },
        Scalar::Int32 => Value::Int(i32::try_from(reader.signed()?).ok()?.into()),
        Scalar::Int64 => Value::Int(reader.signed()?),
        Scalar::Float32 => Value::Float(f32::from_le_bytes(reader.array()?).into()),
        Scalar::Float64 => Value::Float(reader.f64()?),
        Scalar::String => Value::Str(str::from_utf8(reader.short_bytes()?).ok()?),
        Scalar::Bytes => Value::Bytes(reader.short_bytes()?),
        Scalar::Timestamp => Value::Time(reader.signed()?),
    })
}
