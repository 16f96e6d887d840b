//! Lines of a text, each bounded in memory.

use std::io::{self, BufRead};

/// A line that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// It is in the buffer, without its end.
    Whole,
    /// It was longer than allowed, and skipped.
    TooLong,
}

/// Reads lines and counts them.
#[derive(Debug)]
pub(super) struct Lines<R> {
    input: R,
    max_bytes: usize,
    number: u64,
    bytes: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R, max_bytes: usize) -> Self {
        Self { input, max_bytes, number: 0, bytes: 0 }
    }

    /// The number of the line that was read last, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Bytes read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads the next line into `line`, in place of what is there; none at the end of the text.
    pub(super) fn next(&mut self, line: &mut Vec<u8>) -> io::Result<Option<Line>> {
        line.clear();
        let mut found = None;
        loop {
            let buffer = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                buffer => buffer?,
            };
            if buffer.is_empty() {
                return Ok(found);
            }
            if found.is_none() {
                self.number += 1;
                found = Some(Line::Whole);
            }
            let end = memchr::memchr(b'\n', buffer);
            let part = &buffer[..end.unwrap_or(buffer.len())];
            if line.len() + part.len() > self.max_bytes {
                found = Some(Line::TooLong);
                line.clear();
            }
            if found == Some(Line::Whole) {
                line.extend_from_slice(part);
            }
            let used = part.len() + usize::from(end.is_some());
            self.bytes += used as u64;
            self.input.consume(used);
            if end.is_some() {
                return Ok(found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    fn all(text: &[u8], capacity: usize) -> Vec<(u64, Line, String)> {
        let mut lines = Lines::new(BufReader::with_capacity(capacity, text), 5);
        let mut found = Vec::new();
        let mut line = Vec::new();
        while let Some(kind) = lines.next(&mut line).unwrap() {
            found.push((lines.number(), kind, String::from_utf8(line.clone()).unwrap()));
        }
        assert_eq!(lines.bytes(), text.len() as u64);
        found
    }

    #[test]
    fn long_lines_are_skipped_and_the_others_read_whatever_the_buffer() {
        for capacity in [1, 2, 3, 7, 100] {
            let found = all(b"abcde\nabcdef\n\nx\nabcdefghijkl\nend", capacity);
            let expected = [
                (1, Line::Whole, "abcde"),
                (2, Line::TooLong, ""),
                (3, Line::Whole, ""),
                (4, Line::Whole, "x"),
                (5, Line::TooLong, ""),
                (6, Line::Whole, "end"),
            ];
            assert_eq!(found, expected.map(|(number, line, text)| (number, line, text.to_owned())), "{capacity}");
        }
    }

    #[test]
    fn an_empty_text_has_no_line_and_an_end_without_newline_is_one() {
        assert!(all(b"", 8).is_empty());
        assert_eq!(all(b"\n", 8).len(), 1);
        assert_eq!(all(b"abcdef", 2), [(1, Line::TooLong, String::new())]);
    }
}
