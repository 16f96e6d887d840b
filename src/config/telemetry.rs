//! `[telemetry]`: what the process says of itself. `[telemetry.tracing]` is in `tracing.rs`.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use super::Section;
use super::address::Address;
use super::checks::Checks;
use super::scalar::{self, Text};
use super::tracing::Tracing;

/// What the process says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Telemetry {
    /// How a line of the log looks.
    #[serde(deserialize_with = "scalar::text")]
    pub log_format: LogFormat,
    /// Which lines are logged.
    #[serde(deserialize_with = "scalar::text")]
    pub log_level: LogLevel,
    /// Where the metrics are served beside the port, without a key; none: nowhere.
    #[serde(deserialize_with = "scalar::text")]
    pub metrics_address: Option<Address>,
    /// Whether replies tell the times that they took.
    #[serde(deserialize_with = "scalar::flag")]
    pub server_timing: bool,
    /// Distributed tracing.
    pub tracing: Tracing,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// [`LogFormat::Pretty`] on a terminal, [`LogFormat::Json`] elsewhere.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// Directives of tracing's filter, found to be well-formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLevel(String);

impl LogLevel {
    /// The directives as they were written: `info`, or `unskew_gateway=debug,info`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Section for Telemetry {
    const PATH: &'static str = "telemetry";

    /// Each value is free within its own bounds.
    fn validate(&self, _: &mut Checks<'_>) {}
}

impl Text for LogFormat {
    const ALLOWED: &'static str = "auto, json or pretty";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            "json" => Some(Self::Json),
            "pretty" => Some(Self::Pretty),
            _ => None,
        }
    }
}

impl Text for LogLevel {
    const ALLOWED: &'static str = "off, error, warn, info, debug, trace, or directives with commas between, for example unskew_gateway=debug,info";

    fn parse(text: &str) -> Option<Self> {
        let good = !text.trim().is_empty() && EnvFilter::try_new(text).is_ok();
        good.then(|| Self(text.to_owned()))
    }
}
