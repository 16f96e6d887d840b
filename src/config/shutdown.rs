//! `[shutdown]`: how the process ends.

use std::time::Duration;

use serde::Deserialize;

use super::Section;
use super::checks::Checks;
use super::scalar::{self, HOUR};

/// How the process ends.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Shutdown {
    /// How long the process says that it is not ready, and still serves, before the port closes.
    #[serde(deserialize_with = "scalar::duration::<0, HOUR, _>")]
    pub delay: Duration,
    /// How long requests in flight then have to finish.
    #[serde(deserialize_with = "scalar::duration::<0, HOUR, _>")]
    pub timeout: Duration,
}

impl Section for Shutdown {
    const PATH: &'static str = "shutdown";

    /// Each value is free within its own bounds.
    fn validate(&self, _: &mut Checks<'_>) {}
}
