//! The server's side, from files that may be replaced while it runs: what is in them is read at once, compared, and made use of as a whole.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;

use super::{TlsError, pem, provider, validity};

/// What the port speaks, the better one first.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// A file and the setting that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The setting, for messages: `server.tls.certificate_file`.
    pub key: &'static str,
    /// The file.
    pub path: PathBuf,
}

impl Named {
    fn wrong(&self, what: impl std::fmt::Display) -> TlsError {
        TlsError::new(format!("{}: {} {what}", self.key, self.path.display()))
    }

    fn read(&self) -> Result<Vec<u8>, TlsError> {
        std::fs::read(&self.path).map_err(|error| self.wrong(format_args!("can't be read: {error}")))
    }
}

/// The files of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The certificate chain, the server's own first.
    pub certificate: Named,
    /// Its private key.
    pub private_key: Named,
    /// The authorities whose certificates clients must have; none: clients need none.
    pub client_ca: Option<Named>,
}

/// What was in the files.
#[derive(Clone, PartialEq, Eq)]
pub struct Material {
    certificate: Vec<u8>,
    private_key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl std::fmt::Debug for Material {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Material").finish_non_exhaustive()
    }
}

impl Files {
    /// Reads the files.
    ///
    /// # Errors
    /// When one can't be read.
    pub fn read(&self) -> Result<Material, TlsError> {
        Ok(Material {
            certificate: self.certificate.read()?,
            private_key: self.private_key.read()?,
            client_ca: self.client_ca.as_ref().map(Named::read).transpose()?,
        })
    }

    /// The configuration of a server with what was in the files.
    ///
    /// # Errors
    /// When they do not hold what they should, or do not belong together.
    pub fn server(&self, material: &Material) -> Result<Arc<ServerConfig>, TlsError> {
        let chain = pem::certificates(&material.certificate).map_err(|what| self.certificate.wrong(what))?;
        let private = pem::private_key(&material.private_key).map_err(|what| self.private_key.wrong(what))?;
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::new(format!("TLS can't be set up: {error}")))?;
        let builder = match (&self.client_ca, &material.client_ca) {
            (Some(named), Some(text)) => {
                let roots = pem::roots(text).map_err(|what| named.wrong(what))?;
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
                    .build()
                    .map_err(|error| named.wrong(format_args!("can't be used: {error}")))?;
                builder.with_client_cert_verifier(verifier)
            }
            (Some(_) | None, None) | (None, Some(_)) => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, private).map_err(|error| self.unfit(&error))?;
        config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
        Ok(Arc::new(config))
    }

    /// When the first certificate of the chain to end does so, in seconds since 1970-01-01 UTC; none: that can't be read.
    #[must_use]
    pub fn end(&self, material: &Material) -> Option<i64> {
        let chain = pem::certificates(&material.certificate).ok()?;
        chain.iter().filter_map(|certificate| validity::end(certificate)).min()
    }

    /// Why the certificate and the key can't be used.
    fn unfit(&self, error: &rustls::Error) -> TlsError {
        let key = &self.private_key;
        if matches!(error, rustls::Error::InconsistentKeys(_)) {
            let certificate = &self.certificate;
            return key.wrong(format_args!(
                "is not the key of {} ({}): replace both together",
                certificate.path.display(),
                certificate.key
            ));
        }
        self.certificate.wrong(format_args!("with {} can't be used: {error}", key.path.display()))
    }
}
