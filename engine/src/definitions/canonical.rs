//! JSON in one form only: keys sorted by bytes, floats as the shortest text that reads back. What digests are taken of, and what
//! fitted files are written as. `serde_json` sorts keys or not as a feature says that any crate can switch on, so this does not ask it.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

/// A value of canonical JSON.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Canonical {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Self>),
    Map(BTreeMap<String, Self>),
}

impl Canonical {
    /// A mapping.
    pub(super) fn map<'k>(entries: impl IntoIterator<Item = (&'k str, Self)>) -> Self {
        Self::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    /// A list.
    pub(super) fn list<T: Into<Self>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }

    /// Without white space.
    pub(super) fn compact(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, None);
        out
    }

    /// With one entry a line, for files that people compare; it ends with a line break.
    pub(super) fn pretty(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, Some(0));
        out.push('\n');
        out
    }

    /// SHA-256 of the compact form.
    pub(super) fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.compact().as_bytes()).into()
    }

    fn write(&self, out: &mut String, indent: Option<usize>) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            // Writing to a string can't fail.
            Self::Int(value) => {
                let _ = write!(out, "{value}");
            }
            Self::Float(value) => out.push_str(zmij::Buffer::new().format(*value)),
            Self::Text(text) => text_to(out, text),
            Self::List(items) => {
                block(out, indent, ['[', ']'], items.iter(), |out, item, indent| item.write(out, indent))
            }
            Self::Map(entries) => block(out, indent, ['{', '}'], entries.iter(), |out, (key, value), indent| {
                text_to(out, key);
                out.push(':');
                if indent.is_some() {
                    out.push(' ');
                }
                value.write(out, indent);
            }),
        }
    }
}

fn block<T>(
    out: &mut String,
    indent: Option<usize>,
    [open, close]: [char; 2],
    items: impl ExactSizeIterator<Item = T>,
    mut one: impl FnMut(&mut String, T, Option<usize>),
) {
    let empty = items.len() == 0;
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    out.push(open);
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(',');
        }
        if let Some(depth) = indent {
            line(out, depth + 1);
        }
        one(out, item, indent.map(|depth| depth + 1));
    }
    if let (Some(depth), false) = (indent, empty) {
        line(out, depth);
    }
    out.push(close);
}

fn text_to(out: &mut String, text: &str) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\0'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            }
            _ => out.push(char),
        }
    }
    out.push('"');
}

impl From<&Json> for Canonical {
    fn from(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(value), _) => Self::Int(value.into()),
                (None, Some(value)) => Self::Int(value.into()),
                (None, None) => number.as_f64().map_or(Self::Null, Self::Float),
            },
            Json::String(text) => Self::Text(text.clone()),
            Json::Array(items) => Self::list(items),
            Json::Object(entries) => Self::map(entries.iter().map(|(key, value)| (key.as_str(), value.into()))),
        }
    }
}

impl From<&str> for Canonical {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Canonical {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Canonical {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Canonical {
    fn from(value: i64) -> Self {
        Self::Int(value.into())
    }
}

impl From<u64> for Canonical {
    fn from(value: u64) -> Self {
        Self::Int(value.into())
    }
}

impl From<u32> for Canonical {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl<T: Into<Self>> From<Option<T>> for Canonical {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn there_is_one_form() {
        let value =
            Canonical::from(&json!({"b": [1, 1.0, 0.1, -0.0, 1e300], "a": {"x\n\"\\": null}, "ü": u64::MAX, "e": []}));
        assert_eq!(
            value.compact(),
            r#"{"a":{"x\u000a\"\\":null},"b":[1,1.0,0.1,-0.0,1e+300],"e":[],"ü":18446744073709551615}"#
        );
        assert_eq!(Canonical::from(&serde_json::from_str::<Json>(&value.compact()).unwrap()), value);
        assert_eq!(Canonical::from(&serde_json::from_str::<Json>(&value.pretty()).unwrap()), value);
        let small = Canonical::map([("a", Canonical::list([1_i64, 2])), ("b", Canonical::Map(BTreeMap::new()))]);
        assert_eq!(small.pretty(), "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {}\n}\n");
    }
}
