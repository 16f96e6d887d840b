//! A load client for the gateway's `GetOnlineFeatures`, with as little of its own in the way as possible: one thread, raw HTTP/2,
//! requests encoded before the clock starts, and a timer of the kernel for the schedule. Every command prints one JSON object.

mod call;
mod closed;
mod error;
mod fetch;
mod floor;
mod messages;
mod options;
mod paced;
mod report;
mod requests;
mod ticker;

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

/// Runs the command on one thread: a second one would take a core from the server that is being measured.
fn run(command: Command) -> Result<(), BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| BenchError::Io { doing: "starting the runtime".into(), source })?;
    runtime.block_on(async {
        match command {
            Command::Paced(options) => print(&paced::run(&options).await?),
            Command::Closed(options) => print(&closed::run(&options).await?),
            Command::Fetch(options) => print(&fetch::run(&options).await?),
            Command::Probe(options) => print(&fetch::probe(&options).await?),
        }
    })
}

fn print(value: &impl Serialize) -> Result<(), BenchError> {
    let text = serde_json::to_string(value).map_err(BenchError::Print)?;
    writeln!(io::stdout(), "{text}")
        .map_err(|source| BenchError::Io { doing: "writing the result to stdout".into(), source })
}
