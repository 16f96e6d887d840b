//! A JSON value as a value of a declared type: one reading for stored rows, written rows, keys and request columns.

use std::fmt;

use bumpalo::Bump;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::dtype::{DType, Scalar};
use crate::row::{base64, shown, time};
use crate::value::{List, Value, float32, write_item, write_list};

/// Who wrote the JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A client: numbers are finite.
    Client,
    /// A store: rows that we wrote have floats that JSON lacks as `"NaN"`, `"Infinity"` and `"-Infinity"`.
    Store,
}

/// Reads one JSON value as a value of a type. What does not fit is an error in words beside the value, so that the reading of the
/// whole document goes on; an error of the deserializer is one of its syntax.
///
/// A number is read as float64, correctly rounded, and as float32 by one more rounding, as a float64 column of Arrow would be.
#[derive(Clone, Copy, Debug)]
pub struct Typed<'v> {
    /// The type.
    pub dtype: DType,
    /// Where text with escapes, bytes and lists go.
    pub arena: &'v Bump,
    /// Who wrote it.
    pub origin: Origin,
}

/// Reads a JSON value of a client, a request column for example.
///
/// # Errors
/// A value that does not fit the type, in words.
pub fn value<'v>(json: &'v serde_json::Value, dtype: DType, arena: &'v Bump) -> Result<Value<'v>, String> {
    Typed { dtype, arena, origin: Origin::Client }.deserialize(json).unwrap_or_else(|error| Err(error.to_string()))
}

