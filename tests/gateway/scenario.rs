//! The scenario table: cases as data, in `tests/cases/gateway/*.json`.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::clients::{Request, plain};
use crate::failures::{self, Failure};

/// One case: what is stored, what is asked, and what both protocols answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    /// Values by entity id, stored as they are, as another tool would.
    #[serde(default)]
    pub stored: BTreeMap<String, Stored>,
    /// Lines written through the gateway.
    #[serde(default)]
    pub rows: Vec<Value>,
    /// Commands for Redis; a case that has some runs over Redis alone.
    #[serde(default)]
    pub redis: Vec<String>,
    pub request: Request,
    /// The reply.
    #[serde(default)]
    results: Option<Value>,
    /// Or the failure.
    #[serde(default)]
    error: Option<ExpectedError>,
    /// Texts that stand in the reply of REST as they are.
    #[serde(default)]
    pub rest_text: Vec<String>,
}

/// A stored value: text, or bytes in hexadecimal.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Stored {
    Text(String),
    Bytes { hex: String },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedError {
    code: String,
    field: String,
}

impl Stored {
    /// The bytes.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.as_bytes().to_vec(),
            Self::Bytes { hex } => {
                (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
            }
        }
    }
}

impl Case {
    /// What is wrong with an answer, if anything.
    pub fn fault(&self, answer: &Result<Value, Failure>) -> Option<String> {
        match (&self.results, &self.error, answer) {
            (Some(expected), None, Ok(reply)) => {
                let mut found = reply["results"].clone();
                for (id, row) in found.as_object_mut()? {
                    forget_message(row, &expected[id]["status"]["message"]);
                }
                let expected = plain(expected);
                if let Some(as_of) = &self.request.as_of
                    && reply["as_of"] != **as_of
                {
                    return Some(format!("as_of is {}, not {as_of}", reply["as_of"]));
                }
                (found != expected).then(|| format!("expected {expected}\n     found {found}"))
            }
            (None, Some(expected), Err(failure)) => {
                let right = failure.code == failures::code(&expected.code)
                    && failure.message.starts_with(&expected.field)
                    && failure.fields.iter().all(|field| *field == expected.field);
                (!right).then(|| format!("expected {expected:?}, found {failure:?}"))
            }
            (Some(_), None, Err(_)) | (None, Some(_), Ok(_)) => Some(format!("found {answer:?}")),
            (Some(_), Some(_), _) | (None, None, _) => Some("the case needs one of results and error".to_owned()),
        }
    }

    /// Whether GET can ask the same: of one entity, by names that need no list.
    pub fn fits_get(&self) -> bool {
        let names = &self.request.feature_names;
        self.request.entity_ids.len() == 1
            && self.request.entity_ids.iter().all(|id| !id.is_empty())
            && names.iter().all(|name| !name.is_empty() && !name.contains(','))
    }
}

/// A case names a part of the message of a row's status, or leaves it open.
fn forget_message(row: &mut Value, expected: &Value) {
    let Some(status) = row.get_mut("status").and_then(Value::as_object_mut) else { return };
    let Some(message) = status.get_mut("message") else { return };
    match expected.as_str() {
        None => {
            assert!(message.as_str().is_some_and(|message| !message.is_empty()));
            status.remove("message");
        }
        Some(part) if message.as_str().is_some_and(|message| message.contains(part)) => *message = part.into(),
        Some(_) => {}
    }
}

/// Every case. Each stores under ids of its own.
pub fn all() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/gateway");
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let found: Vec<Case> =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        cases.extend(found);
    }
    let (mut names, mut ids) = (HashSet::new(), HashSet::new());
    for case in &cases {
        assert!(names.insert(&case.name), "two cases have the name {:?}", case.name);
        let written: HashSet<_> = case.rows.iter().filter_map(|row| row["entity_id"].as_str()).collect();
        for id in case.stored.keys().map(String::as_str).chain(written) {
            assert!(ids.insert(id), "{:?} uses the id {id:?} of another case", case.name);
        }
    }
    cases
}
