//! The effective configuration as TOML, for `check-config`.

use super::Config;
use super::problem::{Origin, printable};

/// One value of the effective configuration, without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Effective {
    pub(super) section: String,
    pub(super) name: String,
    /// The value as it would stand in TOML.
    pub(super) shown: String,
    pub(super) origin: Origin,
}

impl Config {
    /// The effective configuration as TOML, each value with the layer that it came from in a comment, and without secrets.
    #[must_use]
    pub fn print(&self) -> String {
        let mut text = String::new();
        let mut section = "";
        for value in &self.effective {
            if value.section != section {
                if !text.is_empty() {
                    text.push('\n');
                }
                section = &value.section;
                text.push_str(&format!("[{section}]\n"));
            }
            text.push_str(&format!("{} = {}  # {}\n", value.name, value.shown, printable(&layer(&value.origin))));
        }
        text
    }
}

/// The layer in words. Keys in files have no other name than the one on the same line.
fn layer(origin: &Origin) -> String {
    match origin.place.as_str() {
        Origin::ENVIRONMENT | Origin::FLAG => format!("{}: {}", origin.place, origin.name),
        place => place.to_owned(),
    }
}
