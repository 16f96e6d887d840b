//! The commands of the binary.

mod backup;
mod check;
mod check_config;
mod check_store;
mod configured;
mod healthcheck;
mod http;
mod key;
mod load;
mod openapi;
mod serve;
mod trust;

use std::io::Write;
use std::process::ExitCode;

use clap::Subcommand;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves features until SIGTERM.
    Serve(serve::Serve),
    /// Writes the rows of a Parquet, NDJSON or CSV file to a running gateway, or straight into the store.
    Load(load::Load),
    /// Checks definitions, and prints all that is wrong with them, each with its place and what would be right.
    Check(check::Check),
    /// Prints the effective configuration, with the layer that each value comes from, or what is wrong with it.
    CheckConfig(check_config::CheckConfig),
    /// Verifies every value of an embedded store that no process has open.
    CheckStore(check_store::CheckStore),
    /// Writes all that an embedded store holds to one file, while a gateway serves it, or with --offline while none does.
    Backup(backup::Backup),
    /// Puts such a file into an empty directory, and verifies what it put there.
    Restore(backup::Restore),
    /// Makes API keys.
    Key(key::Key),
    /// Prints the OpenAPI document.
    Openapi(openapi::Openapi),
    /// Asks a running gateway whether it is ready; for containers.
    Healthcheck(healthcheck::Healthcheck),
}

/// Why a command failed, for its user.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// A fault of what the command was given; exit code 2.
    pub(crate) fn usage(message: impl ToString) -> Self {
        Self { message: message.to_string(), code: 2 }
    }

    /// A fault that the command found; exit code 1.
    pub(crate) fn found(message: impl ToString) -> Self {
        Self { message: message.to_string(), code: 1 }
    }
}

impl Command {
    /// Runs the command to its end.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let done = match self {
            Self::Serve(command) => command.run(),
            Self::Load(command) => command.run(),
            Self::Check(command) => command.run(),
            Self::CheckConfig(command) => command.run(),
            Self::CheckStore(command) => command.run(),
            Self::Backup(command) => command.run(),
            Self::Restore(command) => command.run(),
            Self::Key(command) => command.run(),
            Self::Openapi(command) => command.run(),
            Self::Healthcheck(command) => command.run(),
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                // Nothing is left to tell if standard error is closed.
                drop(writeln!(std::io::stderr(), "error: {}", failure.message));
                ExitCode::from(failure.code)
            }
        }
    }
}

/// Writes to standard output; a closed pipe is no fault.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::usage(format!("standard output: {error}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
