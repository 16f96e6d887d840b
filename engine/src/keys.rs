//! Keys of entities in the store: `fv:{<entity>|<part>|<part>}:<view>:<version>`.
//!
//! The braces are literal, so that all views of an entity lie in one cluster slot. A part is a key value in declared order: an int
//! in its shortest decimal; a string as its UTF-8 with `%`, `|`, `{`, `}`, `:`, bytes up to 0x20 and 0x7f percent-encoded; bytes as
//! base64url without padding; a bool as `true` or `false`. Whatever form a key comes in, it is read as its declared type and encoded
//! from that, so equal keys have equal bytes.

mod percent;

#[cfg(test)]
mod tests;

use crate::definitions::Entity;
use crate::dtype::{DType, Scalar};
use crate::row::SchemaId;
use crate::row::base64;
use crate::value::Value;

/// A key that is malformed or too long: the BAD_KEY of its entity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadKey {
    /// The key column at fault; none: the key as a whole.
    pub column: Option<String>,
    /// What is wrong and what would be right: lower case, no final stop.
    pub message: String,
}

/// Encodes the keys of one entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityKey {
    entity: String,
    columns: Vec<(String, Scalar)>,
    max_bytes: usize,
}

impl EntityKey {
    /// For keys of an entity whose parts, joined by `|`, have at most `max_bytes` bytes.
    ///
    /// # Errors
    /// An entity with a key column that can't be a key, in words; definitions refuse it before.
    pub fn new(entity: &Entity, max_bytes: usize) -> Result<Self, String> {
        let mut columns = Vec::with_capacity(entity.keys.len());
        for column in &entity.keys {
            let DType::Scalar(scalar @ (Scalar::Bool | Scalar::Int32 | Scalar::Int64 | Scalar::String | Scalar::Bytes)) =
                column.dtype
            else {
                return Err(format!(
                    "the entity `{}` has a key `{}` of type {}; keys are int32, int64, string, bytes or bool",
                    entity.name, column.name, column.dtype
                ));
            };
            columns.push((column.name.clone(), scalar));
        }
        Ok(Self { entity: entity.name.clone(), columns, max_bytes })
    }

    /// The names and types of the key columns, in declared order.
    #[must_use]
    pub fn columns(&self) -> &[(String, Scalar)] {
        &self.columns
    }

