//! `load`.

use clap::Args;

use super::configured::Configured;
use super::{Failure, print};
use crate::config::{Address, Config};
use crate::load::{self, LoadError, Options, Summary, Target};
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
    options: Options,
}

impl Load {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.configured.load()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::usage)?;
        let done = runtime.block_on(load(config, self.options));
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

async fn load(config: Config, options: Options) -> Result<Summary, Failure> {
    let messages = Box::new(std::io::stderr());
    if !options.offline {
        let target = Target::Gateway(reachable(&config.server.address)?);
        return load::run(options, target, messages).await.map_err(Failure::usage);
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

/// Where the gateway of this configuration is reached from its own machine.
fn reachable(address: &Address) -> Result<String, Failure> {
    if address.port() == 0 {
        let message = "server.address has port 0, which only the gateway can resolve: say --address HOST:PORT";
        return Err(Failure::usage(message));
    }
    Ok(address.reachable().to_string())
}
