//! The flags of every command that reads the configuration.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use crate::config::{self, Config, Flag, Sources};

/// Where the configuration comes from, beside the environment.
#[derive(Debug, Args)]
pub(crate) struct Configured {
    /// TOML file over the built-in defaults.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// server.address
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
    /// store.url
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

impl Configured {
    /// The configuration of all layers.
    pub(crate) fn load(self) -> Result<Config, Failure> {
        config::load(self.sources()).map_err(Failure::usage)
    }

    /// Its layers, to be read now and again.
    pub(crate) fn sources(self) -> Sources {
        let flags = [("--address", "server.address", self.address), ("--store", "store.url", self.store)];
        let flags = flags.into_iter().filter_map(|(name, key, value)| Some(Flag::new(name, key, value?))).collect();
        Sources { file: self.config, environment: std::env::vars_os().collect(), flags }
    }
}
