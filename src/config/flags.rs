//! The layer of the command line.

/// A flag that sets a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// The flag as the user knows it, for messages: `--address`.
    pub name: String,
    /// The key that it sets: `server.address`.
    pub key: String,
    /// Its value.
    pub value: String,
}

impl Flag {
    /// A flag that sets a key.
    pub fn new(name: impl Into<String>, key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), key: key.into(), value: value.into() }
    }
}
