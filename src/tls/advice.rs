//! What to do about a connection that failed: the library says what it met, and leaves open what that means for who runs a command.

/// What the library says, and what to do. Its errors arrive as text: they cross hyper and h2, which keep no more of them.
const KNOWN: [(&str, &str); 5] = [
    (
        "CaUsedAsEndEntity",
        "the gateway's own certificate is that of an authority (CA:TRUE), as `openssl req -x509` makes them: make it with basicConstraints=CA:FALSE; \
         signed by itself it can still be the --ca of its clients",
    ),
    (
        "UnknownIssuer",
        "the gateway's certificate is not of an authority that is trusted: name its authority with --ca FILE",
    ),
    ("NotValidForName", "the gateway's certificate is for another name: give it with --server-name NAME"),
    (
        "received fatal alert: CertificateRequired",
        "the gateway wants a client certificate (server.tls.client_ca_file): say --certificate FILE and --certificate-key FILE",
    ),
    (
        "received fatal alert: ",
        "the gateway does not take this client, most likely because its certificate is of no authority in server.tls.client_ca_file",
    ),
];

/// What to do about a failure of TLS, which another attempt does not mend; none: it is none, or speaks for itself.
#[must_use]
pub fn advice(cause: &str) -> Option<&'static str> {
    KNOWN.iter().find(|(said, _)| cause.contains(said)).map(|(_, advice)| *advice)
}
