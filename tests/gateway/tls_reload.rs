//! The certificate is replaced while calls are made: none fails, open connections stay, and a bad pair is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use unskew_gateway::api::feature_store_client::FeatureStoreClient;

use crate::certificates::{Authority, Secure, break_file, url};
use crate::clients::{self, Request};
use crate::metrics::Scrape;
use crate::stores::Store;
use crate::support::gateway::Gateway;

const PATIENCE: Duration = Duration::from_secs(20);

async fn connected(secure: &Secure, gateway: &Gateway) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(gateway.address()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(secure.rustls())).connect(name, stream).await.unwrap()
}

/// One request over a connection that stays.
async fn ask_over(stream: &mut TlsStream<TcpStream>) {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = [0; 4096];
    let read = stream.read(&mut answer).await.unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "{}", answer[..read].escape_ascii());
}

/// The certificate that a new connection is shown.
async fn shown(secure: &Secure, gateway: &Gateway) -> Vec<u8> {
    let stream = connected(secure, gateway).await;
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

async fn until_shown(secure: &Secure, gateway: &Gateway, other_than: &[u8]) -> Vec<u8> {
    let start = Instant::now();
    loop {
        let now = shown(secure, gateway).await;
        if now != other_than {
            return now;
        }
        assert!(start.elapsed() < PATIENCE, "the new certificate is not shown:\n{}", gateway.log_text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn reloads(secure: &Secure, gateway: &Gateway) -> (f64, f64) {
    let response = secure.http(None).build().unwrap().get(url(gateway, "/metrics")).send().await.unwrap();
    let scrape = Scrape::of(response.text().await.unwrap());
    let value = |result| scrape.value("unskew_tls_reloads_total", &[("result", result)]);
    (value("loaded"), value("refused"))
}

/// Makes calls until it is told to stop, and counts them; panics at the first that fails.
fn load(secure: &Arc<Secure>, gateway: &Arc<Gateway>, stop: &Arc<AtomicBool>) -> Vec<tokio::task::JoinHandle<usize>> {
    let request = Request::of(&["a"]);
    let mut tasks = Vec::new();
    for kind in 0..4 {
        let (secure, gateway, stop, request) = (secure.clone(), gateway.clone(), stop.clone(), request.clone());
        tasks.push(tokio::spawn(async move {
            let count = AtomicUsize::new(0);
            let path = url(&gateway, "/v1/online-features");
            let http = secure.http(None).build().unwrap();
            let mut grpc = FeatureStoreClient::new(secure.channel(&gateway, None).await.unwrap());
            while !stop.load(Ordering::Relaxed) {
                let answer = match kind {
                    0 => clients::post_to(&http, &path, &request).await,
                    1 => clients::ask(&mut grpc, &request).await,
                    2 => {
                        let new = secure.http(None).http1_only().build().unwrap();
                        clients::post_to(&new, &path, &request).await
                    }
                    _ => {
                        let channel = secure.channel(&gateway, None).await.unwrap();
                        clients::ask(&mut FeatureStoreClient::new(channel), &request).await
                    }
                };
                answer.unwrap_or_else(|failure| panic!("kind {kind}: {failure:?}"));
                count.fetch_add(1, Ordering::Relaxed);
            }
            count.into_inner()
        }));
    }
    tasks
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_replaced_under_load_without_one_failed_call() {
    let (secure, store) = (Arc::new(Secure::new()), Store::embedded());
    let gateway = Arc::new(secure.gateway(&store.url(), &[("server.tls.reload_interval", "100ms")]));
    let stop = Arc::new(AtomicBool::new(false));
    let tasks = load(&secure, &gateway, &stop);
    let mut before = shown(&secure, &gateway).await;
    // This client does not connect again.
    let mut first = connected(&secure, &gateway).await;
    for serial in 2..8 {
        ask_over(&mut first).await;
        secure.replace(&secure.authority.server(serial));
        before = until_shown(&secure, &gateway, &before).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        assert!(task.await.unwrap() > 10);
    }
    ask_over(&mut first).await;
    assert_eq!(reloads(&secure, &gateway).await.0, 6.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_pair_is_refused_and_the_one_before_stays() {
    let (secure, store) = (Secure::new(), Store::embedded());
    let gateway = secure.gateway(&store.url(), &[("server.tls.reload_interval", "50ms")]);
    let mut open = FeatureStoreClient::new(secure.channel(&gateway, None).await.unwrap());
    let first = shown(&secure, &gateway).await;
    let other = secure.authority.server(2);
    for (count, name, text) in
        [(1.0, "key.pem", other.key.as_str()), (2.0, "key.pem", "no key"), (3.0, "certificate.pem", "no certificate")]
    {
        secure.file(name, text);
        let start = Instant::now();
        while reloads(&secure, &gateway).await.1 < count {
            assert!(start.elapsed() < PATIENCE, "{name}: {text}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(shown(&secure, &gateway).await, first);
        clients::ask(&mut open, &Request::of(&["a"])).await.unwrap();
    }
    break_file(&secure.path("key.pem"));
    // Told once for each fault, not at every look.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(reloads(&secure, &gateway).await, (0.0, 4.0));
    let event = gateway.logged("the changed certificate files are refused, the certificate before stays");
    let error = event["error"].as_str().unwrap();
    assert!(error.contains("server.tls.private_key_file: ") && error.contains("is not the key of"), "{error}");
    std::fs::remove_dir(secure.path("key.pem")).unwrap();
    secure.replace(&other);
    until_shown(&secure, &gateway, &first).await;
    clients::ask(&mut open, &Request::of(&["a"])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_looks_at_once() {
    let (secure, store) = (Secure::new(), Store::embedded());
    let gateway = secure.gateway(&store.url(), &[("server.tls.reload_interval", "1h")]);
    let first = shown(&secure, &gateway).await;
    secure.replace(&secure.authority.server(2));
    gateway.hang_up();
    until_shown(&secure, &gateway, &first).await;
    secure.file("key.pem", "no key");
    gateway.hang_up();
    gateway.logged("the changed certificate files are refused, the certificate before stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authorities_of_clients_are_replaced_too() {
    let (secure, store) = (Secure::new(), Store::embedded());
    let ca = secure.file("clients.pem", &secure.authority.pem).to_str().unwrap().to_owned();
    let settings = [("server.tls.client_ca_file", ca.as_str()), ("server.tls.reload_interval", "50ms")];
    let gateway = secure.gateway(&store.url(), &settings);
    let next = Authority::new();
    let (old, new) = (secure.authority.client(), next.client());
    // No connection is kept, so that each call shakes hands, and could take up the session of the one before.
    let client = |pair| secure.http(Some(pair)).pool_max_idle_per_host(0).build().unwrap();
    let (old, new) = (client(&old), client(&new));
    let good = async |http: &reqwest::Client| http.get(url(&gateway, "/healthz")).send().await.is_ok();
    assert_eq!((good(&old).await, good(&new).await), (true, false));
    secure.file("clients.pem", &format!("{}{}", secure.authority.pem, next.pem));
    let start = Instant::now();
    while !good(&new).await {
        assert!(good(&old).await && start.elapsed() < PATIENCE, "{}", gateway.log_text());
    }
    secure.file("clients.pem", &next.pem);
    while good(&old).await {
        assert!(good(&new).await && start.elapsed() < PATIENCE, "{}", gateway.log_text());
    }
    assert!(good(&new).await);
}
