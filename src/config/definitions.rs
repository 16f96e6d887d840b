//! `[definitions]`: where the views and services are defined.

use std::path::PathBuf;

use serde::Deserialize;

use super::Section;
use super::checks::Checks;
use super::scalar;

/// Where the views and services are defined.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Definitions {
    /// A directory of YAML files, or one file; none: the built-in view alone.
    #[serde(deserialize_with = "scalar::text")]
    pub path: Option<PathBuf>,
}

impl Section for Definitions {
    const PATH: &'static str = "definitions";

    /// Whether it can be read is found out where it is read, with what is wrong inside.
    fn validate(&self, _: &mut Checks<'_>) {}
}
