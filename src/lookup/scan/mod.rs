//! A scanner for stored JSON: one pass over the bytes, every token handed to a [`Sink`], no tree and no allocation.
//!
//! It accepts exactly RFC 8259 text that every client can read again (docs/decisions/0006): valid UTF-8, no lone surrogate, numbers inside
//! float64, nesting inside protobuf's limit.

mod number;
mod text;
pub mod writer;

pub use number::Number;
pub use text::Text;

use std::fmt;

/// protobuf's default limit of nested messages; prost and Python's protobuf refuse a whole message that goes deeper.
const MAX_MESSAGES: u32 = 100;
/// Messages around a feature's value: results entry, feature set, features entry, value.
const MESSAGES_AROUND_A_VALUE: u32 = 4;
/// What [`Scanner::skip_value`] follows, so that a deep row is refused alone and the stack holds.
const MAX_SKIPPED_MESSAGES: u32 = 1000;
/// An object is three messages: struct, its entry, the entry's value.
const OBJECT_COST: u32 = 3;
/// A list is two messages: list, the item's value.
const LIST_COST: u32 = 2;

/// A value that holds no other.
#[derive(Clone, Copy, Debug)]
pub enum Scalar<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A finite number.
    Number(Number<'a>),
    /// A string.
    String(Text<'a>),
}

/// Takes the tokens of one JSON value.
pub trait Sink {
    /// A scalar, where a value is due.
    fn scalar(&mut self, scalar: Scalar<'_>);
    /// `{`, where a value is due.
    fn begin_object(&mut self);
    /// The name of a member; its value is due.
    fn begin_member(&mut self, name: Text<'_>);
    /// The value of a member is complete.
    fn end_member(&mut self);
    /// `}`.
    fn end_object(&mut self);
    /// `[`, where a value is due.
    fn begin_list(&mut self);
    /// An item of a list; its value is due.
    fn begin_item(&mut self);
    /// The item is complete.
    fn end_item(&mut self);
    /// `]`.
    fn end_list(&mut self);
}

/// A sink that only wants to know that the value is right.
#[derive(Debug)]
pub struct Discard;

impl Sink for Discard {
    fn scalar(&mut self, _: Scalar<'_>) {}
    fn begin_object(&mut self) {}
    fn begin_member(&mut self, _: Text<'_>) {}
    fn end_member(&mut self) {}
    fn end_object(&mut self) {}
    fn begin_list(&mut self) {}
    fn begin_item(&mut self) {}
    fn end_item(&mut self) {}
    fn end_list(&mut self) {}
}

/// Why bytes are not JSON that clients could read, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanError {
    /// What is wrong.
    pub message: &'static str,
    /// Offset in bytes.
    pub at: usize,
}

impl fmt::Display for ScanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.message, self.at)
    }
}

impl std::error::Error for ScanError {}

/// The first token of a value.
#[derive(Clone, Copy, Debug)]
pub enum First<'a> {
    /// The whole value.
    Scalar(Scalar<'a>),
    /// `{` was read.
    Object,
    /// `[` was read.
    List,
}

/// A position in JSON text.
#[derive(Clone, Debug)]
pub struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    /// Starts at the first byte.
    ///
    /// # Errors
    /// When the bytes are not UTF-8.
    pub fn new(bytes: &'a [u8]) -> Result<Self, ScanError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self { text, bytes, at: 0 }),
            Err(error) => Err(ScanError { message: "invalid UTF-8", at: error.valid_up_to() }),
        }
    }

    /// Offset of the next byte.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }

    /// The text between two offsets that the scanner reported.
    #[must_use]
    pub fn slice(&self, from: usize, to: usize) -> &'a str {
        &self.text[from..to]
    }

    /// An error at the next byte.
    #[must_use]
    pub fn error(&self, message: &'static str) -> ScanError {
        ScanError { message, at: self.at }
    }

    fn error_at(&self, at: usize, message: &'static str) -> ScanError {
        ScanError { message, at }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Skips white space and gives the next byte without taking it.
    #[inline]
    pub fn skip_space(&mut self) -> Option<u8> {
        loop {
            let next = self.peek()?;
            if next > b' ' || !matches!(next, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(next);
            }
            self.at += 1;
        }
    }

    /// Skips white space and takes `byte`.
    ///
    /// # Errors
    /// `message` when another byte is there.
    #[inline]
    pub fn expect(&mut self, byte: u8, message: &'static str) -> Result<(), ScanError> {
        if self.skip_space() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.error(message))
    }

    /// Takes `bytes` if they are next.
    #[inline]
    pub fn take(&mut self, bytes: &[u8]) -> bool {
        let found = self.bytes[self.at..].starts_with(bytes);
        if found {
            self.at += bytes.len();
        }
        found
    }

    /// The rest must be white space.
    ///
    /// # Errors
    /// When it is not.
    pub fn finish(&mut self) -> Result<(), ScanError> {
        match self.skip_space() {
            None => Ok(()),
            Some(_) => Err(self.error("unexpected text after the value")),
        }
    }

    /// After a value in an object or list: true for a comma, false for `close`.
    ///
    /// # Errors
    /// When neither is there.
    #[inline]
    pub fn more(&mut self, close: u8) -> Result<bool, ScanError> {
        match self.skip_space() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(next) if next == close => {
                self.at += 1;
                Ok(false)
            }
            Some(_) => Err(self.error("expected a comma or the end of the object or list")),
            None => Err(self.error("the text ends early")),
        }
    }

    /// After `{` or `[`: takes `close` if it is next.
    #[inline]
    pub fn is_empty(&mut self, close: u8) -> bool {
        let empty = self.skip_space() == Some(close);
        if empty {
            self.at += 1;
        }
        empty
    }

    /// The name of a member and the colon after it.
    ///
    /// # Errors
    /// When there is none.
    #[inline]
    pub fn name(&mut self) -> Result<Text<'a>, ScanError> {
        self.expect(b'"', "expected a name in double quotes")?;
        self.name_after_quote()
    }

    /// The rest of a name whose opening quote was taken, and the colon after it.
    ///
    /// # Errors
    /// When there is none.
    #[inline]
    pub fn name_after_quote(&mut self) -> Result<Text<'a>, ScanError> {
        let name = self.string()?;
        self.expect(b':', "expected a colon after the name")?;
        Ok(name)
    }

    /// The first token of the value that is due.
    ///
    /// # Errors
    /// When there is no value.
    #[inline(always)]
    pub fn first(&mut self) -> Result<First<'a>, ScanError> {
        let scalar = match self.skip_space() {
            Some(b'-' | b'0'..=b'9') => return Ok(First::Scalar(Scalar::Number(self.number()?))),
            Some(b'"') => {
                self.at += 1;
                Scalar::String(self.string()?)
            }
            Some(b'{') => {
                self.at += 1;
                return Ok(First::Object);
            }
            Some(b'[') => {
                self.at += 1;
                return Ok(First::List);
            }
            Some(b'n') if self.take(b"null") => Scalar::Null,
            Some(b't') if self.take(b"true") => Scalar::Bool(true),
            Some(b'f') if self.take(b"false") => Scalar::Bool(false),
            Some(b'N' | b'I') => return Err(self.error("NaN and Infinity are not JSON")),
            Some(_) => return Err(self.error("expected a value")),
            None => return Err(self.error("the text ends early")),
        };
        Ok(First::Scalar(scalar))
    }

    /// The whole value of a feature, into `sink`.
    ///
    /// # Errors
    /// When it is malformed, or nests deeper than clients can read.
    pub fn value<S: Sink>(&mut self, sink: &mut S) -> Result<(), ScanError> {
        let first = self.first()?;
        self.rest(first, MAX_MESSAGES - MESSAGES_AROUND_A_VALUE, sink)
    }

    /// What is left of a feature's value after its first token, into `sink`.
    ///
    /// # Errors
    /// As [`Self::value`].
    pub fn value_after<S: Sink>(&mut self, first: First<'a>, sink: &mut S) -> Result<(), ScanError> {
        self.rest(first, MAX_MESSAGES - MESSAGES_AROUND_A_VALUE, sink)
    }

    /// Skips a value of any use, checking its form alone.
    ///
    /// # Errors
    /// When it is malformed, or nests so deep that it can only be an attack.
    pub fn skip_value(&mut self) -> Result<(), ScanError> {
        let first = self.first()?;
        self.rest(first, MAX_SKIPPED_MESSAGES, &mut Discard)
    }

    fn rest<S: Sink>(&mut self, first: First<'a>, budget: u32, sink: &mut S) -> Result<(), ScanError> {
        match first {
            First::Scalar(scalar) => sink.scalar(scalar),
            First::Object => {
                sink.begin_object();
                if !self.is_empty(b'}') {
                    let budget = self.spend(budget, OBJECT_COST)?;
                    loop {
                        let name = self.name()?;
                        sink.begin_member(name);
                        let first = self.first()?;
                        self.rest(first, budget, sink)?;
                        sink.end_member();
                        if !self.more(b'}')? {
                            break;
                        }
                    }
                } else {
                    self.spend(budget, 1)?;
                }
                sink.end_object();
            }
            First::List => {
                sink.begin_list();
                if !self.is_empty(b']') {
                    let budget = self.spend(budget, LIST_COST)?;
                    loop {
                        sink.begin_item();
                        let first = self.first()?;
                        self.rest(first, budget, sink)?;
                        sink.end_item();
                        if !self.more(b']')? {
                            break;
                        }
                    }
                } else {
                    self.spend(budget, 1)?;
                }
                sink.end_list();
            }
        }
        Ok(())
    }

    fn spend(&self, budget: u32, cost: u32) -> Result<u32, ScanError> {
        budget
            .checked_sub(cost)
            .ok_or_else(|| self.error("nested deeper than protobuf's limit of 100 (an object costs 3, a list 2)"))
    }
}

#[cfg(test)]
mod tests;
