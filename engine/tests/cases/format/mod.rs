//! Golden cases as data: `docs/cases.md` describes the format. The engine's runner and the gateway's share this reading of it, and
//! the one comparison of what was expected with what was found.

mod answer;
mod events;
mod yaml;

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value as Json;

pub use answer::{Answer, Incomplete};
pub use events::{EventWrite, Limits, Refused};

/// A file of cases, which share their definitions and what is stored.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Its name without `.yaml`.
    #[serde(skip)]
    pub name: String,
    pub title: String,
    /// The text of a file of definitions.
    #[serde(default)]
    pub definitions: String,
    /// What was defined and written before these definitions.
    #[serde(default)]
    pub before: Option<Before>,
    /// Fitted parameters: by service and slot, for each step what was fitted.
    #[serde(default)]
    pub fitted: BTreeMap<String, BTreeMap<String, Vec<Json>>>,
    pub cases: Vec<Case>,
}

/// Former definitions, and rows that were written under them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Before {
    pub definitions: String,
    pub rows: Vec<Write>,
}

/// One case: what is written, what is asked, and what every path answers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    #[serde(default)]
    pub rows: Vec<Write>,
    /// Events, after the rows.
    #[serde(default)]
    pub events: Vec<EventWrite>,
    /// By window view: the time since which it knows all events.
    #[serde(default)]
    pub complete_since: BTreeMap<String, String>,
    #[serde(default)]
    pub limits: Limits,
    /// Values in the store as another tool would put them there.
    #[serde(default)]
    pub stored: Vec<Stored>,
    #[serde(default)]
    pub request: Option<Request>,
    /// A list for each row; null is the quiet NaN.
    #[serde(default)]
    pub vectors: Option<Vec<Vec<Option<f64>>>>,
    /// By input: the exact value of each row.
    #[serde(default)]
    pub values: BTreeMap<String, Vec<Json>>,
    /// Whether its events, split and merged in any way, must give the same.
    #[serde(default)]
    pub merge: bool,
    /// Whether they must in any order.
    #[serde(default)]
    pub shuffle: bool,
    /// Whether training must give the same.
    #[serde(default = "yes")]
    pub batch: bool,
    /// Whether the gateway must: training alone knows `known_at`.
    #[serde(default = "yes")]
    pub online: bool,
    #[serde(default)]
    pub names: Option<Vec<String>>,
    /// All rows that are not complete.
    #[serde(default)]
    pub incomplete: Vec<ExpectedIncomplete>,
    /// By slot, one a row.
    #[serde(default)]
    pub statuses: BTreeMap<String, Vec<String>>,
    /// By view, one a row.
    #[serde(default)]
    pub event_times: BTreeMap<String, Vec<Option<String>>>,
    #[serde(default)]
    pub fingerprint: Option<String>,
    /// By entity id: features and statuses.
    #[serde(default)]
    pub results: Option<BTreeMap<String, ExpectedSet>>,
    #[serde(default)]
    pub error: Option<ExpectedError>,
    /// Definitions of its own; such a case asks nothing.
    #[serde(default)]
    pub definitions: Option<String>,
    /// What its definitions take the place of, where that matters.
    #[serde(default)]
    pub previous: Option<String>,
    /// All that is wrong with its definitions: how each fault begins, `line:column: message`.
    #[serde(default)]
    pub diagnostics: Vec<String>,
    /// Or the fingerprints of its services.
    #[serde(default)]
    pub fingerprints: BTreeMap<String, String>,
}

/// Rows to write to a view, in this order, and those that are refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Write {
    pub view: String,
    /// Each a mapping, or a text that is sent as it is.
    pub rows: Vec<Json>,
    #[serde(default)]
    pub bad: Vec<ExpectedBad>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedBad {
    pub row: usize,
    pub code: String,
    pub field: String,
    /// A part of it.
    #[serde(default)]
    pub message: String,
}

