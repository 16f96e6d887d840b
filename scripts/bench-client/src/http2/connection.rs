//! One connection of a client: what it sends, and what it knows of the server.

use std::collections::VecDeque;
use std::rc::Rc;

use bytes::Bytes;

use super::fault::{CallError, Fault};
use super::frame;
use super::incoming::{Block, Payload};
use super::streams::{Stream, Streams};

/// Replies must never wait for a window of ours: what is measured is the server. The largest there is.
const WINDOW: u32 = (1 << 31) - 1;
/// What a window is without SETTINGS.
const DEFAULT_WINDOW: u32 = (1 << 16) - 1;

/// A good reply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// Bytes, with the frame of gRPC.
    pub(crate) length: usize,
    /// The bytes, if the connection keeps them.
    pub(crate) bytes: Vec<u8>,
}

/// How a call ended.
pub(crate) type Outcome = Result<Reply, CallError>;

/// A request that is on its way, and whose body waits for windows of the server.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) stream: u32,
    body: Bytes,
    sent: usize,
    /// What the server takes on the stream.
    pub(super) window: i64,
}

/// What the server asks for.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) streams: usize,
    pub(super) stream_window: u32,
    pub(super) frame: usize,
}

/// A connection, apart from its socket. Each request has a tag, with which `done` learns of its end.
#[derive(Debug)]
pub(crate) struct Connection<T> {
    /// Whether replies are kept, or only counted.
    pub(super) keep: bool,
    /// The HEADERS frame of every request.
    head: Rc<[u8]>,
    pub(super) streams: Streams<T>,
    waiting: VecDeque<(Bytes, T)>,
    pub(super) sending: Option<Sending>,
    pub(super) out: Vec<u8>,
    written: usize,
    pub(super) limits: Limits,
    /// What the server takes on the connection.
    pub(super) window: i64,
    /// Whether the server's SETTINGS were here.
    pub(super) greeted: bool,
    /// Bytes of a frame that is not complete.
    pub(super) partial: Vec<u8>,
    pub(super) payload: Option<Payload>,
    pub(super) block: Option<Block>,
    /// DATA since the window was last topped up.
    pub(super) received: u32,
    /// The last trailers that said 0.
    pub(super) good: Vec<u8>,
    /// Why there are no more requests.
    pub(super) fault: Option<Rc<Fault>>,
    /// Whether there are no more replies, either.
    pub(super) over: bool,
}

impl<T> Connection<T> {
    /// A connection whose requests begin with the HEADERS frame `head`.
    pub(crate) fn new(head: Rc<[u8]>, keep: bool) -> Self {
        let mut out = frame::PREFACE.to_vec();
        let settings = [(frame::HEADER_TABLE_SIZE, 0), (frame::ENABLE_PUSH, 0), (frame::INITIAL_WINDOW_SIZE, WINDOW)];
        frame::put_settings(&mut out, &settings);
        frame::put_window_update(&mut out, WINDOW - DEFAULT_WINDOW);
        Self {
            keep,
            head,
            streams: Streams::new(),
            waiting: VecDeque::new(),
            sending: None,
            out,
            written: 0,
            limits: Limits { streams: usize::MAX, stream_window: DEFAULT_WINDOW, frame: frame::LONGEST },
            window: DEFAULT_WINDOW.into(),
            greeted: false,
            partial: Vec::new(),
            payload: None,
            block: None,
            received: 0,
            good: Vec::new(),
            fault: None,
            over: false,
        }
    }

    /// Whether the server has sent its SETTINGS.
    pub(crate) fn greeted(&self) -> bool {
        self.greeted
    }

    /// Why there are no more requests, if so.
    pub(crate) fn fault(&self) -> Option<&Rc<Fault>> {
        self.fault.as_ref()
    }

    /// Whether nothing more will come of it.
    pub(crate) fn over(&self) -> bool {
        self.over
    }

    /// Puts a request in line; it leaves when the server's limits let it.
    pub(crate) fn request(&mut self, body: Bytes, tag: T, done: &mut impl FnMut(T, Outcome)) {
        match &self.fault {
            Some(fault) => done(tag, Err(CallError::Connection(Rc::clone(fault)))),
            None => {
                self.waiting.push_back((body, tag));
                self.fill(done);
            }
        }
    }

