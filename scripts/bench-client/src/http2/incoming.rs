//! What a server sends: heads of frames are read, DATA is counted, and headers are read as far as they tell the outcome.

use std::rc::Rc;

use super::connection::{Connection, Outcome};
use super::fault::{CallError, Fault, Reason};
use super::frame::{self, Head};
use super::headers::{self, Fields};

/// The window of the connection is topped up after this much of it.
const TOP_UP: u32 = 1 << 29;
/// The longest block of headers that a server may spread over frames.
const LONGEST_BLOCK: usize = 1 << 20;
/// Bytes before every gRPC message.
const GRPC_FRAME: usize = 5;

/// The rest of a DATA frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Payload {
    stream: u32,
    left: usize,
    /// Whether the stream ends with it.
    last: bool,
}

/// Headers whose frames are not complete.
#[derive(Debug)]
pub(super) struct Block {
    stream: u32,
    last: bool,
    bytes: Vec<u8>,
}

impl<T> Connection<T> {
    /// Takes what the socket gave; calls that end with it are `done`.
    pub(crate) fn receive(&mut self, bytes: &[u8], done: &mut impl FnMut(T, Outcome)) {
        if self.partial.is_empty() {
            let read = self.frames(bytes, done);
            self.partial.extend_from_slice(&bytes[read..]);
        } else {
            let mut joined = std::mem::take(&mut self.partial);
            joined.extend_from_slice(bytes);
            let read = self.frames(&joined, done);
            joined.drain(..read);
            self.partial = joined;
        }
    }

    /// Reads frames as far as they are complete; answers with their bytes.
    fn frames(&mut self, bytes: &[u8], done: &mut impl FnMut(T, Outcome)) -> usize {
        let mut read = 0;
        while !self.over {
            match self.frame(&bytes[read..], done) {
                Ok(Some(length)) => read += length,
                Ok(None) => return read,
                Err(fault) => self.lose(fault, done),
            }
        }
        bytes.len()
    }

    /// Reads one frame or a part of it; answers with its bytes, or None if more are needed.
    fn frame(&mut self, bytes: &[u8], done: &mut impl FnMut(T, Outcome)) -> Result<Option<usize>, Fault> {
        if let Some(payload) = self.payload.take() {
            return Ok(self.data(payload, bytes, done));
        }
        let Some(head) = Head::read(bytes) else { return Ok(None) };
        if !self.greeted && (head.kind != frame::SETTINGS || head.has(frame::ACK)) {
            return Err(Fault::NoHttp2);
        }
        if head.length > frame::LONGEST {
            return Err(Fault::TooLong(head.length));
        }
        let unexpected = Fault::Unexpected { kind: head.kind, stream: head.stream };
        let continued = self.block.as_ref().map(|block| block.stream);
        if continued.is_some_and(|stream| head.kind != frame::CONTINUATION || head.stream != stream) {
            return Err(unexpected);
        }
        let of_stream = matches!(head.kind, frame::DATA | frame::HEADERS | frame::RST_STREAM | frame::CONTINUATION);
        if of_stream && !self.streams.knows(head.stream) {
            return Err(unexpected);
        }
        if head.kind == frame::DATA && !head.has(frame::PADDED) {
            self.payload = Some(Payload { stream: head.stream, left: head.length, last: head.has(frame::END_STREAM) });
            self.count(head.length);
            return Ok(Some(frame::HEAD));
        }
        let end = frame::HEAD + head.length;
        let Some(payload) = bytes.get(frame::HEAD..end) else { return Ok(None) };
        self.whole(head, payload, done)?;
        Ok(Some(end))
    }

