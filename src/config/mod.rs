//! The configuration: `config/default.toml`, compiled in, then a file, the environment and flags, each over the one before; read once at
//! the start into plain typed values that are handed to who needs them. There is no global.
//!
//! What is wrong is reported all at once, in the user's own words: the key as it was written, the value unless it may be secret, the layer
//! it came from, what is allowed, and the known key that may have been meant.

mod address;
mod auth;
mod checks;
mod definitions;
mod document;
mod environment;
mod file;
mod flags;
mod ingest;
mod known;
mod layers;
mod limits;
mod load;
mod origins;
mod problem;
mod quantity;
mod render;
mod scalar;
mod server;
mod setting;
mod shutdown;
mod store;
mod suggest;
mod telemetry;
#[cfg(test)]
mod tests;
mod tracing;

use serde::Deserialize;

use self::checks::Checks;
use self::render::Effective;

pub use self::address::Address;
pub use self::auth::Auth;
pub use self::definitions::Definitions;
pub use self::document::document;
pub use self::flags::Flag;
pub use self::ingest::Ingest;
pub use self::limits::Limits;
pub use self::load::{Sources, load};
pub use self::origins::Origins;
pub use self::problem::{Problem, Problems};
pub use self::server::{Server, Tls};
pub use self::shutdown::Shutdown;
pub use self::store::{Embedded, Redis, Store};
pub use self::telemetry::{LogFormat, LogLevel, Telemetry};
pub use self::tracing::{OtlpEndpoint, OtlpHeaders, SampleRatio, ServiceName, Tracing};

/// The whole configuration. Its debug form holds no secrets.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The listener and its connections.
    pub server: Server,
    /// Who may use it.
    pub auth: Auth,
    /// How the process ends.
    pub shutdown: Shutdown,
    /// How much one request may ask, bring and get.
    pub limits: Limits,
    /// Which rows are accepted.
    pub ingest: Ingest,
    /// Which views and services there are.
    pub definitions: Definitions,
    /// Where rows are kept.
    pub store: Store,
    /// What the process says of itself.
    pub telemetry: Telemetry,
    /// Every value and its layer, for [`Config::print`].
    #[serde(skip)]
    effective: Vec<Effective>,
}

/// A section of the configuration.
trait Section {
    /// Its name in TOML.
    const PATH: &'static str;

    /// Reports what is wrong between its values; each value alone was checked as it was read.
    fn validate(&self, checks: &mut Checks<'_>);
}
