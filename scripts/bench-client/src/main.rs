//! A load client for the gateway's `GetOnlineFeatures`, with as little of its own in the way as possible: one thread, frames
//! of HTTP/2 encoded before the clock starts, and an epoll whose timeout is the schedule. Every command prints one JSON object.

mod client;
mod closed;
mod error;
mod fetch;
mod floor;
mod http2;
mod messages;
mod options;
mod paced;
mod report;
mod requests;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use serde::Serialize;

use crate::error::BenchError;
use crate::options::{Command, Options};

fn main() -> ExitCode {
    let done = run(Options::parse().command);
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A closed stderr leaves nowhere to report to; the exit code still tells.
            drop(writeln!(io::stderr(), "bench-client: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs the command on this thread: a second one would take a core from the server that is being measured.
fn run(command: Command) -> Result<(), BenchError> {
    match command {
        Command::Paced(options) => print(&paced::run(&options)?),
        Command::Closed(options) => print(&closed::run(&options)?),
        Command::Fetch(options) => print(&fetch::run(&options)?),
        Command::Probe(options) => print(&fetch::probe(&options)?),
    }
}

fn print(value: &impl Serialize) -> Result<(), BenchError> {
    let text = serde_json::to_string(value).map_err(BenchError::Print)?;
    writeln!(io::stdout(), "{text}")
        .map_err(|source| BenchError::Io { doing: "writing the result to stdout".into(), source })
}
