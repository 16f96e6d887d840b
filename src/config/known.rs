//! The known keys: those of `config/default.toml`, which is compiled in, so that defaults, documentation and what is accepted can't differ.

use figment::value::{Num, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Problem;
use super::setting::Setting;
use crate::store::StoreUrl;

/// The first layer.
pub(super) const DEFAULT_TOML: &str = include_str!("../../config/default.toml");

/// What all variables of ours begin with.
pub(super) const PREFIX: &str = "APP__";

/// What stands for a secret wherever it would be shown.
const HIDDEN: &str = "\"[redacted]\"";

/// Keys that can hold a secret, what of their value may be shown, and a short name of their variable besides the full one.
const SECRETS: [(&str, Secrecy, Option<&str>); 4] = [
    // Digests are no secret; a key that was put in the place of one is.
    ("auth.keys", Secrecy::All, None),
    ("store.url", Secrecy::Url, None),
    ("store.redis.password", Secrecy::All, Some("APP__STORE__PASSWORD")),
    ("telemetry.tracing.otlp_headers", Secrecy::All, None),
];

/// What of a value is a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Secrecy {
    Nothing,
    /// The password within the URL of a store.
    Url,
    All,
}

/// A known key.
#[derive(Debug)]
pub(super) struct Key {
    /// Sections and name with dots between: `store.redis.password`.
    pub(super) path: String,
    pub(super) default: Value,
    /// The comment above it in `default.toml`, on one line.
    pub(super) comment: String,
    secrecy: Secrecy,
    short_variable: Option<&'static str>,
    line: usize,
}

impl Key {
    /// The section: `store.redis`.
    pub(super) fn section(&self) -> &str {
        self.path.rsplit_once('.').map_or("", |(section, _)| section)
    }

    /// The name within the section: `password`.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit_once('.').map_or(self.path.as_str(), |(_, name)| name)
    }

    /// The environment variable: `APP__STORE__REDIS__PASSWORD`.
    pub(super) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.path.to_uppercase().replace('.', "__"))
    }

    /// The environment variables that set it, and whether each names a file that holds the value.
    pub(super) fn variables(&self) -> Vec<(String, bool)> {
        let names = [Some(self.variable()), self.short_variable.map(str::to_owned)];
        let mut variables: Vec<(String, bool)> = names.into_iter().flatten().map(|name| (name, false)).collect();
        if self.is_secret() {
            let files: Vec<_> = variables.iter().map(|(name, _)| (format!("{name}_FILE"), true)).collect();
            variables.extend(files);
        }
        variables
    }

    /// Whether its value can hold a secret.
    pub(super) fn is_secret(&self) -> bool {
        self.secrecy != Secrecy::Nothing
    }

    /// The value that a text from the environment or a flag stands for: a number where the default is one, else the text as it is, so
    /// that a password of digits stays a text. What is no number stays a text too, and is refused later.
    pub(super) fn value_of(&self, text: String) -> Value {
        if matches!(self.default, Value::Num(..))
            && let Ok(number) = text.trim().parse::<i64>()
        {
            return Value::from(number);
        }
        Value::from(text)
    }

    /// The value as it would stand in TOML, without secrets.
    pub(super) fn show(&self, value: &Value) -> String {
        match (self.secrecy, value) {
            (Secrecy::Nothing, value) => literal(value),
            (_, Value::String(_, text)) if text.is_empty() => literal(value),
            (_, Value::Array(_, items)) if items.is_empty() => literal(value),
            (Secrecy::Url, Value::String(_, text)) => {
                // Of what is no URL of ours, nobody knows which part is the password.
                text.parse::<StoreUrl>().map_or_else(|_| HIDDEN.to_owned(), |url| quoted(&url.to_string()))
            }
            (Secrecy::Url | Secrecy::All, _) => HIDDEN.to_owned(),
        }
    }
}

/// All known keys, in the order of `default.toml`.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) keys: Vec<Key>,
}

impl Known {
    /// Reads the compiled-in `default.toml`.
    pub(super) fn read() -> Result<Self, Problem> {
        let tree = DeTable::parse(DEFAULT_TOML)
            .map_err(|error| Problem::of_file("config/default.toml as compiled in", error.message()))?;
        let mut keys = Vec::new();
        collect(tree.get_ref(), "", &mut keys);
        keys.sort_by_key(|key| key.line);
        Ok(Self { keys })
    }