    /// Appends the encoded key `<entity>|<part>|<part>` of typed values, in declared order. On an error nothing is appended.
    ///
    /// # Errors
    /// A value that is null, empty, of another type or out of range, or a key that is too long.
    pub fn encode(&self, values: &[Value<'_>], out: &mut Vec<u8>) -> Result<(), BadKey> {
        if values.len() != self.columns.len() {
            return Err(self.wrong_count(values.len()));
        }
        self.append(out, |index, scalar, out| {
            let value = values.get(index).copied().unwrap_or(Value::Null);
            append_value(scalar, value, out)
        })
    }

    /// Appends the encoded key of a text: its parts joined by `|`, each as text (`7`, `true`, `a%7Cb`, base64). `%` and `|` within a
    /// string are percent-encoded, any other character may be. On an error nothing is appended.
    ///
    /// # Errors
    /// Another number of parts, a part that is not of its type, or a key that is too long.
    pub fn encode_text(&self, text: &str, out: &mut Vec<u8>) -> Result<(), BadKey> {
        let count = text.split('|').count();
        if count != self.columns.len() {
            return Err(self.wrong_count(count));
        }
        let mut parts = text.split('|');
        self.append(out, |_, scalar, out| append_text(scalar, parts.next().unwrap_or_default(), out))
    }

    fn append(
        &self,
        out: &mut Vec<u8>,
        mut part: impl FnMut(usize, Scalar, &mut Vec<u8>) -> Result<(), String>,
    ) -> Result<(), BadKey> {
        let start = out.len();
        percent::encode(self.entity.as_bytes(), out);
        let parts = out.len() + 1;
        for (index, (name, scalar)) in self.columns.iter().enumerate() {
            out.push(b'|');
            let checked = part(index, *scalar, out)
                .map_err(|why| BadKey { column: Some(name.clone()), message: format!("the key `{name}` {why}") });
            let checked = checked.and_then(|()| self.check_length(out.len() - parts));
            if let Err(bad) = checked {
                out.truncate(start);
                return Err(bad);
            }
        }
        Ok(())
    }

    fn check_length(&self, length: usize) -> Result<(), BadKey> {
        if length <= self.max_bytes {
            return Ok(());
        }
        let message = format!("the key has more than {} bytes, the most that are allowed", self.max_bytes);
        Err(BadKey { column: None, message })
    }

    fn wrong_count(&self, given: usize) -> BadKey {
        let names: Vec<_> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
        let message = format!(
            "the entity `{}` has {} key parts ({}), not {given}; parts are joined by `|`, which is %7C within a part",
            self.entity,
            names.len(),
            names.join("|")
        );
        BadKey { column: None, message }
    }
}

/// Appends the store's key of a view's row. `encoded` is what [`EntityKey::encode`] appended, the same for all views of the entity.
pub fn append_store_key(encoded: &[u8], view: &str, version: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(b"fv:{");
    out.extend_from_slice(encoded);
    out.extend_from_slice(b"}:");
    out.extend_from_slice(view.as_bytes());
    out.push(b':');
    decimal(version.into(), out);
}

/// The store's key of a schema, whose value is [`crate::row::Schema::text`].
#[must_use]
pub fn schema_key(view: &str, id: SchemaId) -> String {
    format!("schema:{view}:{id}")
}

/// The store's key of the schema that has every feature which rows of a version of a view were ever written with. No schema id begins with a `v`.
#[must_use]
pub fn view_schema_key(view: &str, version: u32) -> String {
    format!("schema:{view}:v{version}")
}

fn append_value(scalar: Scalar, value: Value<'_>, out: &mut Vec<u8>) -> Result<(), String> {
    match (scalar, value) {
        (_, Value::Null) => return Err("is null".to_owned()),
        (Scalar::Int32 | Scalar::Int64, Value::Int(int)) => return append_int(scalar, int, out),
        (Scalar::Bool, Value::Bool(value)) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        (Scalar::String, Value::Str("")) | (Scalar::Bytes, Value::Bytes([])) => return Err("is empty".to_owned()),
        (Scalar::String, Value::Str(text)) => percent::encode(text.as_bytes(), out),
        (Scalar::Bytes, Value::Bytes(bytes)) => out.extend_from_slice(base64::encode_url(bytes).as_bytes()),
        (scalar, value) => return Err(format!("must be {scalar}, not {value:?}")),
    }
    Ok(())
}

fn append_text(scalar: Scalar, text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let decoded = percent::decode(text)?;
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    match scalar {
        Scalar::Int32 | Scalar::Int64 => {
            let int = int(decoded).ok_or_else(|| format!("must be {scalar}, not {}", crate::row::shown(text)))?;
            append_int(scalar, int, out)
        }
        Scalar::Bool if decoded.clone().eq(*b"true") => append_value(scalar, Value::Bool(true), out),
        Scalar::Bool if decoded.clone().eq(*b"false") => append_value(scalar, Value::Bool(false), out),
        Scalar::Bytes => {
            let bytes = base64::decode(&decoded.collect::<Vec<_>>())?;
            append_value(scalar, Value::Bytes(&bytes), out)
        }
        Scalar::String => {
            let start = out.len();
            decoded.for_each(|byte| percent::encode_byte(byte, out));
            // Encoding leaves all bytes beyond ASCII as they are, so it is as whole as what was decoded.
            match out.get(start..).map(str::from_utf8) {
                Some(Ok(_)) => Ok(()),
                Some(Err(_)) | None => Err("is not UTF-8".to_owned()),
            }
        }
        Scalar::Bool | Scalar::Float32 | Scalar::Float64 | Scalar::Timestamp => {
            Err(format!("must be {scalar}, not {}", crate::row::shown(text)))
        }
    }
}

fn append_int(scalar: Scalar, int: i64, out: &mut Vec<u8>) -> Result<(), String> {
    if scalar == Scalar::Int32 && i32::try_from(int).is_err() {
        return Err(format!("must be {scalar}, and {int} does not fit"));
    }
    decimal(int, out);
    Ok(())
}

/// Appends the shortest decimal.
fn decimal(int: i64, out: &mut Vec<u8>) {
    if int < 0 {
        out.push(b'-');
    }
    let start = out.len();
    let mut rest = int.unsigned_abs();
    loop {
        out.extend(u8::try_from(rest % 10).map(|digit| b'0' + digit));
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out[start..].reverse();
}

/// An optional minus and digits, within int64; none for anything else.
fn int(mut text: impl Iterator<Item = u8> + Clone) -> Option<i64> {
    let is_negative = text.clone().next() == Some(b'-');
    if is_negative {
        text.next();
    }
    text.clone().next()?;
    text.try_fold(0_i64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| i64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(if is_negative { -digit } else { digit })
    })
}
