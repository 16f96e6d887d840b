//! `[limits]`: how much one request may ask, bring and get.

use serde::Deserialize;

use super::Section;
use super::checks::Checks;
use super::scalar::{self, GIB, KIB, MIB};

/// How much one request may ask, bring and get.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Limits {
    /// Requests at the same time.
    #[serde(deserialize_with = "scalar::whole::<1, 1_000_000, _>")]
    pub max_in_flight: usize,
    /// Lookups of keys at the same time.
    #[serde(deserialize_with = "scalar::whole::<1, 100_000_000, _>")]
    pub max_lookups_in_flight: usize,
    /// Entity ids in one request.
    #[serde(deserialize_with = "scalar::whole::<1, 100_000, _>")]
    pub max_entity_ids: usize,
    /// Feature names in one request.
    #[serde(deserialize_with = "scalar::whole::<1, 100_000, _>")]
    pub max_feature_names: usize,
    /// Bytes of one entity id. Keys of the embedded store end at 64 KiB, prefix included.
    #[serde(deserialize_with = "scalar::size::<1, 32768, _>")]
    pub max_id_bytes: usize,
    /// Bytes of one feature name.
    #[serde(deserialize_with = "scalar::size::<1, 32768, _>")]
    pub max_name_bytes: usize,
    /// Bytes of one request message or REST body.
    #[serde(deserialize_with = "scalar::size::<KIB, GIB, _>")]
    pub max_request_bytes: usize,
    /// Bytes of one reply.
    #[serde(deserialize_with = "scalar::size::<KIB, GIB, _>")]
    pub max_reply_bytes: usize,
    /// Bytes of one stored row.
    #[serde(deserialize_with = "scalar::size::<KIB, { 256 * MIB }, _>")]
    pub max_row_bytes: usize,
    /// Rows of one batch.
    #[serde(deserialize_with = "scalar::whole::<1, 1_000_000, _>")]
    pub max_batch_rows: usize,
    /// Bytes of the state of one entity in one window view.
    #[serde(deserialize_with = "scalar::size::<64, { 256 * MIB }, _>")]
    pub max_state_bytes: usize,
}

impl Section for Limits {
    const PATH: &'static str = "limits";

    /// Each value is free within its own bounds: `load --offline` writes rows that no request could bring.
    fn validate(&self, _: &mut Checks<'_>) {}
}
