//! Blocks of headers (RFC 7541). Neither side keeps a table: the server is told so in the SETTINGS, and requests use literals. So
//! each block stands for itself, the same headers are the same bytes, and a block that doesn't matter can be passed over.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter, Write};

use thiserror::Error;

use super::huffman;

/// Entries of the static table.
const STATIC: usize = 61;
/// Entries 8 to 14 of the static table are these of `:status`.
const FIRST_STATUS: usize = 8;
const STATUSES: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
/// `:status: 200`, as every encoder writes it.
const OK: u8 = 0x88;

// Bits of a first byte, and how many there are for the number that follows them.
const INDEXED: (u8, u32) = (0x80, 7);
const ADDED: (u8, u32) = (0x40, 6);
const SIZE: (u8, u32) = (0x20, 5);
const LITERAL: u32 = 4;
const HUFFMAN: (u8, u32) = (0x80, 7);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum HeaderError {
    #[error("they end in the middle of a field")]
    Short,
    #[error("a number in them is too large")]
    Number,
    #[error("entry {0} of the table is used, and there are 1 to 61 alone")]
    Index(usize),
    #[error("a Huffman code in them is wrong")]
    Huffman,
    #[error(":status is no number of three digits")]
    Status,
}

/// What a block says about the outcome of a call.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) status: Option<u16>,
    pub(super) grpc_status: Option<String>,
    pub(super) grpc_message: Option<String>,
    /// Whether it says when to try again.
    pub(super) hint: bool,
}

#[derive(Debug, Clone, Copy)]
enum Name {
    Status,
    GrpcStatus,
    GrpcMessage,
    Hint,
    Other,
}

/// Whether the block begins with status 200, as that of a good reply does: pseudo-headers come first.
pub(super) fn begins_well(block: &[u8]) -> bool {
    block.first() == Some(&OK)
}

/// Reads a block.
pub(super) fn decode(block: &[u8]) -> Result<Fields, HeaderError> {
    let mut fields = Fields::default();
    let mut reader = Reader(block);
    while let Some((&first, rest)) = reader.0.split_first() {
        reader.0 = rest;
        if first & INDEXED.0 != 0 {
            let index = reader.number(first, INDEXED.1)?;
            if let Name::Status = name(index)? {
                fields.status = Some(STATUSES[index - FIRST_STATUS]);
            }
        } else if first & ADDED.0 == 0 && first & SIZE.0 != 0 {
            // Of a table that holds nothing.
            reader.number(first, SIZE.1)?;
        } else {
            let bits = if first & ADDED.0 != 0 { ADDED.1 } else { LITERAL };
            let name = match reader.number(first, bits)? {
                0 => match reader.string()?.as_ref() {
                    b":status" => Name::Status,
                    b"grpc-status" => Name::GrpcStatus,
                    b"grpc-message" => Name::GrpcMessage,
                    b"retry-after-ms" => Name::Hint,
                    _ => Name::Other,
                },
                index => name(index)?,
            };
            let value = reader.string()?;
            match name {
                Name::Status => fields.status = Some(status(&value)?),
                Name::GrpcStatus => fields.grpc_status = Some(String::from_utf8_lossy(&value).into_owned()),
                Name::GrpcMessage => fields.grpc_message = Some(String::from_utf8_lossy(&value).into_owned()),
                Name::Hint => fields.hint = true,
                Name::Other => {}
            }
        }
    }
    Ok(fields)
}

fn name(index: usize) -> Result<Name, HeaderError> {
    let statuses = FIRST_STATUS..FIRST_STATUS + STATUSES.len();
    match index {
        index if statuses.contains(&index) => Ok(Name::Status),
        1..=STATIC => Ok(Name::Other),
        index => Err(HeaderError::Index(index)),
    }
}

fn status(value: &[u8]) -> Result<u16, HeaderError> {
    let text = std::str::from_utf8(value).ok().filter(|text| text.len() == 3);
    text.and_then(|text| text.parse().ok()).ok_or(HeaderError::Status)
}

/// The rest of a block.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, HeaderError> {
        let (&first, rest) = self.0.split_first().ok_or(HeaderError::Short)?;
        self.0 = rest;
        Ok(first)
    }

    /// The number that begins in the low bits of `first`.
    fn number(&mut self, first: u8, bits: u32) -> Result<usize, HeaderError> {
        let most = (1 << bits) - 1;
        let mut number = usize::from(first) & most;
        if number < most {
            return Ok(number);
        }
        // Four bytes make numbers far above all lengths that a frame can hold.
        for place in 0..4 {
            let byte = self.byte()?;
            number += usize::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(HeaderError::Number)
    }

    fn string(&mut self) -> Result<Cow<'a, [u8]>, HeaderError> {
        let first = self.byte()?;
        let length = self.number(first, HUFFMAN.1)?;
        let (text, rest) = self.0.split_at_checked(length).ok_or(HeaderError::Short)?;
        self.0 = rest;
        if first & HUFFMAN.0 != 0 { Ok(huffman::decode(text)?.into()) } else { Ok(text.into()) }
    }
}

