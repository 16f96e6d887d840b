//! A request for features, checked once; both protocols make one.

use super::defined::{Catalog, DefinedNames, split};
use super::names::Names;
use super::strings::StringList;
use super::time;
use crate::clock::Micros;
use crate::error::Error;

/// What a client asked for, as it was sent.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Entity ids.
    pub entity_ids: StringList,
    /// Feature names; none: all.
    pub feature_names: StringList,
    /// The time t in microseconds since 1970-01-01 UTC; none: the time of arrival.
    pub as_of: Option<Micros>,
    /// Whether to list the statuses of PRESENT features too.
    pub all_statuses: bool,
}

/// How large a request may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLimits {
    /// Entity ids in one request.
    pub entity_ids: usize,
    /// Feature names in one request.
    pub feature_names: usize,
    /// Bytes of one entity id; a longer one is that entity's error.
    pub id_bytes: usize,
    /// Bytes of one feature name.
    pub name_bytes: usize,
}

/// A request that was checked.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) entity_ids: Names,
    /// Names of the built-in view; none: all.
    pub(super) wanted: Option<Names>,
    pub(super) as_of: Micros,
    pub(super) all_statuses: bool,
}

impl Request {
    /// Checks what was asked. `now`: the time of arrival.
    ///
    /// Names of defined features are given apart.
    pub(super) fn check(
        asked: Asked,
        limits: &RequestLimits,
        now: Micros,
        catalog: &Catalog,
    ) -> Result<(Self, Option<DefinedNames>), Error> {
        if asked.entity_ids.is_empty() {
            return Err(Error::invalid("entity_ids", "must name at least one entity"));
        }
        if asked.entity_ids.len() > limits.entity_ids {
            return Err(too_many("entity_ids", asked.entity_ids.len(), limits.entity_ids, "limits.max_entity_ids"));
        }
        if asked.feature_names.len() > limits.feature_names {
            let count = asked.feature_names.len();
            return Err(too_many("feature_names", count, limits.feature_names, "limits.max_feature_names"));
        }
        if let Some((at, name)) =
            asked.feature_names.iter().enumerate().find(|(_, name)| name.len() > limits.name_bytes)
        {
            let message =
                format!("has {} bytes, at most {} are allowed (limits.max_name_bytes)", name.len(), limits.name_bytes);
            return Err(Error::invalid(&format!("feature_names[{at}]"), message));
        }
        if !asked.as_of.is_none_or(time::is_writable) {
            return Err(Error::invalid(
                "as_of",
                "must lie in the years 1 to 9999, in microseconds since 1970-01-01 UTC",
            ));
        }
        let all = asked.feature_names.is_empty();
        let (built_in, defined) = split(catalog, asked.feature_names)?;
        let wanted = (!all).then(|| Names::unique(built_in));
        let request = Self {
            entity_ids: Names::unique(asked.entity_ids),
            wanted,
            as_of: asked.as_of.unwrap_or(now),
            all_statuses: asked.all_statuses,
        };
        Ok((request, defined))
    }

    /// Whether anything of the built-in view is asked for.
    pub(super) fn has_built_in(&self) -> bool {
        self.wanted.as_ref().is_none_or(|names| !names.is_empty())
    }
}

fn too_many(field: &str, count: usize, limit: usize, setting: &str) -> Error {
    Error::invalid(field, format!("has {count} items, at most {limit} are allowed in one request ({setting})"))
}
