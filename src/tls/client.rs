//! The client's side: whom to trust, and who to be.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

use super::{TlsError, pem, provider};

/// Whom a client trusts, and who it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// PEM file of the authorities to trust; none: those of the system.
    pub ca: Option<PathBuf>,
    /// PEM files of the client's own certificate and of its private key, for a server that asks for one.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// The configuration of a client.
///
/// # Errors
/// When a file can't be read, or does not hold what it should.
pub fn client(options: &Client) -> Result<ClientConfig, TlsError> {
    let roots = options.ca.as_deref().map_or_else(system_roots, own_roots)?;
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::new(format!("TLS can't be set up: {error}")))?
        .with_root_certificates(Arc::new(roots));
    let Some((certificate, key)) = &options.identity else { return Ok(builder.with_no_client_auth()) };
    let chain = read(certificate, pem::certificates)?;
    let private = read(key, pem::private_key)?;
    builder
        .with_client_auth_cert(chain, private)
        .map_err(|error| TlsError::new(format!("{} with {}: {error}", certificate.display(), key.display())))
}

/// The authorities of a PEM file.
///
/// # Errors
/// When it can't be read, or holds none.
fn own_roots(path: &Path) -> Result<RootCertStore, TlsError> {
    read(path, pem::roots)
}

/// The authorities that the system trusts.
///
/// # Errors
/// When it has none.
fn system_roots() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems carry certificates that rustls can't use; the others are enough.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let cause = found.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
        return Err(TlsError::new(format!("the system has no certificate authorities{cause}; name a CA file")));
    }
    Ok(roots)
}

fn read<T>(path: &Path, parse: impl Fn(&[u8]) -> Result<T, String>) -> Result<T, TlsError> {
    let wrong = |what: String| TlsError::new(format!("{} {what}", path.display()));
    let text = std::fs::read(path).map_err(|error| wrong(format!("can't be read: {error}")))?;
    parse(&text).map_err(wrong)
}
