//! TLS from PEM files, by one cryptographic provider: the server's side with client certificates where they are asked for, and the client's
//! side for the store and the commands. No clock, no network, no log: what is wrong is returned in words that name the file.

mod advice;
mod client;
mod pem;
mod server;
#[cfg(test)]
mod tests;
mod validity;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

pub use advice::advice;
pub use client::{Client, client};
pub use server::{Files, Material, Named};

/// Why TLS can't be used: in words, with the file at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(String);

impl TlsError {
    fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// Makes ring the provider of the process, for whatever library asks for one; call it once, first in `main`.
pub fn install_provider() {
    // That one is installed already can only mean that it is this one.
    drop(rustls::crypto::ring::default_provider().install_default());
}

/// The provider of the process; in tests of the library, that have no `main`, a new one.
fn provider() -> Arc<CryptoProvider> {
    CryptoProvider::get_default().cloned().unwrap_or_else(|| Arc::new(rustls::crypto::ring::default_provider()))
}
