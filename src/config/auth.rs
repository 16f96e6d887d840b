//! `[auth]`: the API keys.

use std::fmt;

use figment::value::{Dict, Value};
use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use toml::de::DeTable;

use super::Section;
use super::checks::Checks;
use super::known::value_of;
use crate::auth::{ApiKey, Digest, KeySet, NAMES, RateLimit, Scope, Scopes, is_name};

/// The most keys: each is compared with the key of every request.
const MAX_KEYS: usize = 1000;
/// The most requests a second and at once.
const MAX_RATE: u32 = 1_000_000;

/// The API keys.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Auth {
    /// The keys; none: nobody needs one.
    #[serde(deserialize_with = "keys")]
    pub keys: KeySet,
}

impl Section for Auth {
    const PATH: &'static str = "auth";

    /// Whether keys are needed depends on where the gateway listens, which is known once it does.
    fn validate(&self, _: &mut Checks<'_>) {}
}

/// Takes tables, or text that holds them in TOML, as a variable does. What was there is never repeated: it may be a key itself.
fn keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<KeySet, D::Error> {
    struct Reader;

    impl<'de> Visitor<'de> for Reader {
        type Value = KeySet;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("tables of name, sha256 and scopes, as `unskew-gateway key new` prints them, and rate_limit and burst where wanted; in a variable [{name = …, sha256 = …, scopes = […]}, …]")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<KeySet, A::Error> {
            let mut tables = Vec::new();
            while let Some(table) = seq.next_element::<Value>()? {
                tables.push(table);
            }
            read(tables).map_err(A::Error::custom)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<KeySet, E> {
            if text.trim().is_empty() {
                return Ok(KeySet::default());
            }
            let document = format!("keys = {text}");
            let tree = DeTable::parse(&document);
            let value =
                tree.as_ref().ok().and_then(|tree| tree.get_ref().get("keys")).map(|it| value_of(it, &document));
            match value {
                Some(Value::Array(_, tables)) => read(tables).map_err(E::custom),
                Some(
                    Value::String(..)
                    | Value::Char(..)
                    | Value::Bool(..)
                    | Value::Num(..)
                    | Value::Empty(..)
                    | Value::Dict(..),
                )
                | None => Err(E::invalid_value(serde::de::Unexpected::Other("another value"), &self)),
            }
        }
    }

    deserializer.deserialize_any(Reader)
}

fn read(tables: Vec<Value>) -> Result<KeySet, String> {
    if tables.len() > MAX_KEYS {
        return Err(format!("{} keys are too many; allowed are {MAX_KEYS}", tables.len()));
    }
    let mut keys: Vec<ApiKey> = Vec::with_capacity(tables.len());
    for (index, table) in tables.into_iter().enumerate() {
        let wrong = |what: String| format!("key {}: {what}", index + 1);
        let table = table.into_dict().ok_or_else(|| wrong("is no table of name, sha256 and scopes".to_owned()))?;
        let key = key(table).map_err(wrong)?;
        if let Some(other) = keys.iter().position(|other| other.name == key.name || other.digest == key.digest) {
            let what = if keys[other].digest == key.digest { "sha256" } else { "name" };
            return Err(wrong(format!("has the {what} of key {}", other + 1)));
        }
        keys.push(key);
    }
    Ok(KeySet::new(keys))
}

fn key(mut table: Dict) -> Result<ApiKey, String> {
    let (name, sha256, scopes) = (table.remove("name"), table.remove("sha256"), table.remove("scopes"));
    let limit = limit(table.remove("rate_limit"), table.remove("burst"))?;
    if !table.is_empty() {
        return Err("has more members than name, sha256, scopes, rate_limit and burst".to_owned());
    }
    let name = name.and_then(Value::into_string).filter(|name| is_name(name));
    let name = name.ok_or_else(|| format!("its name is wrong: {NAMES}"))?;
    let digest = sha256.as_ref().and_then(Value::as_str).and_then(Digest::parse).ok_or(
        "its sha256 must be 64 hexadecimal digits: the SHA-256 of the key, not the key; `unskew-gateway key new` prints both",
    )?;
    Ok(ApiKey {
        name,
        digest,
        scopes: scopes
            .and_then(scopes_of)
            .ok_or("its scopes must be a list of one or more of \"read\", \"write\" and \"admin\"")?,
        limit,
    })
}

/// None: the key may be used as often as there is room.
fn limit(rate: Option<Value>, burst: Option<Value>) -> Result<Option<RateLimit>, String> {
    let whole = |name: &str, value: Value| {
        let number = value.to_i128().and_then(|number| u32::try_from(number).ok());
        let wrong = || format!("its {name} must be a whole number from 1 to {MAX_RATE}");
        number.filter(|number| (1..=MAX_RATE).contains(number)).ok_or_else(wrong)
    };
    let (rate, burst) = match (rate, burst) {
        (Some(rate), burst) => (whole("rate_limit", rate)?, burst),
        (None, Some(_)) => return Err("its burst needs a rate_limit, in requests a second".to_owned()),
        (None, None) => return Ok(None),
    };
    let burst = burst.map_or(Ok(rate), |burst| whole("burst", burst))?;
    Ok(Some(RateLimit::new(rate, burst)))
}

fn scopes_of(value: Value) -> Option<Scopes> {
    let names = value.into_array().filter(|names| !names.is_empty())?;
    names.iter().map(|name| name.as_str().and_then(Scope::named)).collect()
}
