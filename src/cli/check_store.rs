//! `check-store`.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;

use super::configured::Configured;
use super::{Failure, print};
use crate::config::Config;
use crate::store::StoreUrl;
use crate::store::embedded::{self, Report};

/// Verifies every value of an embedded store.
#[derive(Debug, Args)]
pub struct CheckStore {
    #[command(flatten)]
    configured: Configured,
    /// Lets the gateway open a store that lost acknowledged commits, with what is left.
    #[arg(long)]
    accept_loss: bool,
}

impl CheckStore {
    pub(super) fn run(self) -> Result<(), Failure> {
        let directory = directory("check-store", &self.configured.load()?)?;
        if self.accept_loss {
            embedded::accept_loss(&directory).map_err(Failure::found)?;
        }
        let report = embedded::check(&directory).map_err(Failure::found)?;
        print(&describe(&report))?;
        if report.is_sound() {
            return Ok(());
        }
        Err(Failure::found(format!("the store in {} is damaged: see above", directory.display())))
    }
}

/// The directory of the embedded store, for a command that knows no other.
pub(super) fn directory(command: &str, config: &Config) -> Result<PathBuf, Failure> {
    match &config.store.url {
        StoreUrl::Embedded(directory) => Ok(directory.clone()),
        url @ StoreUrl::Redis(_) => Err(Failure::usage(format!(
            "store.url is {url}: {command} is for embedded stores, embedded:DIRECTORY; a server has its own means"
        ))),
    }
}

fn describe(report: &Report) -> String {
    let mut text = format!("values: {} sound, {} damaged, {} bytes\n", report.values, report.damaged, report.bytes);
    let acknowledged = report.acknowledged_commit.map_or_else(|| "unknown".to_owned(), |commit| commit.to_string());
    // Writing to a String can't fail.
    let _ = writeln!(text, "commits: last {}, last acknowledged {acknowledged}", report.last_commit);
    for key in &report.damaged_keys {
        let _ = writeln!(text, "damaged: {}", key.escape_ascii());
    }
    if report.unreadable > 0 {
        let cause = report.unreadable_cause.as_deref().unwrap_or_default();
        let _ = writeln!(text, "unreadable blocks: {} ({cause})", report.unreadable);
    }
    if let Some(lost) = &report.lost {
        let _ = writeln!(text, "lost: {lost}");
    }
    text
}