    /// The key of this path.
    pub(super) fn get(&self, path: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.path == path)
    }

    /// Whether the path is that of a section.
    pub(super) fn is_section(&self, path: &str) -> bool {
        self.keys.iter().any(|key| key.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
    }

    /// The paths of all keys and sections.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = self.keys.iter().map(|key| key.path.clone()).collect();
        for key in &self.keys {
            if !paths.iter().any(|path| path == key.section()) {
                paths.push(key.section().to_owned());
            }
        }
        paths
    }

    /// The first layer.
    pub(super) fn defaults(&self) -> impl Iterator<Item = Setting> {
        self.keys.iter().map(Setting::default_of)
    }
}

fn collect(table: &DeTable<'_>, section: &str, keys: &mut Vec<Key>) {
    for (name, value) in table {
        let path = join(section, name.get_ref());
        match value.get_ref() {
            DeValue::Table(inner) => collect(inner, &path, keys),
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_) => {
                let line = line_at(DEFAULT_TOML, name.span().start);
                let secret = SECRETS.iter().find(|(secret, _, _)| *secret == path);
                keys.push(Key {
                    default: value_of(value, DEFAULT_TOML),
                    comment: comment_above(line),
                    secrecy: secret.map_or(Secrecy::Nothing, |(_, secrecy, _)| *secrecy),
                    short_variable: secret.and_then(|(_, _, variable)| *variable),
                    line,
                    path,
                });
            }
        }
    }
}

/// The block of comment lines directly above a line of `default.toml`.
fn comment_above(line: usize) -> String {
    let above: Vec<&str> = DEFAULT_TOML.lines().take(line.saturating_sub(1)).collect();
    let start = above.iter().rposition(|line| !line.starts_with('#')).map_or(0, |last| last + 1);
    above[start..].iter().map(|line| line.trim_start_matches('#').trim()).collect::<Vec<_>>().join(" ")
}

/// A path one name longer.
pub(super) fn join(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

/// The number of the line, from 1, that holds this byte.
pub(super) fn line_at(text: &str, byte: usize) -> usize {
    text.as_bytes().iter().take(byte).filter(|b| **b == b'\n').count() + 1
}

/// A TOML value as figment has it. What has no place in figment becomes the text that it is written as.
pub(super) fn value_of(value: &Spanned<DeValue<'_>>, source: &str) -> Value {
    let as_written = || Value::from(written(value, source));
    match value.get_ref() {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or_else(|_| as_written(), Value::from)
        }
        DeValue::Float(number) => number.as_str().parse::<f64>().map_or_else(|_| as_written(), Value::from),
        DeValue::Boolean(flag) => Value::from(*flag),
        DeValue::Datetime(_) => as_written(),
        DeValue::Array(items) => Value::from(items.iter().map(|item| value_of(item, source)).collect::<Vec<_>>()),
        DeValue::Table(table) => {
            let members = table.iter().map(|(name, value)| (name.get_ref().to_string(), value_of(value, source)));
            Value::from(members.collect::<figment::value::Dict>())
        }
    }
}

/// A TOML value as it stands in the file.
pub(super) fn written<'a>(value: &Spanned<DeValue<'_>>, source: &'a str) -> &'a str {
    source.get(value.span()).unwrap_or_default()
}

/// The value as it would stand in TOML.
fn literal(value: &Value) -> String {
    match value {
        Value::String(_, text) => quoted(text),
        Value::Char(_, letter) => quoted(&letter.to_string()),
        Value::Bool(_, flag) => flag.to_string(),
        Value::Num(_, number) => number_literal(*number),
        Value::Empty(..) => String::new(),
        Value::Dict(..) => "a table".to_owned(),
        Value::Array(_, items) if items.is_empty() => "[]".to_owned(),
        Value::Array(..) => "an array".to_owned(),
    }
}

fn number_literal(number: Num) -> String {
    let whole = number.to_i128().map(|whole| whole.to_string());
    whole.or_else(|| number.to_f64().map(|float| float.to_string())).unwrap_or_default()
}

/// A text as TOML has it on one line; JSON's escapes are TOML's too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
