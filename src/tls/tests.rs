use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, KeyPair};

use super::*;

/// A certificate for localhost, signed by itself, and its key.
fn pair() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn files(&self, certificate: &str, private_key: &str, client_ca: Option<&str>) -> Files {
        let named = |key, name: &str, text: &str| Named { key, path: self.file(name, text) };
        Files {
            certificate: named("certificate_file", "certificate.pem", certificate),
            private_key: named("private_key_file", "key.pem", private_key),
            client_ca: client_ca.map(|text| named("client_ca_file", "ca.pem", text)),
        }
    }

    /// The message of what is wrong, without the folder.
    fn fault<T: std::fmt::Debug>(&self, result: Result<T, TlsError>) -> String {
        result.unwrap_err().to_string().replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn load(files: &Files) -> Result<(), TlsError> {
    files.server(&files.read()?).map(|_| ())
}

#[test]
fn a_pair_is_used_with_and_without_client_certificates() {
    let folder = Folder::new();
    let (certificate, key) = pair();
    let files = folder.files(&certificate, &key, None);
    let config = files.server(&files.read().unwrap()).unwrap();
    assert_eq!(config.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
    load(&folder.files(&certificate, &key, Some(&certificate))).unwrap();
}

#[test]
fn every_fault_of_a_file_names_the_setting_and_the_file() {
    let folder = Folder::new();
    let ((certificate, key), (_, other_key)) = (pair(), pair());
    let broken = "-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n";
    let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    for (certificate, key, ca, start) in [
        ("", key.as_str(), None, "certificate_file: certificate.pem holds no certificate"),
        (&key, &key, None, "certificate_file: certificate.pem holds no certificate"),
        (broken, &key, None, "certificate_file: certificate.pem is no PEM file"),
        (empty, &key, None, "certificate_file: certificate.pem with key.pem can't be used"),
        (&certificate, "", None, "private_key_file: key.pem holds no private key"),
        (&certificate, &certificate, None, "private_key_file: key.pem holds no private key"),
        (&certificate, &encrypted, None, "private_key_file: key.pem holds no private key"),
        (
            &certificate,
            &other_key,
            None,
            "private_key_file: key.pem is not the key of certificate.pem (certificate_file)",
        ),
        (&certificate, &key, Some(""), "client_ca_file: ca.pem holds no certificate"),
        (&certificate, &key, Some(empty), "client_ca_file: ca.pem holds a certificate that can't be used"),
    ] {
        let fault = folder.fault(load(&folder.files(certificate, key, ca)));
        // Dots in a folder's name are its own.
        assert!(fault.starts_with(start), "{fault}");
        assert!(!fault.contains("MII") && !fault.contains("MIG"), "{fault}");
    }
    let mut files = folder.files(&certificate, &key, None);
    files.private_key.path = folder.0.path().join("none.pem");
    let fault = folder.fault(load(&files));
    assert!(fault.starts_with("private_key_file: none.pem can't be read: No such file"), "{fault}");
}

#[test]
fn a_client_says_which_file_is_at_fault() {
    let folder = Folder::new();
    let (certificate, key) = pair();
    let (ca, own, private) =
        (folder.file("ca.pem", &certificate), folder.file("own.pem", &certificate), folder.file("key.pem", &key));
    let with = |ca: &Path, identity: Option<(&Path, &Path)>| {
        let identity = identity.map(|(own, private)| (own.to_owned(), private.to_owned()));
        client(&Client { ca: Some(ca.to_owned()), identity }).map(|_| ())
    };
    with(&ca, None).unwrap();
    with(&ca, Some((&own, &private))).unwrap();
    assert!(folder.fault(with(&private, None)).starts_with("key.pem holds no certificate"));
    assert!(folder.fault(with(&ca, Some((&private, &private)))).starts_with("key.pem holds no certificate"));
    assert!(folder.fault(with(&ca, Some((&own, &own)))).starts_with("own.pem holds no private key"));
    let missing = folder.0.path().join("none.pem");
    assert!(folder.fault(with(&missing, None)).starts_with("none.pem can't be read"));
}

#[test]
fn the_end_of_a_certificate_is_that_of_the_first_in_its_chain_to_end() {
    let (folder, key) = (Folder::new(), KeyPair::generate().unwrap());
    let until = |year| {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        params.self_signed(&key).unwrap().pem()
    };
    let end = |chain: &str| {
        let files = folder.files(chain, &key.serialize_pem(), None);
        files.end(&files.read().unwrap())
    };
    assert_eq!(end(&until(2030)), Some(1_893_456_000));
    assert_eq!(end(&format!("{}{}", until(2040), until(2030))), Some(1_893_456_000));
    assert_eq!(end("nothing"), None);
}
