//! `load`.

use clap::Args;

use super::configured::Configured;
use super::trust::Trust;
use super::{Failure, print};
use crate::config::Config;
use crate::load::{self, LoadError, Options, Remote, Summary, Target};
use crate::lookup::Lookup;
use crate::server;
use crate::store;
use crate::telemetry::metrics::Metrics;

/// Loads rows from a file.
#[derive(Debug, Args)]
pub struct Load {
    #[command(flatten)]
    configured: Configured,
    #[command(flatten)]
    trust: Trust,
    /// Sends the API key of UNSKEW_API_KEY as plain text to other machines too.
    #[arg(long)]
    allow_insecure: bool,
    #[command(flatten)]
    options: Options,
}

impl Load {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.configured.load()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::usage)?;
        let target = if self.options.offline { None } else { Some(self.trust.remote(&config, self.allow_insecure)?) };
        let done = runtime.block_on(load(config, self.options, target));
        // A reader that waits for a pipe must not hold the end up.
        runtime.shutdown_background();
        let summary = done?;
        print(&summary.to_string())?;
        if summary.bad == 0 {
            return Ok(());
        }
        Err(Failure::found(format!("{} of {} rows are bad", summary.bad, summary.read())))
    }
}

async fn load(config: Config, options: Options, remote: Option<Remote>) -> Result<Summary, Failure> {
    let messages = Box::new(std::io::stderr());
    if let Some(remote) = remote {
        return load::run(options, Target::Gateway(remote), messages).await.map_err(Failure::usage);
    }
    let metrics = Metrics::install().map_err(Failure::usage)?;
    let store = store::open(&config.store.url, &server::store_options(&config)).map_err(Failure::usage)?;
    let mut lookup = Lookup::new(store.clone(), server::limits(&config), metrics);
    if let Some(path) = &config.definitions.path {
        lookup =
            lookup.with_definitions(path).map_err(|found| Failure::found(format!("definitions.path:\n{found}")))?;
    }
    let done: Result<Summary, LoadError> = load::run(options, Target::Store(lookup), messages).await;
    // What was acknowledged is stored, whatever the end is like.
    let closed = store.close().await;
    let summary = done.map_err(Failure::usage)?;
    closed.map_err(Failure::usage)?;
    Ok(summary)
}
