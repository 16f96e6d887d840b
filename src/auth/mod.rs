//! Who may do what: API keys, their scopes, and the scope that each route needs. No network, no files, no log.

mod access;
mod digest;
mod keys;
mod rate;
mod scope;

pub use access::{Access, REST, access};
pub use digest::{Digest, generate};
pub use keys::{ApiKey, Grant, KeySet, Keys, NAMES, Source, is_name};
pub use rate::RateLimit;
pub use scope::{Scope, Scopes};
