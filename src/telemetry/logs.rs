//! Logs on standard error: one JSON object a line, or a readable form.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Telemetry};

/// Installs the log writer.
///
/// # Errors
/// When the filter is malformed, or a writer is installed already; in words.
pub fn install(settings: &Telemetry) -> Result<(), String> {
    let filter = settings.log_level.as_str();
    let filter = EnvFilter::try_new(filter).map_err(|error| format!("telemetry.log_level: {filter:?}: {error}"))?;
    let json = match settings.log_format {
        LogFormat::Json => true,
        LogFormat::Pretty => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let installed = if json {
        builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
    } else {
        builder.try_init()
    };
    installed.map_err(|error| error.to_string())
}
