//! The loads against servers on real sockets: one that does its work, and some that do not.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use http::header::{HeaderMap, HeaderValue};
use serde_json::Value;

use crate::client::{Client, Method};
use crate::error::BenchError;
use crate::options::{Command, Options};
use crate::{closed, fetch, floor, paced};

/// SETTINGS without a setting.
const GREETING: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
/// A reply of five bytes on stream 1: `:status: 200`, then DATA, then `grpc-status: 0`.
const REPLY: &[u8] =
    b"\0\0\x01\x01\x04\0\0\0\x01\x88\0\0\x05\0\0\0\0\0\x01\0\0\0\0\0\0\0\x0f\x01\x05\0\0\0\x01\0\x0bgrpc-status\x010";

/// A server that treats each of its connections so, one after the other; answers with its address.
fn serve(treat: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || listener.incoming().for_each(|stream| treat(stream.unwrap())));
    address
}

/// Reads the greeting of the client and its first request, and answers the former.
fn greet(stream: &mut TcpStream) {
    stream.write_all(GREETING).unwrap();
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    while !read.windows(8).any(|bytes| bytes == b"trailers") {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0);
        read.extend_from_slice(&buffer[..count]);
    }
}

/// Runs the command; answers with what it prints.
fn run(arguments: &[&str]) -> Result<Value, BenchError> {
    let report = match Options::parse_from([&["bench-client"], arguments].concat()).command {
        Command::Paced(options) => serde_json::to_value(paced::run(&options)?),
        Command::Closed(options) => serde_json::to_value(closed::run(&options)?),
        Command::Fetch(options) => serde_json::to_value(fetch::run(&options)?),
        Command::Probe(options) => serde_json::to_value(fetch::probe(&options)?),
    };
    Ok(report.unwrap())
}

/// What goes wrong with one call.
fn call(address: &str) -> String {
    run(&["fetch", "--address", address, "customer_1"]).unwrap_err().to_string()
}

#[test]
fn the_open_loop_sends_by_its_schedule() {
    let report = run(&[
        "paced",
        "--floor",
        "--floor-reply-bytes",
        "900",
        "--rate",
        "2000",
        "--duration",
        "0.5",
        "--connections",
        "20",
    ])
    .unwrap();
    assert_eq!((&report["requests"], &report["errors"]), (&1000.into(), &0.into()), "{report}");
    assert_eq!(report["reply_bytes"], 905.0);
    assert!(report["rate"].as_f64().is_some_and(|rate| rate < 2050.0), "{report}");
    for kind in ["latency_us", "send_lag_us"] {
        assert!(report[kind]["p50"].as_f64().is_some_and(|p50| p50 > 0.0), "{report}");
    }
}

#[test]
fn the_closed_loop_keeps_its_streams_busy() {
    let address = floor::start(70_000).unwrap().to_string();
    let report = run(&["closed", "--address", &address, "--duration", "0.3", "--streams", "4", "--batch", "100"]);
    let report = report.unwrap();
    assert!(report["requests"].as_u64().is_some_and(|count| count > 32) && report["errors"] == 0, "{report}");
    assert_eq!(report["reply_bytes"], 70_005.0);
}

#[test]
fn one_call_is_sized() {
    let address = floor::start(3).unwrap().to_string();
    let body = std::env::temp_dir().join(format!("bench-client-{}", std::process::id()));
    std::fs::write(&body, [0; 100]).unwrap();
    let size = run(&["probe", "--address", &address, "--body", &body.to_string_lossy()]);
    std::fs::remove_file(&body).unwrap();
    assert_eq!(size.unwrap()["reply_bytes"], 8);
}

#[test]
fn a_reply_that_trickles_is_waited_for() {
    let address = serve(|mut stream| {
        greet(&mut stream);
        stream.set_nodelay(true).unwrap();
        for byte in REPLY {
            stream.write_all(&[*byte]).unwrap();
            thread::sleep(Duration::from_millis(2));
        }
        // No end before the client's.
        while stream.read(&mut [0; 256]).is_ok_and(|count| count > 0) {}
    });
    // Latency counts from the time when the request was due.
    let report =
        run(&["paced", "--address", &address, "--rate", "1", "--duration", "1", "--connections", "1"]).unwrap();
    assert_eq!((&report["requests"], &report["errors"]), (&1.into(), &0.into()), "{report}");
    let least = 2000.0 * (REPLY.len() - 1) as f64;
    assert!(report["latency_us"]["max"].as_f64().is_some_and(|latency| latency > least), "{report}");
}

