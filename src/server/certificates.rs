//! The certificate that new connections get, from files that are replaced while the process runs. A pair that can't be used is refused, and
//! the one before stays; open connections keep theirs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;

use crate::config;
use crate::telemetry::metrics::Metrics;
use crate::tls::{Files, Material, Named, TlsError};

/// The certificate of the port.
#[derive(Debug)]
pub(super) struct Certificates {
    files: Files,
    current: ArcSwap<ServerConfig>,
    seen: Mutex<Seen>,
    metrics: &'static Metrics,
}

/// What the files held when they were looked at.
#[derive(Debug)]
struct Seen {
    /// What was last made use of, or refused.
    judged: Result<Material, TlsError>,
    last: Result<Material, TlsError>,
}

impl Certificates {
    /// Reads the files of the configuration; none: the port speaks plain text.
    ///
    /// # Errors
    /// When a file can't be read or used.
    pub(super) fn load(settings: &config::Tls, metrics: &'static Metrics) -> Result<Option<Arc<Self>>, TlsError> {
        let (Some(certificate), Some(private_key)) = (&settings.certificate_file, &settings.private_key_file) else {
            return Ok(None);
        };
        let named = |key, path: &std::path::PathBuf| Named { key, path: path.clone() };
        let files = Files {
            certificate: named("server.tls.certificate_file", certificate),
            private_key: named("server.tls.private_key_file", private_key),
            client_ca: settings.client_ca_file.as_ref().map(|path| named("server.tls.client_ca_file", path)),
        };
        let material = files.read()?;
        let current = ArcSwap::new(files.server(&material)?);
        metrics.security.certificate_ends(files.end(&material));
        let seen = Mutex::new(Seen { judged: Ok(material.clone()), last: Ok(material) });
        Ok(Some(Arc::new(Self { files, current, seen, metrics })))
    }

    /// What a new connection gets.
    pub(super) fn current(&self) -> Arc<ServerConfig> {
        self.current.load_full()
    }

    /// Looks at the files, and makes use of what has changed. Two files are never replaced at the same instant: what does not go together
    /// is refused at the second look that finds it so, or `at_once`.
    pub(super) fn look(&self, at_once: bool) {
        let read = self.files.read();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.judged != read {
            match read.as_ref().map_err(Clone::clone).and_then(|material| self.files.server(material)) {
                Ok(config) => {
                    self.current.store(config);
                    self.metrics
                        .security
                        .certificate_ends(read.as_ref().ok().and_then(|material| self.files.end(material)));
                    self.metrics.security.certificates_loaded(true);
                    tracing::info!("the certificate is replaced; new connections get the new one");
                    seen.judged = read.clone();
                }
                Err(_) if !at_once && seen.last != read => {}
                Err(error) => {
                    self.metrics.security.certificates_loaded(false);
                    tracing::error!(%error, "the changed certificate files are refused, the certificate before stays");
                    seen.judged = read.clone();
                }
            }
        }
        seen.last = read;
    }
}

/// Looks at the files again and again, until it is dropped.
pub(super) async fn watch(certificates: Arc<Certificates>, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        look(&certificates, false).await;
    }
}

/// One look, off the threads that serve: it reads files.
pub(super) async fn look(certificates: &Arc<Certificates>, at_once: bool) {
    let certificates = certificates.clone();
    drop(tokio::task::spawn_blocking(move || certificates.look(at_once)).await);
}
