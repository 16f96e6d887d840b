//! Events of a case, and what it expects of them.

use serde::Deserialize;
use serde_json::Value as Json;

use super::{ExpectedBad, raw};

/// Events to write to a source in one call, and those that are refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventWrite {
    pub source: String,
    /// Each a mapping, or a text that is sent as it is.
    pub events: Vec<Json>,
    /// When they arrive; without it so late that none of them is FUTURE.
    #[serde(default)]
    pub now: Option<String>,
    /// Those that a view has let go of.
    #[serde(default)]
    pub late: Vec<Refused>,
    /// Those for which the state of a view has no room.
    #[serde(default)]
    pub limited: Vec<Refused>,
    #[serde(default)]
    pub bad: Vec<ExpectedBad>,
}

/// An event that a view refuses.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    pub row: usize,
    pub view: String,
}

/// Limits that a case sets.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Of the state of one entity in one view.
    #[serde(default)]
    pub state_bytes: Option<usize>,
}

impl EventWrite {
    /// One event that nothing refuses.
    pub fn of(source: String, event: Json, now: Option<String>) -> Self {
        Self { source, events: vec![event], now, late: Vec::new(), limited: Vec::new(), bad: Vec::new() }
    }

    /// The events as they are sent.
    pub fn lines(&self) -> Vec<String> {
        self.events.iter().map(raw).collect()
    }
}
