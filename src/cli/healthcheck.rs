//! `healthcheck`: `/readyz` of a running gateway, without a tool beside the binary.

use std::time::Duration;

use clap::Args;

use super::configured::Configured;
use super::http::{self, Asked};
use super::trust::Trust;
use super::{Failure, print};

/// Asks a running gateway whether it is ready.
#[derive(Debug, Args)]
pub struct Healthcheck {
    #[command(flatten)]
    configured: Configured,
    #[command(flatten)]
    trust: Trust,
    /// Seconds to wait for the answer.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    timeout: u64,
}

impl Healthcheck {
    pub(super) fn run(self) -> Result<(), Failure> {
        let timeout = Duration::from_secs(self.timeout);
        let config = self.configured.load()?;
        let secured = self.trust.secured(&config);
        let address = config.server.address;
        let asked = Asked { line: "GET /readyz", key: None, connect_timeout: timeout, timeout: Some(timeout) };
        let answer = http::ask(&address.reachable(), secured.as_ref(), &asked)
            .map_err(|error| Failure::found(format!("{address}: {error}")))?;
        if answer.is_ok() {
            return print(&answer.body);
        }
        Err(Failure::found(format!("{address} is not ready: {} {}", answer.status, answer.body)))
    }
}