    /// Takes a frame that is all there.
    fn whole(&mut self, head: Head, payload: &[u8], done: &mut impl FnMut(T, Outcome)) -> Result<(), Fault> {
        let malformed = || Fault::Malformed { kind: head.kind, length: head.length };
        match head.kind {
            frame::DATA => {
                self.count(head.length);
                let data = unpadded(head, payload).ok_or_else(malformed)?;
                let rest = Payload { stream: head.stream, left: data.len(), last: head.has(frame::END_STREAM) };
                self.data(rest, data, done);
            }
            frame::HEADERS => {
                let mut bytes = unpadded(head, payload).ok_or_else(malformed)?;
                if head.has(frame::PRIORITY) {
                    bytes = bytes.get(5..).ok_or_else(malformed)?;
                }
                let last = head.has(frame::END_STREAM);
                if head.has(frame::END_HEADERS) {
                    return self.headers(head.stream, bytes, last, done);
                }
                self.block = Some(Block { stream: head.stream, last, bytes: bytes.to_vec() });
            }
            frame::CONTINUATION => {
                let unexpected = Fault::Unexpected { kind: head.kind, stream: head.stream };
                let mut block = self.block.take().ok_or(unexpected)?;
                block.bytes.extend_from_slice(payload);
                if head.has(frame::END_HEADERS) {
                    return self.headers(block.stream, &block.bytes, block.last, done);
                }
                if block.bytes.len() > LONGEST_BLOCK {
                    return Err(Fault::TooLong(block.bytes.len()));
                }
                self.block = Some(block);
            }
            frame::RST_STREAM => {
                let reason = Reason(four(payload).ok_or_else(malformed)?);
                self.sending.take_if(|sending| sending.stream == head.stream);
                self.end(head.stream, |_| Err(CallError::Reset(reason)), done);
            }
            frame::SETTINGS if !head.has(frame::ACK) => {
                self.settings(payload).ok_or_else(malformed)?;
                self.fill(done);
            }
            frame::PING if !head.has(frame::ACK) => {
                if payload.len() != 8 {
                    return Err(malformed());
                }
                frame::put(&mut self.out, payload.len(), frame::PING, frame::ACK, 0);
                self.out.extend_from_slice(payload);
            }
            frame::GOAWAY => self.go_away(payload, done).ok_or_else(malformed)?,
            frame::WINDOW_UPDATE => {
                let more = i64::from(four(payload).ok_or_else(malformed)? & 0x7fff_ffff);
                self.widen(head.stream, more)?;
                self.fill(done);
            }
            frame::PUSH_PROMISE => return Err(Fault::Unexpected { kind: head.kind, stream: head.stream }),
            // Acknowledgements, and kinds that a client may pass over.
            _ => {}
        }
        Ok(())
    }

    /// Counts DATA against the window of the connection, whatever becomes of it.
    fn count(&mut self, length: usize) {
        self.received += u32::try_from(length).unwrap_or(TOP_UP);
        if self.received >= TOP_UP {
            frame::put_window_update(&mut self.out, self.received);
            self.received = 0;
        }
    }

    /// Takes what is there of a DATA frame; answers with its bytes, or None if there are none and more must come.
    fn data(&mut self, payload: Payload, bytes: &[u8], done: &mut impl FnMut(T, Outcome)) -> Option<usize> {
        let here = payload.left.min(bytes.len());
        if let Some(stream) = self.streams.get(payload.stream) {
            stream.length += here;
            if self.keep {
                stream.reply.extend_from_slice(&bytes[..here]);
            }
        }
        if here < payload.left {
            self.payload = Some(Payload { left: payload.left - here, ..payload });
            return (here > 0).then_some(here);
        }
        if payload.last {
            self.end(payload.stream, |stream| Err(without_status(stream.status)), done);
        }
        Some(here)
    }

    /// Takes a block of headers: those before the reply, or its trailers, or both in one.
    fn headers(&mut self, id: u32, block: &[u8], last: bool, done: &mut impl FnMut(T, Outcome)) -> Result<(), Fault> {
        // A stream that ended before its time, by a RST_STREAM of either side.
        let Some(stream) = self.streams.get(id) else { return Ok(()) };
        if !last {
            if stream.status.is_some() {
                return Err(Fault::Unexpected { kind: frame::HEADERS, stream: id });
            }
            let status = if headers::begins_well(block) { Some(200) } else { headers::decode(block)?.status };
            // Below 200: the headers proper are still to come.
            stream.status = status.filter(|status| *status >= 200);
            return Ok(());
        }
        if stream.status == Some(200) && block == self.good {
            self.end(id, |stream| long_enough(stream.length), done);
            return Ok(());
        }
        let fields = headers::decode(block)?;
        if stream.status == Some(200) && fields.grpc_status.as_deref() == Some("0") {
            self.good = block.to_vec();
        }
        self.end(id, |stream| outcome(stream.status, stream.length, fields), done);
        Ok(())
    }

