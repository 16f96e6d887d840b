//! Opens the store that the configuration names.

use std::sync::Arc;

use super::embedded::{self, Embedded};
use super::redis::{self, Redis};
use super::{OnlineStore, StoreError, StoreUrl};

/// The options of every kind of store; those of the kind that the URL names are used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// For `embedded:`.
    pub embedded: embedded::Options,
    /// For `redis://` and `rediss://`.
    pub redis: redis::Options,
}

/// Opens a store. An embedded one is open when this returns; a Redis server may be down and is connected to once it is there. Needs a
/// Tokio runtime.
///
/// # Errors
/// As [`Embedded::open`] and [`Redis::connect`].
pub fn open(url: &StoreUrl, options: &Options) -> Result<Arc<dyn OnlineStore>, StoreError> {
    Ok(match url {
        StoreUrl::Embedded(directory) => Arc::new(Embedded::open(directory, options.embedded)?),
        StoreUrl::Redis(url) => Arc::new(Redis::connect(url, &options.redis)?),
    })
}
