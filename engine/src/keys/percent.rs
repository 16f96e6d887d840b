//! Percent-encoding of a part of a key.

/// Appends bytes; those that would end a part, the braces or the key are `%` and two upper-case hexadecimal digits.
pub(super) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    if bytes.iter().any(|byte| is_special(*byte)) {
        bytes.iter().for_each(|byte| encode_byte(*byte, out));
    } else {
        out.extend_from_slice(bytes);
    }
}

const fn is_special(byte: u8) -> bool {
    matches!(byte, b'%' | b'|' | b'{' | b'}' | b':' | 0..=0x20 | 0x7f)
}

/// Appends one byte.
pub(super) fn encode_byte(byte: u8, out: &mut Vec<u8>) {
    if is_special(byte) {
        let digit = |half: u8| if half < 10 { b'0' + half } else { b'A' - 10 + half };
        out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
    } else {
        out.push(byte);
    }
}

/// The bytes of a text in which any character may be percent-encoded, and `%` must be.
///
/// # Errors
/// A `%` without two hexadecimal digits, in words.
pub(super) fn decode(text: &str) -> Result<Decoded<'_>, String> {
    let whole = text.split('%').skip(1).all(|rest| matches!(rest.as_bytes(), [a, b, ..] if is_hex(*a) && is_hex(*b)));
    if whole {
        Ok(Decoded(text.as_bytes()))
    } else {
        Err("has a % without two hexadecimal digits; write %25 for %".to_owned())
    }
}

const fn is_hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

/// The bytes that a checked text stands for.
#[derive(Clone, Debug)]
pub(super) struct Decoded<'a>(&'a [u8]);

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let half = |digit: u8| match digit {
            b'0'..=b'9' => digit - b'0',
            _ => (digit | 0x20) - b'a' + 10,
        };
        if let [b'%', a, b, rest @ ..] = self.0 {
            self.0 = rest;
            return Some(half(*a) << 4 | half(*b));
        }
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }
}
