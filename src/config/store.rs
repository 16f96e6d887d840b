//! `[store]`: where rows are kept, and how each kind of store is used.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::Section;
use super::checks::Checks;
use super::scalar::{self, GIB, HOUR, KIB, MIB, MILLISECOND, MINUTE};
use crate::store::{Secret, StoreUrl};

/// Where rows are kept. The sections of the other kinds of store are read and checked too, and not used.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Store {
    /// Which store. Shown without its password.
    #[serde(deserialize_with = "store_url")]
    pub url: StoreUrl,
    /// The longest wait for an answer to a read.
    #[serde(deserialize_with = "scalar::duration::<MILLISECOND, MINUTE, _>")]
    pub timeout: Duration,
    /// The longest wait for the acknowledgement of a write.
    #[serde(deserialize_with = "scalar::duration::<MILLISECOND, HOUR, _>")]
    pub write_timeout: Duration,
    /// For `embedded:`.
    pub embedded: Embedded,
    /// For `redis://` and `rediss://`.
    pub redis: Redis,
}

/// The embedded store.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Embedded {
    /// Memory for blocks read from disk, in bytes.
    #[serde(deserialize_with = "scalar::size::<MIB, { 1024 * GIB }, _>")]
    pub cache: usize,
    /// Memory for rows not yet in sorted files, in bytes.
    #[serde(deserialize_with = "scalar::size::<MIB, { 16 * GIB }, _>")]
    pub write_buffer: usize,
    /// Rows that one commit takes together.
    #[serde(deserialize_with = "scalar::whole::<1, 1_000_000, _>")]
    pub commit_max_rows: usize,
    /// Bytes that one commit takes together; a row that is larger is committed alone.
    #[serde(deserialize_with = "scalar::size::<KIB, GIB, _>")]
    pub commit_max_bytes: usize,
    /// Rows that wait for a commit before writers are held back.
    #[serde(deserialize_with = "scalar::whole::<1, 10_000_000, _>")]
    pub queue_rows: usize,
    /// Where backups are written; none: nowhere.
    #[serde(deserialize_with = "directory")]
    pub backup_directory: Option<PathBuf>,
}

/// The Redis store.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Redis {
    /// Connections.
    #[serde(deserialize_with = "scalar::whole::<1, 1024, _>")]
    pub pool_size: usize,
    /// How long making one connection may take.
    #[serde(deserialize_with = "scalar::duration::<MILLISECOND, MINUTE, _>")]
    pub connect_timeout: Duration,
    /// The pause between attempts to connect again.
    #[serde(deserialize_with = "scalar::duration::<MILLISECOND, MINUTE, _>")]
    pub reconnect_delay: Duration,
    /// How long a connection may owe an answer before it is made anew.
    #[serde(deserialize_with = "scalar::duration::<MILLISECOND, MINUTE, _>")]
    pub unresponsive_timeout: Duration,
    /// Commands that may wait in one connection.
    #[serde(deserialize_with = "scalar::whole::<1, 10_000_000, _>")]
    pub max_queued_commands: usize,
    /// ACL user. Goes before the one in the URL.
    #[serde(deserialize_with = "scalar::text")]
    pub username: Option<String>,
    /// Password. Goes before the one in the URL.
    #[serde(deserialize_with = "scalar::text")]
    pub password: Option<Secret>,
    /// PEM file of the authorities to trust for `rediss://`; without it those of the system.
    #[serde(deserialize_with = "scalar::text")]
    pub ca_file: Option<PathBuf>,
}

impl Section for Store {
    const PATH: &'static str = "store";

    fn validate(&self, checks: &mut Checks<'_>) {
        let embedded = &self.embedded;
        checks.in_order::<Self, _>(
            ("embedded.commit_max_rows", embedded.commit_max_rows),
            ("embedded.queue_rows", embedded.queue_rows),
        );
    }
}

/// A directory; the words for a file would mislead.
fn directory<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let text: DirectoryText = scalar::text(deserializer)?;
    Ok(text.0)
}

struct DirectoryText(Option<PathBuf>);

impl scalar::Text for DirectoryText {
    const ALLOWED: &'static str = "the path of a directory, or empty for none";

    fn parse(text: &str) -> Option<Self> {
        Option::<PathBuf>::parse(text).map(Self)
    }
}

/// A URL says itself what is wrong with it, without its secrets; what is no text at all is refused like any other value.
fn store_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StoreUrl, D::Error> {
    let text: UrlText = scalar::text(deserializer)?;
    text.0.parse().map_err(D::Error::custom)
}

struct UrlText(String);

impl scalar::Text for UrlText {
    const ALLOWED: &'static str =
        "embedded:DIRECTORY, redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE] or rediss://… for TLS";

    fn parse(text: &str) -> Option<Self> {
        Some(Self(text.to_owned()))
    }
}

impl scalar::Text for Option<Secret> {
    const ALLOWED: &'static str = "any text, or empty for none";

    fn parse(text: &str) -> Option<Self> {
        Some((!text.is_empty()).then(|| Secret::new(text.to_owned())))
    }
}
