//! `backup` and `restore`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::check_store::directory;
use super::configured::Configured;
use super::http::{self, Asked};
use super::trust::Trust;
use super::{Failure, print};
use crate::config::{Address, Config};
use crate::server;
use crate::store::Backup as Written;
use crate::store::embedded;

/// How long connecting to the gateway may take; the backup itself takes as long as it takes.
const CONNECT: Duration = Duration::from_secs(5);

/// Backs up an embedded store.
#[derive(Debug, Args)]
pub struct Backup {
    #[command(flatten)]
    configured: Configured,
    #[command(flatten)]
    trust: Trust,
    /// Sends the API key of UNSKEW_API_KEY as plain text to other machines too.
    #[arg(long)]
    allow_insecure: bool,
    /// Reads the store itself, which no process may have open, instead of asking the gateway that serves it.
    #[arg(long)]
    offline: bool,
}

/// Puts a backup into an empty directory.
#[derive(Debug, Args)]
pub struct Restore {
    #[command(flatten)]
    configured: Configured,
    /// The backup.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Backup {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.configured.load()?;
        if !self.offline {
            return ask(&config, self.trust, self.allow_insecure);
        }
        let into = config.store.embedded.backup_directory.as_deref().ok_or_else(|| {
            Failure::usage(
                "no directory for backups is configured: set store.embedded.backup_directory \
                 (APP__STORE__EMBEDDED__BACKUP_DIRECTORY)",
            )
        })?;
        let directory = directory("backup --offline", &config)?;
        print(&describe(&embedded::backup(&directory, into).map_err(Failure::found)?))
    }
}

impl Restore {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.configured.load()?;
        let directory = directory("restore", &config)?;
        let options = server::store_options(&config).embedded;
        let restored = embedded::restore(&self.file, &directory, options).map_err(Failure::found)?;
        print(&format!("{}restored into: {}\n", describe(&restored), directory.display()))
    }
}

fn describe(written: &Written) -> String {
    let Written { file, rows, bytes, last_commit, sha256 } = written;
    format!("backup: {}\nrows: {rows}, {bytes} bytes, last commit {last_commit}\nsha256: {sha256}\n", file.display())
}

/// Has the running gateway write it, to its own disk.
fn ask(config: &Config, trust: Trust, allow_insecure: bool) -> Result<(), Failure> {
    let remote = trust.remote(config, allow_insecure)?;
    let address: Address = config.server.address.reachable();
    let key = remote.key.as_ref().map(|key| key.reveal());
    let asked = Asked { line: "POST /v1/admin/backup", key, connect_timeout: CONNECT, timeout: None };
    let answer = http::ask(&address, remote.secured.as_ref(), &asked).map_err(|error| {
        Failure::found(format!("{address}: {error}; with --offline the store of no running gateway is read"))
    })?;
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    if !answer.is_ok() {
        let error = &body["error"];
        let cause = match (error["code"].as_str(), error["message"].as_str()) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (_, _) => format!("{} {}", answer.status, answer.body),
        };
        return Err(Failure::found(format!("{address}: {cause}")));
    }
    let number = |name: &str| body[name].as_u64().unwrap_or_default();
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    print(&describe(&Written {
        file: text("file").into(),
        rows: number("rows"),
        bytes: number("bytes"),
        last_commit: number("last_commit"),
        sha256: text("sha256"),
    }))
}
