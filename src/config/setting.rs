//! One value of one key from one layer, as a figment provider: so figment's provenance leads from each value of the merged tree back
//! to the variable, the flag, or the line that set it.

use figment::value::{Dict, Map, Value};
use figment::{Error, Figment, Metadata, Profile, Provider, Source};

use super::known::Key;
use super::problem::Origin;

/// One value of one key from one layer.
// No Debug: the value may be a secret.
pub(super) struct Setting {
    /// The path of the key.
    pub(super) path: String,
    pub(super) value: Value,
    pub(super) origin: Origin,
}

impl Setting {
    pub(super) fn new(key: &Key, value: Value, origin: Origin) -> Self {
        Self { path: key.path.clone(), value, origin }
    }

    pub(super) fn default_of(key: &Key) -> Self {
        Self::new(key, key.default.clone(), Origin::new(key.path.as_str(), Origin::DEFAULT))
    }
}

impl Provider for &Setting {
    fn metadata(&self) -> Metadata {
        Metadata::from(self.origin.name.clone(), Source::Custom(self.origin.place.clone()))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let tree = figment::util::nest(&self.path, self.value.clone());
        Ok(Map::from([(Profile::Default, tree.into_dict().unwrap_or_default())]))
    }
}

/// Where the value of a key came from.
pub(super) fn origin_of(figment: &Figment, path: &str) -> Origin {
    match figment.find_metadata(path) {
        Some(found) => {
            let place = found.source.as_ref().and_then(Source::custom).unwrap_or(Origin::DEFAULT);
            Origin::new(found.name.as_ref(), place)
        }
        None => Origin::new(path, Origin::DEFAULT),
    }
}
