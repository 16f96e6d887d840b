//! `load`: rows of a file into the built-in view, through a running gateway or straight into the store. A thread reads the file into
//! batches; they are delivered in order, and what the target says of each row is reported where it stands in the file.

mod backoff;
mod batch;
mod cells;
mod columns;
mod csv;
mod error;
mod format;
mod gateway;
mod guard;
mod intake;
mod lines;
mod ndjson;
mod open;
mod options;
mod parquet;
mod progress;
mod report;
mod store;
mod summary;

pub use error::LoadError;
pub use format::Format;
pub use gateway::{Remote, Secured};
pub use options::Options;
pub use summary::Summary;

use std::io::Write;

use crate::lookup::Lookup;
use gateway::Gateway;
use intake::Intake;
use report::Report;

/// Where the rows go.
#[derive(Clone, Debug)]
pub enum Target {
    /// A running gateway.
    Gateway(Remote),
    /// The store behind this core; nobody else has it open.
    Store(Lookup),
}

/// Loads a file. Bad rows and progress go to `messages`, which is standard error.
///
/// # Errors
/// When the file can't be read to its end, or the target takes no more; the message says how many rows are stored.
pub async fn run(options: Options, target: Target, messages: Box<dyn Write + Send>) -> Result<Summary, LoadError> {
    let source = open::open(&options)?;
    let mut report = Report::new(&options, source.unit, source.total, messages);
    let mut intake = Intake::start(source.rows, options.batch_rows, options.strict);
    let delivered = match &target {
        Target::Gateway(remote) => Gateway::new(remote, &options)?.deliver(&mut intake, &mut report).await,
        Target::Store(lookup) => store::deliver(lookup, &options, &mut intake, &mut report).await,
    };
    let done = match delivered {
        Ok(()) => intake.end().await,
        Err(error) => Err(error),
    };
    let summary = report.finish();
    done.map(|()| summary).map_err(|error| error.after(&summary))
}