/// A value under a key of the store.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    pub key: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    hex: Option<String>,
}

/// A request for vectors, or for features.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    #[serde(default)]
    pub service: String,
    /// Columns: each a list, or a text with the JSON of one, which is sent as it is.
    #[serde(default)]
    pub entities: BTreeMap<String, Json>,
    #[serde(default)]
    pub request: BTreeMap<String, Json>,
    /// One time, or one for each row.
    #[serde(default)]
    pub as_of: Option<Json>,
    #[serde(default)]
    pub fingerprint: Option<String>,
    #[serde(default)]
    pub entity_ids: Vec<String>,
    #[serde(default)]
    pub feature_names: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedIncomplete {
    pub row: usize,
    pub slot: String,
    pub status: String,
    #[serde(default)]
    pub reason: Option<String>,
}

/// Features of one entity: those with a value or a stored null, and the statuses that are not PRESENT.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedSet {
    #[serde(default)]
    pub features: BTreeMap<String, Json>,
    /// `MISSING`, or `ERROR UNDECODABLE`.
    #[serde(default)]
    pub statuses: BTreeMap<String, String>,
    #[serde(default)]
    pub event_times: BTreeMap<String, String>,
    /// Of the whole row, where it is not PRESENT.
    #[serde(default)]
    pub status: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedError {
    pub code: String,
    #[serde(default)]
    pub field: String,
    /// A part of it.
    #[serde(default)]
    pub message: String,
}

impl File {
    fn is_about_windows(&self) -> bool {
        self.name.starts_with("windows")
    }
}

impl Stored {
    /// The bytes.
    pub fn bytes(&self) -> Vec<u8> {
        match (&self.text, &self.hex) {
            (Some(text), None) => text.as_bytes().to_vec(),
            (None, Some(hex)) => {
                (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
            }
            (Some(_), Some(_)) | (None, None) => panic!("{}: one of `text` and `hex` is needed", self.key),
        }
    }
}

impl Write {
    /// The rows as they are sent.
    pub fn lines(&self) -> Vec<String> {
        self.rows.iter().map(raw).collect()
    }
}

impl Request {
    /// A column as the JSON that is sent.
    pub fn column(column: &Json) -> String {
        raw(column)
    }

    /// The times of the rows, as they are sent.
    pub fn times(&self) -> Vec<String> {
        match &self.as_of {
            None => Vec::new(),
            Some(Json::Array(times)) => times.iter().map(text).collect(),
            Some(time) => vec![text(time)],
        }
    }
}

const fn yes() -> bool {
    true
}

fn text(json: &Json) -> String {
    json.as_str().unwrap_or_else(|| panic!("{json} is no text")).to_owned()
}

fn raw(json: &Json) -> String {
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}

/// The files of `tests/cases` without those of windows, by name.
pub fn files() -> Vec<File> {
    all().into_iter().filter(|file| !file.is_about_windows()).collect()
}

/// The files of `tests/cases` that are about windows.
pub fn window_files() -> Vec<File> {
    all().into_iter().filter(File::is_about_windows).collect()
}

fn all() -> Vec<File> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|at| at.join("tests/cases/README.md"));
    let folder = folder.into_iter().find(|readme| readme.exists()).unwrap();
    let mut paths: Vec<_> =
        fs::read_dir(folder.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    let files: Vec<File> = paths.iter().map(|path| read(path)).collect();
    let mut names = HashSet::new();
    for case in files.iter().flat_map(|file| &file.cases) {
        assert!(names.insert(&case.name), "two cases have the name {:?}", case.name);
    }
    assert!(names.len() >= 150, "only {} cases were found", names.len());
    files
}

fn read(path: &Path) -> File {
    let text = fs::read_to_string(path).unwrap();
    let json = yaml::read(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut file: File = serde_json::from_value(json).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    file.name = path.file_stem().unwrap().to_str().unwrap().to_owned();
    file
}
