//! Connections: both protocols on one port, silent clients, noise.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::clients::{self, Request};
use crate::metrics::scrape;
use crate::stores::Store;
use crate::support::gateway::Gateway;

const LIMIT: Duration = Duration::from_millis(500);
/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(5);

#[tokio::test]
async fn both_versions_of_http_and_both_protocols_on_one_port() {
    for store in Store::both() {
        let gateway = Gateway::start(&store.url());
        clients::until_ready(&gateway, true).await;
        let request = Request { as_of: Some("2024-01-01T00:00:00Z".to_owned()), ..Request::of(&["a"]) };
        let one = clients::post(&clients::http1(), &gateway, &request).await.unwrap();
        let two = clients::post(&clients::http2(), &gateway, &request).await.unwrap();
        let grpc = clients::ask(&mut clients::grpc(&gateway).await, &request).await.unwrap();
        assert_eq!((&one, &one), (&two, &grpc));
        let response = clients::http2().get(gateway.url("/healthz")).send().await.unwrap();
        assert_eq!(response.version(), reqwest::Version::HTTP_2);
        let response = clients::http1().get(gateway.url("/healthz")).send().await.unwrap();
        assert_eq!(response.version(), reqwest::Version::HTTP_11);
    }
}

/// How long the gateway keeps a connection on which this is said and no more; it must not answer with a success.
fn kept(gateway: &Gateway, said: &[u8]) -> Duration {
    let mut stream = TcpStream::connect(gateway.address()).unwrap();
    let start = Instant::now();
    stream.write_all(said).unwrap();
    stream.set_read_timeout(Some(LIMIT + SLACK)).unwrap();
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer);
    if let Err(error) = ended {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{:?} was kept: {error}", said.escape_ascii());
    }
    assert!(!answer.starts_with(b"HTTP/1.1 2"), "{}", answer.escape_ascii());
    start.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_clients_are_sent_away() {
    let store = Store::embedded();
    let gateway = Gateway::start_with(&store.url(), &[("server.handshake_timeout", "500ms")]);
    for said in [
        &b""[..],
        b"P",
        b"PRI * HTTP/2.0\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r",
        b"GET /healthz HTTP/1.1\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-more: ",
    ] {
        let kept = kept(&gateway, said);
        assert!(kept >= LIMIT - Duration::from_millis(50), "{:?} was sent away after {kept:?}", said.escape_ascii());
    }
    // Who speaks stays: an idle connection of gRPC outlives the limit.
    let mut client = clients::grpc(&gateway).await;
    clients::ask(&mut client, &Request::of(&["a"])).await.unwrap();
    tokio::time::sleep(LIMIT * 2).await;
    clients::ask(&mut client, &Request::of(&["a"])).await.unwrap();
    drop(client);
    let start = Instant::now();
    while scrape(&gateway).await.value("unskew_connections_open", &[]) > 1.0 {
        assert!(start.elapsed() < SLACK, "connections stay in the gauge");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn clients_are_told_how_many_streams_a_connection_has() {
    const STREAMS: u16 = 3;
    let store = Store::embedded();
    let gateway = Gateway::start(&store.url());
    let mut stream = TcpStream::connect(gateway.address()).unwrap();
    stream.set_read_timeout(Some(SLACK)).unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).unwrap();
    // The first frame of a server is its SETTINGS: pairs of an id and a value.
    assert_eq!(head[3], 4, "{head:?}");
    let mut settings = vec![0; usize::from(head[2])];
    stream.read_exact(&mut settings).unwrap();
    let streams = settings.chunks(6).find_map(|pair| match pair {
        [a, b, value @ ..] if u16::from_be_bytes([*a, *b]) == STREAMS => {
            Some(u32::from_be_bytes(value.try_into().unwrap()))
        }
        _ => None,
    });
    assert_eq!(streams, Some(128));
}

#[tokio::test(flavor = "multi_thread")]
async fn noise_does_not_harm() {
    let store = Store::embedded();
    let mut gateway = Gateway::start_with(&store.url(), &[("server.handshake_timeout", "300ms")]);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut byte = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random.to_le_bytes()[3]
    };
    let beginnings: [&[u8]; 5] = [
        b"",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        b"POST /v1/online-features HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: 40\r\n\r\n",
        b"GET /v1/online-features/",
    ];
    for round in 0..100 {
        let mut noise = beginnings[round % beginnings.len()].to_vec();
        noise.extend((0..1 + round * 7).map(|_| byte()));
        let mut stream = TcpStream::connect(gateway.address()).unwrap();
        // The gateway may close at any byte.
        let _ = stream.write_all(&noise);
        if round % 4 == 0 {
            stream.set_read_timeout(Some(SLACK)).unwrap();
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
        }
    }
    assert!(gateway.is_alive());
    let mut client = clients::grpc(&gateway).await;
    clients::ask(&mut client, &Request::of(&["a"])).await.unwrap();
    clients::post(&clients::http1(), &gateway, &Request::of(&["a"])).await.unwrap();
    assert!(!gateway.log_text().contains("panicked"), "{}", gateway.log_text());
}
