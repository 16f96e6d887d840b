//! `serve`.

use clap::Args;

use super::Failure;
use super::configured::Configured;
use crate::config::Config;
use crate::server::{self, Stop};
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
        let config = self.configured.load()?;
        logs::install(&config.telemetry).map_err(Failure::usage)?;
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        if config.server.worker_threads > 0 {
            builder.worker_threads(config.server.worker_threads);
        }
        let runtime = builder.enable_all().build().map_err(Failure::usage)?;
        runtime.block_on(serve(config))
    }
}

async fn serve(config: Config) -> Result<(), Failure> {
    let stop = Stop::listen().map_err(Failure::usage)?;
    let metrics = Metrics::install().map_err(Failure::usage)?;
    let address = config.server.address.to_string();
    let listener = tokio::net::TcpListener::bind((config.server.address.host(), config.server.address.port()))
        .await
        .map_err(|error| Failure::usage(format!("server.address: could not listen on {address}: {error}")))?;
    server::run(listener, config, metrics, stop.wait()).await.map_err(Failure::found)
}
