//! Why a load could not go on.

use std::fmt;

use super::Summary;

/// A load that ended early: a file that can't be read, a target that takes no more. In words, for the one who started it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError(String);

impl LoadError {
    /// What is wrong, where, and what would be right.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// With what was reached before.
    pub(super) fn after(self, summary: &Summary) -> Self {
        let Summary { accepted, bad, .. } = summary;
        Self(format!("{}; rows stored for sure: {accepted}, bad: {bad}", self.0))
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LoadError {}
