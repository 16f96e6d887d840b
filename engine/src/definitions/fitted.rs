//! Fitted files: what was learnt for a service from training data, kept beside the definitions as
//! `<service>[.<name>].fitted.json`. A file says on which definition it was fitted, and is read for no other; its own digest finds
//! what was edited or cut off.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value as Json;

use super::canonical::Canonical;
use super::fingerprint::{definition_digest, fingerprint, hex};
use super::model::{Definitions, Service};
use super::shape::{is_fitted_name, is_name};
use super::suggest::did_you_mean;
use crate::diagnostics::{Diagnostic, Diagnostics, Span};
use crate::fit::{FittedService, FittedSlot};
use crate::row::time;

/// What the name of every fitted file ends with.
pub const SUFFIX: &str = ".fitted.json";

/// The version of the format of fitted files.
const FORMAT: u32 = 1;

/// A fitted file.
#[derive(Clone, Debug, PartialEq)]
pub struct FittedFile {
    /// The service.
    pub service: String,
    /// The engine's semantics under which it was fitted.
    pub semantics: u32,
    /// The digest of the definition on which it was fitted, in hexadecimal.
    pub definition: String,
    /// What was fitted.
    pub fitted: FittedService,
}

/// The members of a file, as JSON has them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(rename = "format")]
    _format: Json,
    service: String,
    semantics: u32,
    definition: String,
    rows: u64,
    interval: Option<Interval>,
    slots: Vec<Slot>,
    #[serde(rename = "digest")]
    _digest: Json,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Interval {
    from: String,
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Slot {
    name: String,
    count: u64,
    null_count: u64,
    error_count: u64,
    min: Json,
    max: Json,
    steps: Vec<Json>,
}

impl FittedFile {
    /// What was fitted for a service just now.
    #[must_use]
    pub fn new(service: &Service, fitted: FittedService) -> Self {
        let definition = hex(&definition_digest(service));
        Self { service: service.name.clone(), semantics: crate::SEMANTICS, definition, fitted }
    }

    /// The parameters, for [`fingerprint`]: for each slot a list with an item for each step.
    #[must_use]
    pub fn parameters(&self) -> Json {
        self.fitted.slots.iter().map(|slot| Json::Array(slot.steps.clone())).collect()
    }

    /// The fingerprint of the service with these parameters.
    #[must_use]
    pub fn fingerprint(&self, service: &Service) -> [u8; 32] {
        fingerprint(service, Some(&self.parameters()))
    }

    /// The text of the file: the same bytes for the same contents.
    ///
    /// # Errors
    /// A time of the interval that RFC 3339 can't write.
    pub fn write(&self) -> Result<String, String> {
        let text = |micros| {
            time::format(micros)
                .ok_or_else(|| format!("the event time {micros} µs is outside the years that can be written"))
        };
        let interval = match self.fitted.interval {
            Some((from, to)) => Canonical::map([("from", text(from)?.into()), ("to", text(to)?.into())]),
            None => Canonical::Null,
        };
        let mut members = BTreeMap::from([
            ("format".to_owned(), FORMAT.into()),
            ("service".to_owned(), self.service.as_str().into()),
            ("semantics".to_owned(), self.semantics.into()),
            ("definition".to_owned(), self.definition.as_str().into()),
            ("rows".to_owned(), self.fitted.rows.into()),
            ("interval".to_owned(), interval),
            ("slots".to_owned(), Canonical::List(self.fitted.slots.iter().map(slot).collect())),
        ]);
        let digest = hex(&Canonical::Map(members.clone()).digest());
        members.insert("digest".to_owned(), digest.into());
        Ok(Canonical::Map(members).pretty())
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// What is wrong, in words: no JSON, another format, a member that is missing or of the wrong form, contents that the digest
    /// does not belong to.
    pub fn read(text: &str) -> Result<Self, String> {
        let json: Json = serde_json::from_str(text).map_err(|error| format!("this is no JSON: {error}"))?;
        match json.get("format").map(Json::as_u64) {
            Some(Some(format)) if format == u64::from(FORMAT) => {}
            Some(Some(format)) if format > u64::from(FORMAT) => {
                return Err(format!("format {format} is of a newer version of unskew; this one reads format {FORMAT}"));
            }
            _ => return Err(format!("this is no fitted file: it has no `format: {FORMAT}`")),
        }
        if json.get("digest").and_then(Json::as_str) != Some(digest(&json).as_str()) {
            return Err(
                "the contents do not belong to the `digest`: the file was changed after it was written; fit again"
                    .to_owned(),
            );
        }
        let document =
            Document::deserialize(&json).map_err(|error| format!("the fitted file is not as it should be: {error}"))?;
        let interval = match document.interval {
            Some(Interval { from, to }) => {
                let micros = |text: &str| time::parse(text).map_err(|error| format!("`interval`: {error}"));
                Some((micros(&from)?, micros(&to)?))
            }
            None => None,
        };
        let slots = document.slots.into_iter().map(|slot| FittedSlot {
            name: slot.name,
            count: slot.count,
            nulls: slot.null_count,
            errors: slot.error_count,
            min: slot.min,
            max: slot.max,
            steps: slot.steps,
        });
        let fitted = FittedService { rows: document.rows, interval, slots: slots.collect() };
        Ok(Self { service: document.service, semantics: document.semantics, definition: document.definition, fitted })
    }

    /// Whether it was fitted on this definition, under these semantics.
    ///
    /// # Errors
    /// What differs, in words, and what to do.
    pub fn check(&self, service: &Service) -> Result<(), String> {
        if self.service != service.name {
            return Err(format!("it was fitted for the service `{}`, not `{}`", self.service, service.name));
        }
        if self.semantics != crate::SEMANTICS {
            let (theirs, ours) = (self.semantics, crate::SEMANTICS);
            return Err(format!(
                "it was fitted under semantics {theirs} of the engine, and this engine has {ours}; fit again"
            ));
        }
        if self.definition == hex(&definition_digest(service)) {
            return Ok(());
        }
        let change = self.change(service).unwrap_or_else(|| {
            "the slots have the same names, so a step, an expression, a view, a source or a type changed".to_owned()
        });
        Err(format!("it was fitted on another definition of `{}`: {change}; fit again", service.name))
    }

    /// What changed in the slots since the fit, as far as their names show it.
    fn change(&self, service: &Service) -> Option<String> {
        let before: Vec<&str> = self.fitted.slots.iter().map(|slot| slot.name.as_str()).collect();
        let after: Vec<&str> = service.slots.iter().map(|slot| slot.name.as_str()).collect();
        let gone = before.iter().find(|name| !after.contains(name)).map(|name| format!("the slot `{name}` is gone"));
        let new = after.iter().find(|name| !before.contains(name)).map(|name| format!("the slot `{name}` is new"));
        let steps = || {
            let pairs = self.fitted.slots.iter().zip(&service.slots);
            let differs = pairs.into_iter().find(|(fitted, slot)| fitted.steps.len() != slot.steps.len());
            differs.map(|(fitted, slot)| {
                format!("the slot `{}` had {} steps and has {}", slot.name, fitted.steps.len(), slot.steps.len())
            })
        };
        match (gone, new) {
            (Some(gone), Some(new)) => Some(format!("{gone}, {new}")),
            (Some(change), None) | (None, Some(change)) => Some(change),
            (None, None) if before != after => Some("the slots are in another order".to_owned()),
            (None, None) => steps(),
        }
    }
}

fn slot(slot: &FittedSlot) -> Canonical {
    Canonical::map([
        ("name", slot.name.as_str().into()),
        ("count", slot.count.into()),
        ("null_count", slot.nulls.into()),
        ("error_count", slot.errors.into()),
        ("min", (&slot.min).into()),
        ("max", (&slot.max).into()),
        ("steps", Canonical::list(&slot.steps)),
    ])
}

/// The digest that belongs to the members of a file, all but the digest itself.
pub(super) fn digest(json: &Json) -> String {
    let mut form = Canonical::from(json);
    if let Canonical::Map(members) = &mut form {
        members.remove("digest");
    }
    hex(&form.digest())
}

/// Fitted files by service and name; the name of `<service>.fitted.json` is empty.
pub type FittedFiles = BTreeMap<(String, String), FittedFile>;

/// The service and the name that the name of a file says: `fraud.v2.fitted.json` is `v2` of `fraud`.
#[must_use]
pub fn name(file: &str) -> Option<(&str, &str)> {
    let stem = file.strip_suffix(SUFFIX)?;
    match stem.split_once('.') {
        None => is_name(stem).then_some((stem, "")),
        Some((service, name)) => {
            (is_name(service) && is_fitted_name(name) && !name.is_empty()).then_some((service, name))
        }
    }
}

/// Reads the fitted files that lie beside the definitions of `path`. Those that fit their definitions are returned; of the others
/// is said why they are not. A file of a former definition is no reason to refuse the new one: until it is fitted, its service
/// answers that it is not.
#[must_use]
pub fn load_fitted(path: &Path, definitions: &Definitions) -> (FittedFiles, Vec<Diagnostic>) {
    let mut out = Diagnostics::default();
    let files = super::files::read_fitted(path, &mut out);
    let fitted = parse_fitted(&files, definitions, &mut out);
    (fitted, out.into_sorted())
}

/// Reads the texts of fitted files, each with its path. What is wrong with one goes to `out`.
#[must_use]
pub fn parse_fitted(files: &[(PathBuf, String)], definitions: &Definitions, out: &mut Diagnostics) -> FittedFiles {
    let mut found = FittedFiles::new();
    let mut places: BTreeMap<(String, String), &Path> = BTreeMap::new();
    for (path, text) in files {
        let span = Span { file: Arc::new(path.clone()), line: 1, column: 1 };
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let Some((service, name)) = name(&file) else {
            let help = "fitted files are named `<service>.fitted.json` or `<service>.<name>.fitted.json`";
            out.error_with_help(&span, format!("`{file}` is not the name of a fitted file"), help);
            continue;
        };
        let Some(definition) = definitions.services.get(service) else {
            let known = definitions.services.keys().map(String::as_str);
            out.report(&span, format!("there is no service `{service}`"), did_you_mean(service, known));
            continue;
        };
        let key = (service.to_owned(), name.to_owned());
        if let Some(first) = places.get(&key) {
            let message = format!(
                "the service `{service}` has two fitted files of this name; the other one is `{}`",
                first.display()
            );
            out.error(&span, message);
            continue;
        }
        match FittedFile::read(text).and_then(|fitted| fitted.check(definition).map(|()| fitted)) {
            Ok(fitted) => {
                places.insert(key.clone(), path);
                found.insert(key, fitted);
            }
            Err(why) => out.error(&span, why),
        }
    }
    found
}