    /// None: malformed.
    fn settings(&mut self, payload: &[u8]) -> Option<()> {
        if !payload.len().is_multiple_of(6) {
            return None;
        }
        for setting in payload.chunks_exact(6) {
            let [name, other, value @ ..] = setting.first_chunk::<6>()?;
            let value = frame::number(*value);
            match u16::from_be_bytes([*name, *other]) {
                frame::MAX_CONCURRENT_STREAMS => self.limits.streams = usize::try_from(value).unwrap_or(usize::MAX),
                frame::INITIAL_WINDOW_SIZE => {
                    if let Some(sending) = &mut self.sending {
                        sending.window += i64::from(value) - i64::from(self.limits.stream_window);
                    }
                    self.limits.stream_window = value;
                }
                frame::MAX_FRAME_SIZE => self.limits.frame = usize::try_from(value).unwrap_or(usize::MAX),
                _ => {}
            }
        }
        frame::put(&mut self.out, 0, frame::SETTINGS, frame::ACK, 0);
        self.greeted = true;
        Some(())
    }

    /// None: malformed. Requests that the server has begun may still be answered.
    fn go_away(&mut self, payload: &[u8], done: &mut impl FnMut(T, Outcome)) -> Option<()> {
        let (last, rest) = payload.split_first_chunk::<4>()?;
        let (code, text) = rest.split_first_chunk::<4>()?;
        let debug = if text.is_empty() { String::new() } else { format!(", {}", String::from_utf8_lossy(text)) };
        let fault = Rc::new(Fault::GoAway { reason: Reason(frame::number(*code)), debug });
        self.fault = Some(Rc::clone(&fault));
        let last = frame::number(*last) & 0x7fff_ffff;
        self.abandon(last, &|| CallError::Connection(Rc::clone(&fault)), done);
        Some(())
    }

    fn widen(&mut self, stream: u32, more: i64) -> Result<(), Fault> {
        let window = match (stream, &mut self.sending) {
            (0, _) => &mut self.window,
            (stream, Some(sending)) if sending.stream == stream => &mut sending.window,
            // All of the request has gone.
            (_, Some(_) | None) => return Ok(()),
        };
        *window += more;
        if more == 0 || *window > i64::from(i32::MAX) { Err(Fault::Window { more, window: *window }) } else { Ok(()) }
    }
}

/// What the payload holds beside padding.
fn unpadded(head: Head, payload: &[u8]) -> Option<&[u8]> {
    if !head.has(frame::PADDED) {
        return Some(payload);
    }
    let (padding, rest) = payload.split_first()?;
    let length = rest.len().checked_sub(usize::from(*padding))?;
    rest.get(..length)
}

/// A payload that is one number.
fn four(payload: &[u8]) -> Option<u32> {
    payload.try_into().ok().map(frame::number)
}

/// The outcome that the headers of a stream tell, when its last block is `fields`.
fn outcome(status: Option<u16>, length: usize, fields: Fields) -> Result<(), CallError> {
    match status.or(fields.status) {
        Some(200) => {}
        other => return Err(without_status(other)),
    }
    match fields.grpc_status {
        Some(code) if code == "0" => long_enough(length),
        Some(code) => {
            Err(CallError::Grpc { code, message: fields.grpc_message.unwrap_or_default(), hint: fields.hint })
        }
        None => Err(CallError::NoStatus),
    }
}

/// A reply that says nothing beyond its HTTP status.
fn without_status(status: Option<u16>) -> CallError {
    match status {
        Some(status) if status != 200 => CallError::Http(status),
        Some(_) | None => CallError::NoStatus,
    }
}

fn long_enough(length: usize) -> Result<(), CallError> {
    if length < GRPC_FRAME { Err(CallError::Short(length)) } else { Ok(()) }
}
