//! `check-config`.

use clap::Args;

use super::configured::Configured;
use super::{Failure, print};
use crate::config;
use crate::server;

/// Prints the effective configuration.
#[derive(Debug, Args)]
pub struct CheckConfig {
    #[command(flatten)]
    configured: Configured,
    /// Prints the reference of all settings instead, as in docs/configuration.md.
    #[arg(long)]
    document: bool,
}

impl CheckConfig {
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.document {
            return print(&config::document().map_err(Failure::usage)?);
        }
        let config = self.configured.load()?;
        print(&config.print())?;
        server::check_exposure(&config).map_err(|why| Failure::found(format!("server.address: {why}")))
    }
}
