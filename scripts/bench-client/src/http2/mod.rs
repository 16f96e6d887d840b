//! As much of HTTP/2 as a load needs, over bytes alone: requests go out as frames that were encoded before, and of a reply only
//! what tells its outcome is read. It costs a tenth of what a general library does, and the client shares the machine with the
//! server it measures.

mod connection;
mod fault;
mod frame;
mod headers;
mod huffman;
mod incoming;
mod streams;
#[cfg(test)]
mod tests;

pub(crate) use connection::{Connection, Outcome, Reply};
pub(crate) use fault::{CallError, Fault};

/// The HEADERS frame of a request; its stream is filled in when it is sent.
pub(crate) fn request_head(path: &str, authority: &str) -> Vec<u8> {
    let block = headers::request_block(path, authority);
    let mut head = Vec::new();
    frame::put(&mut head, block.len(), frame::HEADERS, frame::END_HEADERS, 0);
    head.extend_from_slice(&block);
    head
}
