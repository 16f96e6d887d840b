//! `[ingest]`: which rows are accepted.

use std::time::Duration;

use serde::Deserialize;

use super::Section;
use super::checks::Checks;
use super::scalar::{self, DAY};

/// Which rows are accepted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Ingest {
    /// How far ahead of the clock the event time of a row may lie.
    #[serde(deserialize_with = "scalar::duration::<0, { 365 * DAY }, _>")]
    pub max_future: Duration,
    /// Batches of events or states that are worked on at the same time.
    #[serde(deserialize_with = "scalar::whole::<1, 10_000, _>")]
    pub max_batches: usize,
}

impl Section for Ingest {
    const PATH: &'static str = "ingest";

    /// Each value is free within its own bounds.
    fn validate(&self, _: &mut Checks<'_>) {}
}
