//! `serve`.

use clap::Args;
use tokio::net::TcpListener;

use super::Failure;
use super::configured::Configured;
use crate::config::{Address, Config, Sources};
use crate::server::{self, Listeners, Stop};
use crate::telemetry::logs;
use crate::telemetry::metrics::Metrics;

/// Serves features.
#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    configured: Configured,
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Failure> {
        let sources = self.configured.sources();
        let config = crate::config::load(sources.clone()).map_err(Failure::usage)?;
        logs::install(&config.telemetry).map_err(Failure::usage)?;
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        if config.server.worker_threads > 0 {
            builder.worker_threads(config.server.worker_threads);
        }
        let runtime = builder.enable_all().build().map_err(Failure::usage)?;
        runtime.block_on(serve(config, sources))
    }
}

async fn serve(config: Config, sources: Sources) -> Result<(), Failure> {
    let stop = Stop::listen().map_err(Failure::usage)?;
    let metrics = Metrics::install().map_err(Failure::usage)?;
    let main = listen("server.address", &config.server.address).await?;
    let scraped = match &config.telemetry.metrics_address {
        Some(address) => Some(listen("telemetry.metrics_address", address).await?),
        None => None,
    };
    let listeners = Listeners { main, metrics: scraped };
    server::run(listeners, config, sources, metrics, stop.wait()).await.map_err(Failure::found)
}

async fn listen(key: &str, address: &Address) -> Result<TcpListener, Failure> {
    TcpListener::bind((address.host(), address.port()))
        .await
        .map_err(|error| Failure::usage(format!("{key}: could not listen on {address}: {error}")))
}
