//! What is in PEM files.

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The certificates of a PEM text, at least one. Errors are the end of a sentence that begins with the file.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| format!("is no PEM file: {error}"))?;
    if found.is_empty() {
        return Err("holds no certificate; it should have PEM blocks that begin with BEGIN CERTIFICATE".to_owned());
    }
    Ok(found)
}

/// The first private key of a PEM text.
pub(super) fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    // The library's error could quote what it did not understand, which is the key.
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| {
        "holds no private key; it should have a PEM block that begins with BEGIN PRIVATE KEY, not encrypted".to_owned()
    })
}

/// The authorities of a PEM text, at least one.
pub(super) fn roots(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots.add(certificate).map_err(|error| format!("holds a certificate that can't be used: {error}"))?;
    }
    Ok(roots)
}
