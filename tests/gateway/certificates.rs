//! Authorities and certificates made for a test, in files, and clients that trust them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SerialNumber};
use tempfile::TempDir;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use unskew_gateway::tls;

use crate::support::gateway::Gateway;

/// A certificate and its private key, as PEM.
#[derive(Clone, Debug)]
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

/// An authority of its own.
pub struct Authority {
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// An authority that is the gateway's own certificate, as `openssl req -x509` makes it.
    pub fn for_itself() -> Pair {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost", "127.0.0.1"].map(str::to_owned)).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Pair { certificate: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
    }

    /// A certificate for the gateway, with this serial number.
    pub fn server(&self, serial: u64) -> Pair {
        let mut params = CertificateParams::new(["localhost", "127.0.0.1"].map(str::to_owned)).unwrap();
        params.serial_number = Some(SerialNumber::from(serial));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(&params)
    }

    /// A certificate for a client.
    pub fn client(&self) -> Pair {
        let mut params = CertificateParams::new(["client".to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Pair {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Pair { certificate, key: key.serialize_pem() }
    }
}

/// The files of a gateway with TLS, and whom its clients trust.
pub struct Secure {
    pub authority: Authority,
    folder: TempDir,
}

impl Secure {
    /// With a certificate of serial number 1.
    pub fn new() -> Self {
        tls::install_provider();
        let secure = Self { authority: Authority::new(), folder: tempfile::tempdir().unwrap() };
        secure.replace(&secure.authority.server(1));
        secure.file("ca.pem", &secure.authority.pem);
        secure
    }

    /// Writes a file; its path.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        // As tools that renew certificates do: never half a file.
        let new = self.path(&format!("{name}.new"));
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, &path).unwrap();
        path
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Puts another pair in place: two files, one after the other.
    pub fn replace(&self, pair: &Pair) {
        self.file("certificate.pem", &pair.certificate);
        self.file("key.pem", &pair.key);
    }

    /// A gateway with this certificate and more settings.
    pub fn gateway(&self, store: &str, more: &[(&str, &str)]) -> Gateway {
        let (certificate, key) = (self.text("certificate.pem"), self.text("key.pem"));
        let base = [("server.tls.certificate_file", certificate.as_str()), ("server.tls.private_key_file", &key)];
        let settings: Vec<_> = base.iter().chain(more).copied().collect();
        Gateway::start_with(store, &settings)
    }

    /// A builder of clients of REST that trust the authority.
    pub fn http(&self, identity: Option<&Pair>) -> reqwest::ClientBuilder {
        let ca = reqwest::Certificate::from_pem(self.authority.pem.as_bytes()).unwrap();
        let builder = reqwest::Client::builder().tls_certs_only([ca]).timeout(Duration::from_secs(30));
        match identity {
            Some(pair) => builder
                .identity(reqwest::Identity::from_pem(format!("{}{}", pair.certificate, pair.key).as_bytes()).unwrap()),
            None => builder,
        }
    }

    /// A new connection for gRPC, or why there is none.
    pub async fn channel(&self, gateway: &Gateway, identity: Option<&Pair>) -> Result<Channel, String> {
        let mut config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&self.authority.pem));
        if let Some(pair) = identity {
            config = config.identity(Identity::from_pem(&pair.certificate, &pair.key));
        }
        let endpoint = Endpoint::new(url(gateway, "")).unwrap().tls_config(config).unwrap();
        endpoint.connect().await.map_err(|error| format!("{error:?}"))
    }

    /// Settings of a client of rustls that trusts the authority.
    pub fn rustls(&self) -> rustls::ClientConfig {
        tls::client(&tls::Client { ca: Some(self.path("ca.pem")), identity: None }).unwrap()
    }
}

/// The URL of a path over TLS, by the name in the certificate.
pub fn url(gateway: &Gateway, path: &str) -> String {
    format!("https://localhost:{}{path}", gateway.address().port())
}

/// Makes a file unreadable by putting a directory in its place.
pub fn break_file(path: &Path) {
    std::fs::remove_file(path).unwrap();
    std::fs::create_dir(path).unwrap();
}
