//! Strings: finding their end, checking their escapes, undoing them.

use super::{ScanError, Scanner};

/// The inside of a JSON string, as it stands in the text. Its escapes were checked.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    raw: &'a str,
    escaped: bool,
    /// It was never JSON, so that writing it as JSON may take escapes.
    plain: bool,
}

impl<'a> Text<'a> {
    /// Text that never was JSON.
    #[must_use]
    pub fn plain(raw: &'a str) -> Self {
        Self { raw, escaped: false, plain: true }
    }

    /// A text of a checked string, known by its raw form.
    #[must_use]
    pub fn checked(raw: &'a str, escaped: bool) -> Self {
        Self { raw, escaped, plain: false }
    }

    /// Whether it never was JSON.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    /// The text between the quotes, escapes and all.
    #[must_use]
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// Whether there is an escape in it.
    #[must_use]
    pub fn is_escaped(&self) -> bool {
        self.escaped
    }

    /// Appends the text that is meant, as UTF-8.
    #[inline]
    pub fn unescape_into(&self, out: &mut Vec<u8>) {
        if self.escaped {
            self.unescape_slowly(out);
        } else {
            out.extend_from_slice(self.raw.as_bytes());
        }
    }

    /// The text that is meant.
    #[must_use]
    pub fn unescape(&self) -> std::borrow::Cow<'a, str> {
        if !self.escaped {
            return std::borrow::Cow::Borrowed(self.raw);
        }
        let mut out = Vec::with_capacity(self.raw.len());
        self.unescape_slowly(&mut out);
        std::borrow::Cow::Owned(String::from_utf8_lossy(&out).into_owned())
    }

    #[cold]
    fn unescape_slowly(&self, out: &mut Vec<u8>) {
        let bytes = self.raw.as_bytes();
        let mut at = 0;
        while let Some(offset) = memchr::memchr(b'\\', &bytes[at..]) {
            out.extend_from_slice(&bytes[at..at + offset]);
            at += offset + 2;
            match bytes.get(at - 1) {
                Some(b'n') => out.push(b'\n'),
                Some(b't') => out.push(b'\t'),
                Some(b'r') => out.push(b'\r'),
                Some(b'b') => out.push(8),
                Some(b'f') => out.push(12),
                Some(b'u') => {
                    let (code, length) = code_point(&bytes[at - 2..]).unwrap_or(('\u{fffd}', 6));
                    at += length - 2;
                    out.extend_from_slice(code.encode_utf8(&mut [0; 4]).as_bytes());
                }
                Some(&other) => out.push(other),
                None => {}
            }
        }
        out.extend_from_slice(&bytes[at..]);
    }
}

/// The character that `\uXXXX`, or a pair of them, stands for, and how many bytes it takes; none for a lone surrogate.
fn code_point(escape: &[u8]) -> Option<(char, usize)> {
    let high = hex(escape.get(2..6)?)?;
    if !(0xd800..0xe000).contains(&high) {
        return char::from_u32(high).map(|code| (code, 6));
    }
    if escape.get(6..8)? != b"\\u" {
        return None;
    }
    let low = hex(escape.get(8..12)?)?;
    if high >= 0xdc00 || !(0xdc00..0xe000).contains(&low) {
        return None;
    }
    char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)).map(|code| (code, 12))
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, &digit| Some(value * 16 + char::from(digit).to_digit(16)?))
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Marks the bytes of `word` that end a run of plain text: quote, backslash, control characters. The lowest mark is exact.
#[inline]
fn stops(word: u64) -> u64 {
    let zero = |x: u64| x.wrapping_sub(ONES) & !x & HIGHS;
    let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
    zero(word ^ (ONES * u64::from(b'"'))) | zero(word ^ (ONES * u64::from(b'\\'))) | control
}

impl<'a> Scanner<'a> {
    /// The rest of a string after its opening quote, up to and with the closing one.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Text<'a>, ScanError> {
        let start = self.at;
        let mut escaped = false;
        loop {
            self.skip_plain();
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    let raw = &self.text[start..self.at];
                    self.at += 1;
                    return Ok(Text { raw, escaped, plain: false });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(self.error("a control character in a string must be escaped")),
                None => return Err(self.error("the text ends inside a string")),
            }
        }
    }

    #[inline]
    fn skip_plain(&mut self) {
        while let Some(chunk) = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk::<8>) {
            let found = stops(u64::from_le_bytes(*chunk));
            if found != 0 {
                self.at += (found.trailing_zeros() / 8) as usize;
                return;
            }
            self.at += 8;
        }
        while self.bytes.get(self.at).is_some_and(|&byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
            self.at += 1;
        }
    }

    #[cold]
    fn escape(&mut self) -> Result<(), ScanError> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => match code_point(&self.bytes[self.at..]) {
                Some((_, length)) => self.at += length,
                None => return Err(self.error("\\u needs four hexadecimal digits and no lone surrogate")),
            },
            Some(_) => return Err(self.error("no such escape in JSON")),
            None => return Err(self.error("the text ends inside a string")),
        }
        Ok(())
    }
}
