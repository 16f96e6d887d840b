//! What the command line says of a load.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::format::Format;
use crate::lookup::write::DEFAULT_VIEW;

/// What to load, and how.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// File of rows: Parquet, NDJSON or CSV.
    pub file: PathBuf,
    /// Writes straight into the store of the configuration instead of to a running gateway.
    #[arg(long)]
    pub offline: bool,
    /// Format of the file; by default what its name ends in says it.
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// The view to write to; rows of a defined view have the key columns of its entity.
    #[arg(long, default_value = DEFAULT_VIEW)]
    pub view: String,
    /// The column that holds the entity id, in the built-in view.
    #[arg(long, value_name = "COLUMN", default_value = "entity_id")]
    pub entity_id: String,
    /// Text to put before each entity id, in the built-in view.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub entity_prefix: String,
    /// The column that holds the event time; by default event_time, where there is one.
    #[arg(long, value_name = "COLUMN")]
    pub event_time: Option<String>,
    /// Columns of a CSV file that are text even where they look like a number, true or false.
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    pub csv_text: Vec<String>,
    /// Rows in one batch; a batch also ends at about 1 MiB.
    #[arg(long, value_name = "ROWS", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub batch_rows: u32,
    /// Batches sent before the first of them must be acknowledged.
    #[arg(long, value_name = "BATCHES", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub in_flight: u32,
    /// How long to try again when the gateway or its store is away, for example 30s.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub retry_for: Duration,
    /// Stops at the first bad row.
    #[arg(long)]
    pub strict: bool,
    /// Bad rows to show; the others are counted.
    #[arg(long, value_name = "ROWS", default_value_t = 20)]
    pub max_errors_shown: u64,
    /// Shows no progress bar.
    #[arg(long)]
    pub no_progress: bool,
}

/// A whole number and one of the units ms, s, m, h.
fn duration(text: &str) -> Result<Duration, String> {
    let wanted = || "a whole number and a unit (ms, s, m or h) is wanted, for example 30s".to_owned();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wanted)?);
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wanted()),
    };
    let number: u32 = number.parse().map_err(|_| wanted())?;
    Ok(Duration::from_millis(milliseconds * u64::from(number)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn has_the_documented_defaults() {
        let options = Command::try_parse_from(["load", "a.csv"]).unwrap().options;
        assert_eq!((options.batch_rows, options.in_flight, options.max_errors_shown), (1000, 4, 20));
        assert_eq!((options.view.as_str(), options.entity_id.as_str()), ("default", "entity_id"));
        assert_eq!(options.retry_for, Duration::from_secs(30));
        assert!(options.event_time.is_none() && options.csv_text.is_empty() && !options.strict && !options.offline);
    }

    #[test]
    fn refuses_what_makes_no_sense() {
        for flag in
            ["--batch-rows=0", "--in-flight=0", "--in-flight=65", "--retry-for=30", "--retry-for=é", "--retry-for=-1s"]
        {
            assert!(Command::try_parse_from(["load", "a.csv", flag]).is_err(), "{flag}");
        }
        assert!(Command::try_parse_from(["load"]).is_err());
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
    }
}
