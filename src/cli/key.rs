//! `key`.

use clap::{Args, Subcommand, ValueEnum};

use super::{Failure, print};
use crate::auth::{self, Digest, Scope};

/// Hexadecimal digits of the digest in a name that nobody chose.
const NAME_DIGITS: usize = 8;

/// Works with API keys.
#[derive(Debug, Args)]
pub struct Key {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Makes a key: prints it, on the first line and never again, and then the TOML for the gateway's configuration.
    New(New),
}

#[derive(Debug, Args)]
struct New {
    /// What the log calls it: letters, digits and signs of "._-".
    #[arg(long)]
    name: Option<String>,
    /// What it is good for; give it again for more.
    #[arg(long = "scope", value_name = "SCOPE", value_enum, default_values = ["read"])]
    scopes: Vec<ScopeName>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ScopeName {
    /// Features, vectors, explanations, definitions, metrics.
    Read,
    /// Rows, events, states.
    Write,
    /// Reloading definitions and keys.
    Admin,
}

impl ScopeName {
    const fn scope(self) -> Scope {
        match self {
            Self::Read => Scope::Read,
            Self::Write => Scope::Write,
            Self::Admin => Scope::Admin,
        }
    }
}

impl Key {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            KeyCommand::New(new) => new.run(),
        }
    }
}

impl New {
    fn run(self) -> Result<(), Failure> {
        let key = auth::generate().map_err(|error| Failure::found(format!("no random numbers: {error}")))?;
        let digest = Digest::of(key.as_bytes()).to_string();
        let name = self.name.unwrap_or_else(|| format!("key-{}", &digest[..NAME_DIGITS]));
        if !auth::is_name(&name) {
            return Err(Failure::usage(format!("--name: {}", auth::NAMES)));
        }
        let scopes: Vec<String> = Scope::ALL
            .into_iter()
            .filter(|scope| self.scopes.iter().any(|given| given.scope() == *scope))
            .map(|scope| format!("\"{scope}\""))
            .collect();
        let scopes = scopes.join(", ");
        print(&format!("{key}\n\n[[auth.keys]]\nname = \"{name}\"\nsha256 = \"{digest}\"\nscopes = [{scopes}]\n"))
    }
}
