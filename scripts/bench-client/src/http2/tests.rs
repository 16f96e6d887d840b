//! A connection against the frames of servers: good ones, slow ones, strict ones and broken ones.

use std::rc::Rc;

use bytes::Bytes;

use super::connection::{Connection, Outcome, Reply};
use super::fault::CallError;
use super::frame::{self, Head};
use super::request_head;

/// `:status: 200`, and `grpc-status: 0` as a literal.
const HEADERS: &[u8] = &[0x88];
const TRAILERS: &[u8] = b"\x00\x0bgrpc-status\x010";

/// A connection, and the ends of its calls.
struct Peer {
    connection: Connection<u32>,
    ended: Vec<(u32, Outcome)>,
}

impl Peer {
    /// After the greetings of a server with these SETTINGS.
    fn new(settings: &[(u16, u32)]) -> Self {
        let connection = Connection::new(request_head("/feature_store.FeatureStore/Get", "localhost:1").into(), true);
        let mut peer = Self { connection, ended: Vec::new() };
        let begin = peer.sent();
        assert_eq!(begin.strip_prefix(frame::PREFACE).map(kinds).unwrap(), [(4, 0), (8, 0)]);
        peer.say(&settings_frame(settings));
        assert_eq!(kinds(&peer.sent()), [(frame::SETTINGS, 0)]);
        peer
    }

    fn ask(&mut self, tag: u32, length: usize) {
        let ended = &mut self.ended;
        self.connection.request(Bytes::from(vec![7; length]), tag, &mut |tag, outcome| ended.push((tag, outcome)));
    }

    fn say(&mut self, bytes: &[u8]) {
        let ended = &mut self.ended;
        self.connection.receive(bytes, &mut |tag, outcome| ended.push((tag, outcome)));
    }

    /// What the connection has to send.
    fn sent(&mut self) -> Vec<u8> {
        let sent = self.connection.output().to_vec();
        self.connection.wrote(sent.len());
        sent
    }