impl<'de: 'v, 'v> DeserializeSeed<'de> for Typed<'v> {
    type Value = Result<Value<'v>, String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'v> Typed<'v> {
    fn refuses(&self, found: impl fmt::Display) -> String {
        let wanted = match self.dtype {
            DType::Scalar(Scalar::Bool) => "true or false",
            DType::Scalar(Scalar::Int32 | Scalar::Int64) => "a whole number without decimal point or exponent",
            DType::Scalar(Scalar::Float32 | Scalar::Float64) => "a number",
            DType::Scalar(Scalar::String) => "a string",
            DType::Scalar(Scalar::Bytes) => "a string of base64",
            DType::Scalar(Scalar::Timestamp) => {
                "an RFC 3339 time with Z or an offset, such as \"2026-01-31T09:30:00Z\""
            }
            DType::List(_) | DType::Vector(_) => "a list",
        };
        format!("must be {wanted} ({}), not {found}", self.dtype)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a JSON number is rounded to nearest, ties to even, as the cast does"
    )]
    fn int(&self, number: i128) -> Result<Value<'v>, String> {
        let outside = || format!("{number} does not fit {}", self.dtype);
        match self.dtype {
            DType::Scalar(Scalar::Int32) => {
                i32::try_from(number).map(|int| Value::Int(int.into())).map_err(|_| outside())
            }
            DType::Scalar(Scalar::Int64) => i64::try_from(number).map(Value::Int).map_err(|_| outside()),
            DType::Scalar(Scalar::Float32 | Scalar::Float64) => self.float(number as f64),
            DType::Scalar(Scalar::Bool | Scalar::String | Scalar::Bytes | Scalar::Timestamp)
            | DType::List(_)
            | DType::Vector(_) => Err(self.refuses(number)),
        }
    }

    fn float(&self, number: f64) -> Result<Value<'v>, String> {
        match self.dtype {
            DType::Scalar(Scalar::Float64) => Ok(Value::Float(number)),
            DType::Scalar(Scalar::Float32) => match float32(number) {
                Some(rounded) => Ok(Value::Float(rounded.into())),
                None => Err(format!("{number:e} does not fit float32")),
            },
            DType::Scalar(
                Scalar::Bool | Scalar::Int32 | Scalar::Int64 | Scalar::String | Scalar::Bytes | Scalar::Timestamp,
            )
            | DType::List(_)
            | DType::Vector(_) => Err(self.refuses(format_args!("{number:?}"))),
        }
    }

    /// Text that needs no room of its own in the end; `kept` gives it room where it does.
    fn text(&self, text: &str, kept: impl FnOnce() -> &'v str) -> Result<Value<'v>, String> {
        match self.dtype {
            DType::Scalar(Scalar::String) => Ok(Value::Str(kept())),
            DType::Scalar(Scalar::Bytes) => {
                let bytes = base64::decode(text.as_bytes())?;
                Ok(Value::Bytes(self.arena.alloc_slice_copy(&bytes)))
            }
            DType::Scalar(Scalar::Timestamp) => time::parse(text).map(Value::Time),
            DType::Scalar(Scalar::Float32 | Scalar::Float64) if self.origin == Origin::Store => match text {
                "NaN" => Ok(Value::Float(f64::NAN)),
                "Infinity" => Ok(Value::Float(f64::INFINITY)),
                "-Infinity" => Ok(Value::Float(f64::NEG_INFINITY)),
                _ => Err(self.refuses(format_args!("the string {}", shown(text)))),
            },
            DType::Scalar(Scalar::Bool | Scalar::Int32 | Scalar::Int64 | Scalar::Float32 | Scalar::Float64)
            | DType::List(_)
            | DType::Vector(_) => Err(self.refuses(format_args!("the string {}", shown(text)))),
        }
    }

    fn list(&self, items: &[Value<'v>]) -> Result<Value<'v>, String> {
        gather(self.dtype, items, self.arena)
    }
}

/// Items of the right type as a list or vector of the arena.
///
/// # Errors
/// A vector of another length or with a null, in words.
pub(crate) fn gather<'v>(dtype: DType, items: &[Value<'_>], arena: &'v Bump) -> Result<Value<'v>, String> {
    let mut bytes = Vec::new();
    let list = match dtype {
        DType::Vector(length) => {
            if u32::try_from(items.len()) != Ok(length) {
                return Err(format!("must have {length} items ({dtype}), not {}", items.len()));
            }
            if let Some(index) = items.iter().position(|item| item.is_null()) {
                return Err(format!("item {index} is null; a vector has none"));
            }
            let whole = items.iter().all(|item| write_item(Scalar::Float32, *item, &mut bytes));
            whole.then(|| List::vector(arena.alloc_slice_copy(&bytes))).flatten()
        }
        DType::List(item) => {
            let whole = write_list(item, items.iter().copied(), &mut bytes);
            whole.then(|| List::read(item, arena.alloc_slice_copy(&bytes))).flatten()
        }
        DType::Scalar(_) => None,
    };
    list.map(Value::List).ok_or_else(|| format!("does not fit {dtype}"))
}

/// The type of the items of a list or vector.
pub(crate) const fn item_of(dtype: DType) -> Option<Scalar> {
    match dtype {
        DType::List(item) => Some(item),
        DType::Vector(_) => Some(Scalar::Float32),
        DType::Scalar(_) => None,
    }
}

impl<'de: 'v, 'v> Visitor<'de> for Typed<'v> {
    type Value = Result<Value<'v>, String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Ok(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(if self.dtype == DType::Scalar(Scalar::Bool) { Ok(Value::Bool(value)) } else { Err(self.refuses(value)) })
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(self.int(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(self.int(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(self.float(value))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(self.text(text, || text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(self.text(text, || self.arena.alloc_str(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let Some(item) = item_of(self.dtype) else {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Err(self.refuses("a list")));
        };
        let seed = Self { dtype: item.into(), ..self };
        let mut items = Vec::new();
        let mut fault = None;
        while let Some(found) = seq.next_element_seed(seed)? {
            match found {
                Ok(value) => items.push(value),
                Err(why) if fault.is_none() => fault = Some(format!("item {}: {why}", items.len())),
                Err(_) => {}
            }
        }
        Ok(match fault {
            Some(why) => Err(why),
            None => self.list(&items),
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Err(self.refuses("an object")))
    }
}
