//! JSON text again from tokens: white space gone, integers that float64 can't hold written as the float64 that gRPC serves.

use super::{Number, Scalar, Sink, Text};

/// Writes compact JSON to a byte buffer.
#[derive(Debug)]
pub struct JsonWriter<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> JsonWriter<'a> {
    /// Appends to `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// A string in quotes, from text that was never JSON.
    pub fn string(&mut self, text: &str) {
        self.out.push(b'"');
        let mut rest = text.as_bytes();
        while let Some(at) = rest.iter().position(|&byte| byte < b' ' || byte == b'"' || byte == b'\\') {
            self.out.extend_from_slice(&rest[..at]);
            self.escape(rest[at]);
            rest = &rest[at + 1..];
        }
        self.out.extend_from_slice(rest);
        self.out.push(b'"');
    }

    fn escape(&mut self, byte: u8) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        match byte {
            b'"' | b'\\' => self.out.extend_from_slice(&[b'\\', byte]),
            b'\n' => self.out.extend_from_slice(b"\\n"),
            b'\r' => self.out.extend_from_slice(b"\\r"),
            b'\t' => self.out.extend_from_slice(b"\\t"),
            _ => {
                let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
                self.out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            }
        }
    }

    /// A text in quotes.
    #[inline]
    pub fn text(&mut self, text: Text<'_>) {
        if text.is_plain() {
            return self.string(text.raw());
        }
        self.out.push(b'"');
        self.out.extend_from_slice(text.raw().as_bytes());
        self.out.push(b'"');
    }

    fn number(&mut self, number: Number<'_>) {
        if number.is_beyond_float() {
            let value = number.value();
            self.out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
        } else {
            self.out.extend_from_slice(number.text().as_bytes());
        }
    }

    /// Between two members or items: a comma, unless the last byte opened the object or list.
    #[inline]
    fn separate(&mut self) {
        if !matches!(self.out.last(), Some(b'{' | b'[')) {
            self.out.push(b',');
        }
    }
}

impl Sink for JsonWriter<'_> {
    #[inline]
    fn scalar(&mut self, scalar: Scalar<'_>) {
        match scalar {
            Scalar::Null => self.out.extend_from_slice(b"null"),
            Scalar::Bool(true) => self.out.extend_from_slice(b"true"),
            Scalar::Bool(false) => self.out.extend_from_slice(b"false"),
            Scalar::Number(number) => self.number(number),
            Scalar::String(text) => self.text(text),
        }
    }

    fn begin_object(&mut self) {
        self.out.push(b'{');
    }

    #[inline]
    fn begin_member(&mut self, name: Text<'_>) {
        self.separate();
        self.text(name);
        self.out.push(b':');
    }

    fn end_member(&mut self) {}

    fn end_object(&mut self) {
        self.out.push(b'}');
    }

    fn begin_list(&mut self) {
        self.out.push(b'[');
    }

    fn begin_item(&mut self) {
        self.separate();
    }

    fn end_item(&mut self) {}

    fn end_list(&mut self) {
        self.out.push(b']');
    }
}
