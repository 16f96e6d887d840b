//! The binary: reads the command line, and leaves the rest to the library.

use std::process::ExitCode;

use clap::Parser;
use unskew_gateway::cli::Command;

/// Faster than the system's for many small, short-lived pieces.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Online features over gRPC and REST on one port.
#[derive(Parser)]
#[command(name = "unskew-gateway", version, about, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    unskew_gateway::tls::install_provider();
    Arguments::parse().command.run()
}
