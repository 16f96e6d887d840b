//! TLS and mutual TLS: both protocols over it, and what fails before there is any.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use unskew_gateway::api::feature_store_client::FeatureStoreClient;

use crate::certificates::{Authority, Pair, Secure, url};
use crate::clients::{self, Answer, Request};
use crate::metrics::{Scrape, scrape_url};
use crate::stores::Store;
use crate::support::gateway::{self, Gateway};

const LIMIT: Duration = Duration::from_millis(500);
const SLACK: Duration = Duration::from_secs(5);
/// The metrics are read in plain text, beside the port.
const SCRAPED: (&str, &str) = ("telemetry.metrics_address", "127.0.0.1:0");

/// The metrics of a gateway on their own address.
async fn scrape(gateway: &Gateway) -> Scrape {
    let event = gateway.logged("metrics are served without a key");
    scrape_url(&format!("http://{}/metrics", event["address"].as_str().unwrap())).await
}

async fn until_failed(gateway: &Gateway, reason: &str, count: f64) {
    let start = Instant::now();
    let labels = [("reason", reason)];
    loop {
        let found = scrape(gateway).await.value("unskew_tls_handshake_failures_total", &labels);
        if found >= count {
            return;
        }
        assert!(start.elapsed() < SLACK, "{reason}: {found} of {count}\n{}", gateway.log_text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The same question on each version of HTTP and on gRPC.
async fn ask_all(secure: &Secure, gateway: &Gateway, identity: Option<&Pair>) -> [Answer; 3] {
    let request = Request { as_of: Some("2024-01-01T00:00:00Z".to_owned()), ..Request::of(&["a"]) };
    let path = url(gateway, "/v1/online-features");
    let one = secure.http(identity).http1_only().build().unwrap();
    let two = secure.http(identity).build().unwrap();
    let mut grpc = FeatureStoreClient::new(secure.channel(gateway, identity).await.unwrap());
    [
        clients::post_to(&one, &path, &request).await,
        clients::post_to(&two, &path, &request).await,
        clients::ask(&mut grpc, &request).await,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn both_protocols_over_tls_and_by_what_the_client_offers() {
    let (secure, store) = (Secure::new(), Store::embedded());
    let gateway = secure.gateway(&store.url(), &[]);
    let [one, two, grpc] = ask_all(&secure, &gateway, None).await;
    assert_eq!((one.as_ref().unwrap(), one.as_ref().unwrap()), (two.as_ref().unwrap(), grpc.as_ref().unwrap()));
    let version = async |client: reqwest::ClientBuilder| {
        client.build().unwrap().get(url(&gateway, "/healthz")).send().await.unwrap().version()
    };
    assert_eq!(version(secure.http(None)).await, reqwest::Version::HTTP_2, "ALPN");
    assert_eq!(version(secure.http(None).http1_only()).await, reqwest::Version::HTTP_11);

    let channel = secure.channel(&gateway, None).await.unwrap();
    let mut health = HealthClient::new(channel.clone());
    let status = health.check(HealthCheckRequest::default()).await.unwrap().into_inner().status();
    assert_ne!(status, ServingStatus::ServiceUnknown);
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::{ServerReflectionRequest, server_reflection_request::MessageRequest};
    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut reflection = ServerReflectionClient::new(channel);
    let mut answers = reflection.server_reflection_info(tokio_stream::iter([list])).await.unwrap().into_inner();
    assert!(answers.message().await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn mutual_tls_lets_in_who_shows_a_certificate_and_nobody_else() {
    let (secure, store) = (Secure::new(), Store::embedded());
    let ca = secure.text("ca.pem");
    let gateway = secure.gateway(&store.url(), &[("server.tls.client_ca_file", &ca), SCRAPED]);
    let client = secure.authority.client();
    for answer in ask_all(&secure, &gateway, Some(&client)).await {
        answer.unwrap();
    }
    let stranger = Authority::new().client();
    for (count, identity) in [(1.0, None), (2.0, Some(&stranger))] {
        // A client of TLS 1.3 is done before the gateway has looked at its certificate, and hears of it when it reads.
        let http = secure.http(identity).build().unwrap();
        assert!(http.get(url(&gateway, "/healthz")).send().await.is_err());
        until_failed(&gateway, "client_certificate", count * 2.0 - 1.0).await;
        let refused = match secure.channel(&gateway, identity).await {
            Ok(channel) => HealthClient::new(channel).check(HealthCheckRequest::default()).await.is_err(),
            Err(_) => true,
        };
        assert!(refused);
        until_failed(&gateway, "client_certificate", count * 2.0).await;
    }
}

/// The first flight of a client.
fn hello(secure: &Secure) -> Vec<u8> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut connection = rustls::ClientConnection::new(secure.rustls().into(), name).unwrap();
    let mut bytes = Vec::new();
    connection.write_tls(&mut bytes).unwrap();
    bytes
}

/// How long a connection is kept after this was said.
fn kept(gateway: &Gateway, said: &[u8]) -> Duration {
    let mut stream = TcpStream::connect(gateway.address()).unwrap();
    let start = Instant::now();
    stream.write_all(said).unwrap();
    stream.set_read_timeout(Some(LIMIT + SLACK)).unwrap();
    let ended = stream.read_to_end(&mut Vec::new());
    if let Err(error) = ended {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
    }
    start.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn half_handshakes_and_silence_within_tls_end_in_time() {
    let (secure, store) = (Secure::new(), Store::embedded());
    let gateway = secure.gateway(&store.url(), &[("server.handshake_timeout", "500ms"), SCRAPED]);
    let hello = hello(&secure);
    for said in [&b""[..], &hello[..3], &hello[..hello.len() - 1], &hello] {
        let kept = kept(&gateway, said);
        assert!((LIMIT - Duration::from_millis(50)..LIMIT + SLACK).contains(&kept), "{kept:?}");
    }
    until_failed(&gateway, "timeout", 4.0).await;
    // A whole handshake, and then nothing, or half a preface of HTTP/2: the same limit.
    for said in [&b""[..], b"PRI * HTTP/2.0\r\n", b"GET /healthz HTTP/1.1\r\n"] {
        let name = ServerName::try_from("localhost").unwrap();
        let connection = rustls::ClientConnection::new(secure.rustls().into(), name).unwrap();
        let start = Instant::now();
        let stream = TcpStream::connect(gateway.address()).unwrap();
        stream.set_read_timeout(Some(LIMIT + SLACK)).unwrap();
        let mut stream = rustls::StreamOwned::new(connection, stream);
        stream.write_all(said).unwrap();
        stream.flush().unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{}", answer.escape_ascii());
        assert!(start.elapsed() < LIMIT + SLACK, "{:?} was kept", said.escape_ascii());
    }
    for answer in ask_all(&secure, &gateway, None).await {
        answer.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_tls_is_sent_away_at_once() {
    let (secure, store) = (Secure::new(), Store::embedded());
    let mut gateway = secure.gateway(&store.url(), &[SCRAPED, ("telemetry.log_level", "debug")]);
    for said in [
        &b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        &[0xff; 300],
    ] {
        assert!(kept(&gateway, said) < SLACK, "{:?}", said.escape_ascii());
    }
    until_failed(&gateway, "not_tls", 3.0).await;
    assert_eq!(gateway.logged("a TLS handshake failed")["reason"], "not_tls");
    // A client that does not trust us says so.
    let stranger = Secure::new();
    assert!(stranger.http(None).build().unwrap().get(url(&gateway, "/healthz")).send().await.is_err());
    until_failed(&gateway, "refused_by_client", 1.0).await;
    // Noise after a whole handshake, and handshakes that break off.
    for round in 0..20_u8 {
        let mut stream = TcpStream::connect(gateway.address()).unwrap();
        let mut noise = hello(&secure);
        let at = usize::from(round) * 7 % noise.len();
        noise[at] ^= 0x55;
        let _ = stream.write_all(&noise);
    }
    assert!(gateway.is_alive());
    for answer in ask_all(&secure, &gateway, None).await {
        answer.unwrap();
    }
    assert!(!gateway.log_text().contains("panicked"), "{}", gateway.log_text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_handshake_does_not_hold_up_the_end() {
    let (secure, store) = (Secure::new(), Store::embedded());
    let mut gateway = secure.gateway(&store.url(), &[]);
    let hello = hello(&secure);
    let mut half = TcpStream::connect(gateway.address()).unwrap();
    half.write_all(&hello[..10]).unwrap();
    for answer in ask_all(&secure, &gateway, None).await {
        answer.unwrap();
    }
    let start = Instant::now();
    gateway.terminate();
    assert!(gateway.exit().success());
    assert!(start.elapsed() < SLACK, "{:?}", start.elapsed());
}

#[test]
fn bad_files_stop_the_start_and_are_named() {
    let (secure, store) = (Secure::new(), Store::embedded());
    let other = secure.file("other.pem", &secure.authority.server(2).key);
    let (certificate, key, other) =
        (secure.text("certificate.pem"), secure.text("key.pem"), other.to_str().unwrap().to_owned());
    let none = secure.text("none.pem");
    for (certificate, key, ca, code, parts) in [
        (
            none.as_str(),
            key.as_str(),
            "",
            1,
            &["server.tls.certificate_file: ", "none.pem can't be read: No such file"][..],
        ),
        (&key, &key, "", 1, &["server.tls.certificate_file: ", "key.pem holds no certificate"]),
        (&certificate, &certificate, "", 1, &["server.tls.private_key_file: ", "certificate.pem holds no private key"]),
        (
            &certificate,
            &other,
            "",
            1,
            &["server.tls.private_key_file: ", "other.pem is not the key of ", "certificate.pem"],
        ),
        (&certificate, &key, &key, 1, &["server.tls.client_ca_file: ", "key.pem holds no certificate"]),
        (&certificate, "", "", 2, &["CERTIFICATE_FILE", "needs server.tls.private_key_file, which is empty"]),
        ("", &key, "", 2, &["PRIVATE_KEY_FILE", "needs server.tls.certificate_file, which is empty"]),
        ("", "", &key, 2, &["CLIENT_CA_FILE", "needs server.tls.certificate_file, which is empty"]),
    ] {
        let settings = [
            ("server.address", "127.0.0.1:0"),
            ("store.url", &store.url()),
            ("server.tls.certificate_file", certificate),
            ("server.tls.private_key_file", key),
            ("server.tls.client_ca_file", ca),
        ];
        let output = gateway::run(&["serve"], &settings);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert!(parts.iter().all(|part| error.contains(part)) && !error.contains("panicked"), "{parts:?}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_reach_a_gateway_with_tls() {
    let (secure, store) = (Secure::new(), Store::embedded());
    let ca = secure.text("ca.pem");
    let gateway = secure.gateway(&store.url(), &[("server.tls.client_ca_file", &ca)]);
    let client = secure.authority.client();
    secure.file("own.pem", &client.certificate);
    secure.file("own-key.pem", &client.key);
    let rows = secure.file("rows.ndjson", "{\"entity_id\":\"a\",\"x\":1}\n").to_str().unwrap().to_owned();
    let (own, own_key) = (secure.text("own.pem"), secure.text("own-key.pem"));
    let address = gateway.address().to_string();
    let identity = ["--certificate", &own, "--certificate-key", &own_key];
    let known = [&["--ca", &ca, "--address", &address][..], &identity].concat();
    for command in [&["healthcheck"][..], &["load", &rows, "--retry-for", "100ms"]] {
        let output = gateway::run(&[command, &known].concat(), &[]);
        assert!(output.status.success(), "{output:?}");
        // Neither trusts whom it does not know, nor gets in without a certificate.
        for wrong in [&["--address", &address, "--ca", &own][..], &["--address", &address, "--ca", &ca]] {
            let output = gateway::run(&[command, wrong].concat(), &[]);
            assert!(!output.status.success() && !output.stderr.is_empty(), "{command:?} {wrong:?}: {output:?}");
        }
        // Once is enough: nothing gets better by itself.
        let start = Instant::now();
        let output =
            gateway::run(&[&command[..command.len().min(2)], &["--address", &address, "--ca", &ca]].concat(), &[]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains("--certificate FILE") && error.contains("server.tls.client_ca_file"), "{error}");
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
        let output = gateway::run(&[command, &["--ca", "/nowhere.pem", "--address", &address]].concat(), &[]);
        assert!(String::from_utf8_lossy(&output.stderr).contains("/nowhere.pem can't be read"), "{output:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_as_the_certificate_of_a_gateway_is_refused_with_what_to_do() {
    let (secure, store) = (Secure::new(), Store::embedded());
    let pair = Authority::for_itself();
    secure.replace(&pair);
    let own = secure.file("own.pem", &pair.certificate).to_str().unwrap().to_owned();
    let rows = secure.file("rows.ndjson", "{\"entity_id\":\"a\",\"x\":1}\n").to_str().unwrap().to_owned();
    let gateway = secure.gateway(&store.url(), &[]);
    let address = gateway.address().to_string();
    for command in [&["healthcheck"][..], &["load", &rows]] {
        let output = gateway::run(&[command, &["--address", &address, "--ca", &own]].concat(), &[]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains("basicConstraints=CA:FALSE"), "{error}");
    }
}