    /// What the socket should take.
    pub(crate) fn output(&self) -> &[u8] {
        &self.out[self.written..]
    }

    /// The socket took so many bytes of [`Self::output`].
    pub(crate) fn wrote(&mut self, count: usize) {
        self.written += count;
        if self.written == self.out.len() {
            self.out.clear();
            self.written = 0;
        }
    }

    /// The connection is lost.
    pub(crate) fn lose(&mut self, fault: Fault, done: &mut impl FnMut(T, Outcome)) {
        self.over = true;
        // What the server said before tells more than the end of the connection.
        let fault = Rc::clone(self.fault.get_or_insert_with(|| Rc::new(fault)));
        self.abandon(0, &|| CallError::Connection(Rc::clone(&fault)), done);
    }

    /// Gives up all calls that have not ended.
    pub(crate) fn give_up(&mut self, error: &impl Fn() -> CallError, done: &mut impl FnMut(T, Outcome)) {
        self.over = true;
        self.abandon(0, error, done);
    }

    /// Ends the calls that wait, and those on streams after `last`.
    pub(super) fn abandon(&mut self, last: u32, error: &impl Fn() -> CallError, done: &mut impl FnMut(T, Outcome)) {
        self.sending.take_if(|sending| sending.stream > last);
        let streams = self.streams.close_after(last).into_iter().map(|stream| stream.tag);
        for tag in streams.chain(self.waiting.drain(..).map(|(_, tag)| tag)) {
            done(tag, Err(error()));
        }
    }

    /// Ends the call of a stream, and makes use of its place.
    pub(super) fn end(
        &mut self,
        stream: u32,
        outcome: impl FnOnce(&mut Stream<T>) -> Result<(), CallError>,
        done: &mut impl FnMut(T, Outcome),
    ) {
        let Some(mut stream_state) = self.streams.close(stream) else { return };
        if self.sending.take_if(|sending| sending.stream == stream).is_some() {
            // An answer before the end of the question: the rest of it is of no use.
            frame::put_reset(&mut self.out, stream, frame::CANCEL);
        }
        let outcome = outcome(&mut stream_state);
        let Stream { tag, length, reply, .. } = stream_state;
        done(tag, outcome.map(|()| Reply { length, bytes: reply }));
        self.fill(done);
    }

    /// Makes frames of what waits, as far as the server's limits let it.
    pub(super) fn fill(&mut self, done: &mut impl FnMut(T, Outcome)) {
        while self.send_body() && self.streams.len() < self.limits.streams && !self.waiting.is_empty() {
            let Some(stream) = self.streams.next() else {
                let fault = Rc::clone(self.fault.get_or_insert_with(|| Rc::new(Fault::Spent)));
                return self.abandon(u32::MAX, &|| CallError::Connection(Rc::clone(&fault)), done);
            };
            let Some((body, tag)) = self.waiting.pop_front() else { return };
            self.streams.open(tag);
            let begin = self.out.len();
            self.out.extend_from_slice(&self.head);
            frame::set_stream(&mut self.out[begin..], stream);
            self.sending = Some(Sending { stream, body, sent: 0, window: self.limits.stream_window.into() });
        }
    }

    /// Sends what the windows take of the body that is on its way; answers whether there is none any more.
    fn send_body(&mut self) -> bool {
        while let Some(sending) = &mut self.sending {
            let rest = &sending.body[sending.sent..];
            let window = usize::try_from(sending.window.min(self.window)).unwrap_or(0);
            let length = rest.len().min(window).min(self.limits.frame);
            let last = length == rest.len();
            if length == 0 && !last {
                return false;
            }
            let flags = if last { frame::END_STREAM } else { 0 };
            frame::put(&mut self.out, length, frame::DATA, flags, sending.stream);
            self.out.extend_from_slice(&rest[..length]);
            sending.sent += length;
            let taken = i64::try_from(length).unwrap_or(i64::MAX);
            sending.window -= taken;
            self.window -= taken;
            if last {
                self.sending = None;
            }
        }
        true
    }
}
