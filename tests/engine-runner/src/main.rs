//! Feeds the engine from other languages in differential tests: `engine-runner COMMAND`, JSON lines in, JSON lines out.

mod expr;
mod transform;

use std::io::{self, BufRead, BufWriter, Write};
use std::process::ExitCode;

use serde_json::Value as Json;

/// What a command makes of one line.
type Command = fn(&Json) -> Result<Json, String>;

/// A command by its name.
fn command(name: &str) -> Option<Command> {
    match name {
        "expr" => Some(expr::run),
        "transform" => Some(transform::run),
        _ => None,
    }
}

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let done = command(&name).ok_or_else(|| format!("there is no command `{name}`")).and_then(serve);
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Nothing is left to do if standard error is closed.
            let _ = writeln!(io::stderr(), "engine-runner: {message}");
            ExitCode::FAILURE
        }
    }
}

fn serve(command: Command) -> Result<(), String> {
    let mut out = BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let line = line.map_err(|error| error.to_string())?;
        let answer = serde_json::from_str(&line).map_err(|error| error.to_string()).and_then(|line| command(&line))?;
        writeln!(out, "{answer}").map_err(|error| error.to_string())?;
    }
    out.flush().map_err(|error| error.to_string())
}
