//! What is wrong with a configuration.

use std::fmt;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// The key as the user wrote it: `store.timeout`, `APP__STORE__TIMEOUT`, `--store`.
    pub(super) name: String,
    /// The layer: `default`, `environment`, `flag`, or the file and the line.
    pub(super) place: String,
}

impl Origin {
    pub(super) const DEFAULT: &'static str = "default";
    pub(super) const ENVIRONMENT: &'static str = "environment";
    pub(super) const FLAG: &'static str = "flag";

    pub(super) fn new(name: impl Into<String>, place: impl Into<String>) -> Self {
        Self { name: name.into(), place: place.into() }
    }
}

/// One thing that is wrong with a configuration. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key as the user wrote it, or the file that can't be read.
    pub key: String,
    /// The layer that it came from: a file with its line, `environment` or `flag`. Empty when the key says it all.
    pub layer: String,
    /// The value as it would stand in TOML, shortened and without secrets. `None` where there is none, or where it can't be told
    /// whether it is a secret, as behind an unknown key.
    pub value: Option<String>,
    /// What is wrong, and what is allowed.
    pub fault: String,
}

impl Problem {
    pub(super) fn of(origin: &Origin, value: Option<String>, fault: impl Into<String>) -> Self {
        Self { key: origin.name.clone(), layer: origin.place.clone(), value, fault: fault.into() }
    }

    pub(super) fn of_file(path: &str, fault: impl Into<String>) -> Self {
        Self { key: path.to_owned(), layer: String::new(), value: None, fault: fault.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What users write may hold line breaks and escape sequences of terminals.
        write!(f, "{}", printable(&self.key))?;
        if let Some(value) = &self.value {
            write!(f, " = {}", printable(value))?;
        }
        if !self.layer.is_empty() {
            write!(f, " ({})", printable(&self.layer))?;
        }
        write!(f, ": {}", printable(&self.fault))
    }
}

/// The text on one line, without control characters.
pub(super) fn printable(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// Everything that is wrong with a configuration, at least one thing, in the order of the layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// The problems.
    #[must_use]
    pub fn all(&self) -> &[Problem] {
        &self.0
    }
}

impl From<Vec<Problem>> for Problems {
    fn from(problems: Vec<Problem>) -> Self {
        Self(problems)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.0.as_slice() {
            return write!(f, "configuration: {only}");
        }
        write!(f, "configuration: {} problems", self.0.len())?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for Problems {}