/// The block of a gRPC request to `path` on `authority`.
pub(super) fn request_block(path: &str, authority: &str) -> Vec<u8> {
    // The size of the server's table, which it may have to be told; then :method POST and :scheme http, of the static table.
    let mut block = vec![SIZE.0, 0x83, 0x86];
    // The names of these are entries of the static table; the last one has none.
    for (index, value) in [(4, path), (1, authority), (31, "application/grpc")] {
        put_number(&mut block, 0, LITERAL, index);
        put_string(&mut block, value);
    }
    put_number(&mut block, 0, LITERAL, 0);
    put_string(&mut block, "te");
    put_string(&mut block, "trailers");
    block
}

fn put_string(block: &mut Vec<u8>, text: &str) {
    put_number(block, 0, HUFFMAN.1, text.len());
    block.extend_from_slice(text.as_bytes());
}

fn put_number(block: &mut Vec<u8>, first: u8, bits: u32, number: usize) {
    let most = (1 << bits) - 1;
    block.push(first | low_bits(number.min(most)));
    if number >= most {
        let mut rest = number - most;
        while rest >= 0x80 {
            block.push(0x80 | low_bits(rest & 0x7f));
            rest >>= 7;
        }
        block.push(low_bits(rest));
    }
}

fn low_bits(number: usize) -> u8 {
    number.to_le_bytes()[0]
}

/// Text in percent-encoding, as grpc-message is, to be displayed as what it stands for.
#[derive(Debug)]
pub(super) struct Percent<'a>(pub(super) &'a str);

impl Display for Percent<'_> {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(self.0.len());
        let mut rest = self.0.as_bytes();
        while let Some((&first, after)) = rest.split_first() {
            let digits =
                after.first_chunk::<2>().filter(|_| first == b'%').and_then(|two| std::str::from_utf8(two).ok());
            let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            bytes.push(byte.unwrap_or(first));
            rest = if byte.is_some() { &after[2..] } else { after };
        }
        String::from_utf8_lossy(&bytes).chars().try_for_each(|letter| to.write_char(letter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_tells_the_outcome() {
        let mut block = vec![0x20, 0x88, 0x5f];
        put_string(&mut block, "application/grpc");
        for (name, value) in [
            ("grpc-status", "14"),
            ("grpc-message", "no%20store"),
            ("x-request-id", &"7".repeat(300)),
            ("retry-after-ms", "100"),
        ] {
            block.push(0x10);
            put_string(&mut block, name);
            put_string(&mut block, value);
        }
        let fields = decode(&block).unwrap();
        assert_eq!((fields.status, fields.grpc_status.as_deref()), (Some(200), Some("14")));
        assert_eq!(fields.grpc_message.as_deref(), Some("no%20store"));
        assert!(fields.hint);
        for end in 0..block.len() {
            // Cut anywhere, it is either shorter by whole fields, or refused.
            assert!(matches!(decode(&block[..end]), Ok(_) | Err(HeaderError::Short)));
        }
    }

    #[test]
    fn reads_the_responses_of_the_rfc() {
        // C.6.1: a status as a Huffman string under the name of entry 8.
        assert_eq!(decode(&[0x48, 0x82, 0x64, 0x02]).unwrap().status, Some(302));
        assert_eq!(decode(&[0x8d]).unwrap().status, Some(404));
    }

    #[test]
    fn refuses_broken_blocks() {
        for (block, fault) in [
            ([0x80].as_slice(), HeaderError::Index(0)),
            // The first entry of a table that is empty.
            (&[0xbe], HeaderError::Index(62)),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], HeaderError::Number),
            (&[0x08, 0x02, b'2', b'0'], HeaderError::Status),
            (&[0x00, 0x81, 0x00, 0x00], HeaderError::Huffman),
        ] {
            assert_eq!(decode(block), Err(fault), "{block:x?}");
        }
    }

    #[test]
    fn a_request_reads_as_it_was_written() {
        let path = "/feature_store.FeatureStore/".to_owned() + &"Long".repeat(60);
        let block = request_block(&path, "127.0.0.1:50051");
        assert_eq!(decode(&block), Ok(Fields::default()));
        let mut reader = Reader(&block[4..]);
        assert_eq!(reader.string().unwrap().as_ref(), path.as_bytes());
    }

    #[test]
    fn percent_encoding_reads_as_text() {
        for (encoded, text) in [("no%20row%3a%C3%A9", "no row:é"), ("100%", "100%"), ("%zz%4", "%zz%4"), ("", "")] {
            assert_eq!(Percent(encoded).to_string(), text);
        }
    }
}