#[test]
fn an_error_is_kept_as_the_server_wrote_it() {
    // All characters that a header may hold: the server's library writes them as Huffman codes.
    let text: String = (' '..='~').chain("é€😀".chars()).filter(|letter| *letter != '%').collect();
    let expected = format!("gRPC status 9: {text}");
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("9"));
    trailers.insert("grpc-message", HeaderValue::from_bytes(text.as_bytes()).unwrap());
    let address = serve(move |stream| answer_with(&trailers, stream));
    let fault = call(&address);
    assert!(fault.contains(&expected), "{fault}");
    // Counted in a load, and the load goes on.
    let report =
        run(&["paced", "--address", &address, "--rate", "100", "--duration", "0.2", "--connections", "1"]).unwrap();
    assert_eq!((&report["requests"], &report["errors"]), (&20.into(), &20.into()), "{report}");
    assert_eq!(report["first_error"], expected);
}

/// Answers all requests of the connection with the trailers alone.
fn answer_with(trailers: &HeaderMap, stream: TcpStream) {
    stream.set_nonblocking(true).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::from_std(stream).unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            let mut head = http::Response::new(());
            *head.headers_mut() = trailers.clone();
            respond.send_response(head, true).unwrap();
        }
    });
}

#[test]
fn a_lost_connection_fails_its_calls_and_no_others() {
    let address = serve(|mut stream| greet(&mut stream));
    assert_eq!(call(&address), format!("the call to {address} failed: the server closed the connection"));
    // Requests that are due later fail at once.
    let report =
        run(&["paced", "--address", &address, "--rate", "100", "--duration", "0.3", "--connections", "1"]).unwrap();
    assert_eq!((&report["requests"], &report["errors"]), (&30.into(), &30.into()), "{report}");
    let first = report["first_error"].as_str().unwrap();
    assert!(first == "the server closed the connection" || first.starts_with("the connection broke"), "{first}");
    // And the closed loop does not turn into a busy one.
    let report =
        run(&["closed", "--address", &address, "--duration", "0.2", "--connections", "1", "--streams", "1"]).unwrap();
    assert!(report["requests"].as_u64().is_some_and(|count| (2..=21).contains(&count)), "{report}");
}

#[test]
fn goaway_and_rst_stream_are_told_in_words() {
    let with = |frame: &'static [u8]| {
        serve(move |mut stream| {
            greet(&mut stream);
            stream.write_all(frame).unwrap();
            while stream.read(&mut [0; 256]).is_ok_and(|count| count > 0) {}
        })
    };
    let fault = call(&with(b"\0\0\x0c\x07\0\0\0\0\0\0\0\0\0\0\0\0\0oops"));
    assert!(fault.ends_with("failed: the server ends the connection (GOAWAY): NO_ERROR, oops"), "{fault}");
    let fault = call(&with(b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x63"));
    assert!(fault.ends_with("failed: the server ended the stream (RST_STREAM): unknown code 0x63"), "{fault}");
}

#[test]
fn a_server_that_says_nothing_ends_the_wait() {
    let address = serve(|mut stream| {
        greet(&mut stream);
        while stream.read(&mut [0; 256]).is_ok_and(|count| count > 0) {}
    });
    let mut client = Client::connect(&Method::new(&address, "GetOnlineFeatures").unwrap(), 1, false).unwrap();
    client.send(0, vec![0; 5].into(), 'x');
    let (begin, mut ended) = (Instant::now(), Vec::new());
    client.drain(Duration::from_millis(200), |call| ended.push(call)).unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(200) && client.outstanding() == 0);
    assert!(ended.len() == 1 && ended[0].tag == 'x' && ended[0].outcome.is_err(), "{ended:?}");
}

#[test]
fn what_is_no_server_is_refused_with_what_would_be_right() {
    for (address, words) in [
        ("127.0.0.1", "there is no port"),
        (":50051", "there is no host"),
        ("127.0.0.1:gateway", "the port is no number up to 65535"),
        ("127.0.0.1:1", "connecting to 127.0.0.1:1: Connection refused"),
    ] {
        let fault = call(address);
        assert!(fault.contains(words), "{fault}");
    }
    let fault = call(&serve(|mut stream| stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap()));
    assert!(fault.contains("doesn't speak HTTP/2 without TLS"), "{fault}");
    let address = "127.0.0.1:1";
    let fault = run(&["closed", "--address", address, "--method", "Get/Online"]).unwrap_err().to_string();
    assert!(fault.contains("\"Get/Online\" is no method"), "{fault}");
}