    /// The only call that has ended since, and what went wrong with it.
    fn fault(&mut self) -> (u32, String) {
        let (tag, outcome) = self.ended.pop().unwrap();
        assert!(self.ended.is_empty(), "{:?}", self.ended);
        (tag, outcome.unwrap_err().to_string())
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::put(&mut out, payload.len(), kind, flags, stream);
    out.extend_from_slice(payload);
    out
}

fn settings_frame(settings: &[(u16, u32)]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::put_settings(&mut out, settings);
    out
}

fn good_reply(stream: u32, data: &[u8]) -> Vec<u8> {
    let headers = frame(frame::HEADERS, frame::END_HEADERS, stream, HEADERS);
    let trailers = frame(frame::HEADERS, frame::END_HEADERS | frame::END_STREAM, stream, TRAILERS);
    [headers, frame(frame::DATA, 0, stream, data), trailers].concat()
}

/// The payloads of the frames, with kind and stream.
fn frames(mut bytes: &[u8]) -> Vec<(u8, u32, Vec<u8>)> {
    let mut found = Vec::new();
    while let Some(head) = Head::read(bytes) {
        found.push((head.kind, head.stream, bytes[frame::HEAD..][..head.length].to_vec()));
        bytes = &bytes[frame::HEAD + head.length..];
    }
    assert!(bytes.is_empty(), "{bytes:x?}");
    found
}

fn kinds(bytes: &[u8]) -> Vec<(u8, u32)> {
    frames(bytes).into_iter().map(|(kind, stream, _)| (kind, stream)).collect()
}

#[test]
fn a_reply_that_trickles_ends_once_and_whole() {
    let mut peer = Peer::new(&[]);
    for tag in 0..2 {
        peer.ask(tag, 30);
    }
    assert_eq!(kinds(&peer.sent()), [(1, 1), (0, 1), (1, 3), (0, 3)]);
    let bytes = [good_reply(3, b"second"), good_reply(1, &[9; 1000])].concat();
    for byte in &bytes[..bytes.len() - 1] {
        peer.say(&[*byte]);
    }
    assert_eq!(peer.ended.len(), 1);
    peer.say(&bytes[bytes.len() - 1..]);
    let replies: Vec<(u32, Reply)> = peer.ended.drain(..).map(|(tag, outcome)| (tag, outcome.unwrap())).collect();
    let reply = |bytes: &[u8]| Reply { length: bytes.len(), bytes: bytes.to_vec() };
    assert_eq!(replies, [(1, reply(b"second")), (0, reply(&[9; 1000]))]);
}

#[test]
fn all_ways_of_framing_a_reply_are_read() {
    let mut peer = Peer::new(&[]);
    peer.ask(0, 30);
    let (begin, end) = TRAILERS.split_at(5);
    peer.say(
        &[
            // Headers of an interim reply; then padded ones with a priority; DATA padded, empty and plain.
            frame(frame::HEADERS, frame::END_HEADERS, 1, b"\x08\x03103"),
            frame(frame::HEADERS, frame::END_HEADERS | frame::PADDED | frame::PRIORITY, 1, b"\x02\0\0\0\0\x10\x88\0\0"),
            frame(frame::DATA, frame::PADDED, 1, b"\x03abc\0\0\0"),
            frame(frame::DATA, 0, 1, b""),
            frame(frame::DATA, 0, 1, b"defg"),
            // A kind that nobody knows, and trailers in three frames.
            frame(0xfa, 0, 1, b"?"),
            frame(frame::HEADERS, frame::END_STREAM, 1, begin),
            frame(frame::CONTINUATION, 0, 1, b""),
            frame(frame::CONTINUATION, frame::END_HEADERS, 1, end),
        ]
        .concat(),
    );
    let (tag, outcome) = peer.ended.pop().unwrap();
    assert_eq!((tag, outcome.unwrap()), (0, Reply { length: 7, bytes: b"abcdefg".to_vec() }));
}

#[test]
fn every_status_is_read_and_an_error_is_kept_in_words() {
    let both = frame::END_HEADERS | frame::END_STREAM;
    let trailers = |text: &[u8]| {
        [
            frame(frame::HEADERS, frame::END_HEADERS, 1, HEADERS),
            frame(frame::DATA, 0, 1, b"enough"),
            frame(frame::HEADERS, both, 1, text),
        ]
        .concat()
    };
    let message = b"\x00\x0bgrpc-status\x0214\x00\x0cgrpc-message\x0ano%20store";
    for (bytes, words) in [
        (trailers(message), "gRPC status 14: no store".to_owned() + "!"),
        (trailers(b"\x00\x01x\x01y"), "the reply has no grpc-status".into()),
        (frame(frame::HEADERS, both, 1, &[&[0x88], message.as_slice()].concat()), "gRPC status 14: no store!".into()),
        (frame(frame::HEADERS, both, 1, &[0x8d]), "HTTP status 404".into()),
        (frame(frame::HEADERS, both, 1, b"\x88\x00\x0bgrpc-status\x010"), "the reply holds 0 bytes, too few".into()),
        (
            [
                frame(frame::HEADERS, frame::END_HEADERS, 1, b"\x08\x03503"),
                frame(frame::DATA, frame::END_STREAM, 1, b"busy"),
            ]
            .concat(),
            "HTTP status 503".into(),
        ),
        (frame(frame::RST_STREAM, 0, 1, &[0, 0, 0, 7]), "(RST_STREAM): REFUSED_STREAM".into()),
    ] {
        let mut peer = Peer::new(&[]);
        peer.ask(4, 30);
        peer.say(&bytes);
        let (tag, fault) = peer.fault();
        assert!(tag == 4 && format!("{fault}!").contains(&words), "{fault}");
        // One call failed, not the connection.
        peer.ask(5, 30);
        peer.say(&good_reply(3, b"again"));
        assert!(peer.ended.pop().unwrap().1.is_ok());
    }
}

#[test]
fn trailers_are_read_again_where_they_differ() {
    let mut peer = Peer::new(&[]);
    let bad = b"\x00\x0bgrpc-status\x015";
    for (tag, stream) in [(0, 1), (1, 3), (2, 5), (3, 7)] {
        peer.ask(tag, 30);
        let mut reply = good_reply(stream, b"12345");
        if tag == 2 {
            let end = reply.len() - TRAILERS.len();
            reply.splice(end.., bad.iter().copied());
        }
        peer.say(&reply);
    }
    let codes: Vec<bool> = peer.ended.iter().map(|(_, outcome)| outcome.is_ok()).collect();
    assert_eq!(codes, [true, true, false, true]);
    assert!(matches!(&peer.ended[2].1, Err(CallError::Grpc { code, .. }) if code == "5"));
}

#[test]
fn the_server_is_answered() {
    let mut peer = Peer::new(&[]);
    peer.say(&frame(frame::PING, 0, 0, b"12345678"));
    peer.say(&frame(frame::PING, frame::ACK, 0, b"12345678"));
    assert_eq!(peer.sent(), frame(frame::PING, frame::ACK, 0, b"12345678"));
    peer.say(&settings_frame(&[(frame::HEADER_TABLE_SIZE, 0)]));
    assert_eq!(peer.sent(), frame(frame::SETTINGS, frame::ACK, 0, b""));
}

#[test]
fn the_window_of_the_connection_is_topped_up() {
    let mut peer = Peer::new(&[]);
    peer.ask(0, 30);
    peer.sent();
    let data = frame(frame::DATA, 0, 1, &[0; frame::LONGEST]);
    peer.say(&frame(frame::HEADERS, frame::END_HEADERS, 1, HEADERS));
    peer.connection.keep = false;
    let most = (1 << 29) / frame::LONGEST;
    for _ in 0..most - 1 {
        peer.say(&data);
    }
    assert!(peer.sent().is_empty());
    peer.say(&data);
    assert_eq!(peer.sent(), frame(frame::WINDOW_UPDATE, 0, 0, &(1_u32 << 29).to_be_bytes()));
}

#[test]
fn no_more_streams_than_the_server_allows() {
    let mut peer = Peer::new(&[(frame::MAX_CONCURRENT_STREAMS, 2)]);
    for tag in 0..5 {
        peer.ask(tag, 30);
    }
    assert_eq!(kinds(&peer.sent()), [(1, 1), (0, 1), (1, 3), (0, 3)]);
    peer.say(&good_reply(3, b"12345"));
    assert_eq!(kinds(&peer.sent()), [(1, 5), (0, 5)]);
    peer.say(&settings_frame(&[(frame::MAX_CONCURRENT_STREAMS, 3)]));
    assert_eq!(kinds(&peer.sent()), [(4, 0), (1, 7), (0, 7)]);
    peer.say(&frame(frame::RST_STREAM, 0, 1, &[0, 0, 0, 2]));
    assert_eq!(kinds(&peer.sent()), [(1, 9), (0, 9)]);
    assert_eq!(peer.ended.iter().map(|(tag, _)| *tag).collect::<Vec<u32>>(), [1, 0]);
}

#[test]
fn a_request_waits_for_the_windows_of_the_server() {
    let mut peer = Peer::new(&[(frame::INITIAL_WINDOW_SIZE, 100)]);
    peer.ask(0, 250);
    peer.ask(1, 50);
    let lengths = |bytes: &[u8]| -> Vec<(u32, usize)> {
        let data = frames(bytes).into_iter().filter(|(kind, ..)| *kind == frame::DATA);
        data.map(|(_, stream, payload)| (stream, payload.len())).collect()
    };
    assert_eq!(lengths(&peer.sent()), [(1, 100)]);
    peer.say(&frame(frame::WINDOW_UPDATE, 0, 1, &[0, 0, 0, 100]));
    assert_eq!(lengths(&peer.sent()), [(1, 100)]);
    peer.say(&frame(frame::WINDOW_UPDATE, 0, 3, &[0, 0, 0, 100]));
    assert!(peer.sent().is_empty());
    peer.say(&settings_frame(&[(frame::INITIAL_WINDOW_SIZE, 200)]));
    assert_eq!(lengths(&peer.sent()), [(1, 50), (3, 50)]);
    // The connection's window is 65,535 bytes, of which 300 are used.
    peer.say(&settings_frame(&[(frame::INITIAL_WINDOW_SIZE, 1 << 20)]));
    peer.sent();
    peer.ask(2, 70_000);
    assert_eq!(lengths(&peer.sent()).iter().map(|(_, length)| length).sum::<usize>(), 65_235);
    peer.say(&frame(frame::WINDOW_UPDATE, 0, 0, &[0, 1, 0, 0]));
    assert_eq!(lengths(&peer.sent()), [(5, 4_765)]);
}

#[test]
fn an_answer_before_the_end_of_a_request_stops_it() {
    let mut peer = Peer::new(&[(frame::INITIAL_WINDOW_SIZE, 10)]);
    peer.ask(0, 30);
    peer.ask(1, 5);
    peer.sent();
    peer.say(&frame(frame::HEADERS, frame::END_HEADERS | frame::END_STREAM, 1, &[0x8d]));
    assert_eq!(peer.fault(), (0, "HTTP status 404".into()));
    assert_eq!(kinds(&peer.sent()), [(frame::RST_STREAM, 1), (1, 3), (0, 3)]);
    // What the server sends on it after all is passed over.
    peer.say(&frame(frame::RST_STREAM, 0, 1, &[0; 4]));
    peer.say(&good_reply(3, b"12345"));
    assert!(peer.ended.pop().unwrap().1.is_ok());
}

#[test]
fn after_goaway_only_what_was_begun_is_answered() {
    let mut peer = Peer::new(&[(frame::MAX_CONCURRENT_STREAMS, 2)]);
    for tag in 0..3 {
        peer.ask(tag, 30);
    }
    peer.say(&frame(frame::GOAWAY, 0, 0, b"\0\0\0\x01\0\0\0\x0btoo many pings"));
    peer.ask(3, 30);
    let words = "the server ends the connection (GOAWAY): ENHANCE_YOUR_CALM, too many pings";
    let ended: Vec<(u32, String)> =
        peer.ended.drain(..).map(|(tag, outcome)| (tag, outcome.unwrap_err().to_string())).collect();
    assert_eq!(ended, [1, 2, 3].map(|tag| (tag, words.to_owned())));
    peer.say(&good_reply(1, b"12345"));
    assert!(matches!(peer.ended.pop(), Some((0, Ok(_)))));
}

#[test]
fn a_server_that_breaks_the_protocol_ends_every_call_in_words() {
    let long = [&[0, 0x40, 1, 0, 0, 0, 0, 0, 1], HEADERS].concat();
    for (bytes, words) in [
        (long, "a frame of 16385 bytes, more than allowed"),
        (frame(frame::PING, 0, 0, b"1234"), "a frame of kind 6 with 4 bytes"),
        (frame(frame::SETTINGS, 0, 0, b"1234"), "a frame of kind 4 with 4 bytes"),
        (frame(frame::GOAWAY, 0, 0, b"1234"), "a frame of kind 7 with 4 bytes"),
        (frame(frame::DATA, frame::PADDED, 1, b"\x09abc"), "a frame of kind 0 with 4 bytes"),
        (good_reply(5, b"to no request"), "a frame of kind 1 on stream 5"),
        (frame(frame::PUSH_PROMISE, 0, 1, b"1234"), "a frame of kind 5 on stream 1"),
        (frame(frame::CONTINUATION, 0, 1, b""), "a frame of kind 9 on stream 1"),
        (
            [frame(frame::HEADERS, 0, 1, b""), frame(frame::PING, 0, 0, b"12345678")].concat(),
            "a frame of kind 6 on stream 0",
        ),
        (frame(frame::HEADERS, frame::END_HEADERS | frame::END_STREAM, 1, &[0xbe]), "entry 62 of the table"),
        (frame(frame::WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]), "makes a window of"),
    ] {
        let mut peer = Peer::new(&[]);
        peer.ask(8, 30);
        peer.say(&bytes);
        let (tag, fault) = peer.fault();
        assert!(tag == 8 && fault.contains(words), "{fault}");
        assert!(peer.connection.over());
        peer.ask(9, 30);
        assert_eq!(peer.fault(), (9, fault));
    }
}

#[test]
fn what_is_no_http2_is_told_at_once() {
    let mut connection: Connection<u32> = Connection::new(Rc::from([]), false);
    connection.receive(b"HTTP/1.1 400 Bad Request\r\n\r\n", &mut |_, _| {});
    assert!(connection.over() && !connection.greeted());
    assert!(connection.fault().is_some_and(|fault| fault.to_string().contains("doesn't speak HTTP/2")));
}
