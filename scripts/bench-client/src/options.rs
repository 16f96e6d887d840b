//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Loads a gateway over gRPC (h2c) and prints what it measured as JSON.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Open loop: sends by an absolute schedule, and counts latency from the time each request was due.
    Paced(Paced),
    /// Closed loop: every stream sends its next request when it has the reply to the last.
    Closed(Closed),
    /// Makes one call and prints the decoded reply.
    Fetch(Fetch),
    /// Makes one call with a request from a file, and prints the size of the reply.
    Probe(Probe),
}

#[derive(Debug, Args)]
pub(crate) struct Paced {
    #[command(flatten)]
    pub(crate) load: Load,
    /// HOST:PORT of the server.
    #[arg(long, required_unless_present = "floor")]
    pub(crate) address: Option<String>,
    /// Requests per second over all connections.
    #[arg(long, default_value_t = 1000.0, value_parser = positive)]
    pub(crate) rate: f64,
    /// Goes on however many replies are missing, and reports on the requests that were refused as too many.
    #[arg(long)]
    pub(crate) overload: bool,
    /// Loads a server inside this process that reads each request and answers without work: what is left is the client, the
    /// kernel and the protocol.
    #[arg(long, conflicts_with = "address")]
    pub(crate) floor: bool,
    /// Bytes of the message that the server of `--floor` answers with.
    #[arg(long, default_value_t = 0, requires = "floor")]
    pub(crate) floor_reply_bytes: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Closed {
    #[command(flatten)]
    pub(crate) load: Load,
    /// HOST:PORT of the server.
    #[arg(long)]
    pub(crate) address: String,
    /// Requests in flight on each connection.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) streams: u32,
}

/// What is sent, and for how long.
#[derive(Debug, Args)]
pub(crate) struct Load {
    /// Connections, used in turn.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) connections: u32,
    /// Seconds of load.
    #[arg(long, default_value = "10", value_parser = seconds)]
    pub(crate) duration: Duration,
    /// Entity ids in a request.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) batch: u32,
    /// Feature names in a request, of those that the rows have; 0 asks for all by naming none.
    #[arg(long, default_value_t = 0)]
    pub(crate) names: u32,
    /// Entities to choose from: PREFIX0 to PREFIX(n-1).
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) entities: u32,
    /// What an entity id begins with.
    #[arg(long, default_value = "customer_")]
    pub(crate) id_prefix: String,
    /// What a feature name begins with; a number of two digits follows.
    #[arg(long, default_value = "f")]
    pub(crate) name_prefix: String,
    /// Seed of the choice of entities.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// The method of `feature_store.FeatureStore` to call; its request must be that of `GetOnlineFeatures`.
    #[arg(long, default_value = "GetOnlineFeatures")]
    pub(crate) method: String,
}

#[derive(Debug, Args)]
pub(crate) struct Fetch {
    /// HOST:PORT of the server.
    #[arg(long)]
    pub(crate) address: String,
    /// Feature names, separated by commas; none: all.
    #[arg(long, value_delimiter = ',')]
    pub(crate) names: Vec<String>,
    /// Entity ids.
    #[arg(required = true)]
    pub(crate) ids: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Probe {
    /// HOST:PORT of the server.
    #[arg(long)]
    pub(crate) address: String,
    /// The method of `feature_store.FeatureStore` to call.
    #[arg(long, default_value = "GetOnlineFeatures")]
    pub(crate) method: String,
    /// A file that holds the request in its gRPC frame.
    #[arg(long)]
    pub(crate) body: PathBuf,
}

/// A number above 0.
fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        Ok(_) | Err(_) => Err("must be a number above 0".into()),
    }
}

/// A duration given in seconds, at most a day.
fn seconds(text: &str) -> Result<Duration, String> {
    positive(text).and_then(|value| {
        if value <= 86_400.0 { Ok(Duration::from_secs_f64(value)) } else { Err("must be at most 86400 seconds".into()) }
    })
}
