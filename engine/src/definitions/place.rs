//! Places within a text of a file: where an expression is wrong.

use std::collections::BTreeMap;
use std::path::Path;

use crate::diagnostics::{Span, lines};

/// The lines of all files.
#[derive(Debug)]
pub(super) struct Texts<'a> {
    lines: BTreeMap<&'a Path, Vec<&'a str>>,
}

impl<'a> Texts<'a> {
    pub(super) fn new(files: impl Iterator<Item = (&'a Path, &'a str)>) -> Self {
        Self { lines: files.map(|(path, text)| (path, lines(text).collect())).collect() }
    }

    /// The place of byte `offset` of a scalar that begins at `span` and reads `text`. Exact for plain and quoted scalars on one
    /// line; of others the beginning.
    pub(super) fn within(&self, span: &Span, text: &str, offset: usize) -> Span {
        let line = self.lines.get(span.file.as_path()).and_then(|lines| lines.get(span.line.checked_sub(1)?));
        let raw: Vec<char> =
            line.map(|line| line.chars().skip(span.column.saturating_sub(1)).collect()).unwrap_or_default();
        let offset = text.get(..offset).map_or_else(|| text.chars().count(), |before| before.chars().count());
        let column = match raw.first() {
            Some('"') => quoted(&raw, text, offset, escaped),
            Some('\'') => quoted(&raw, text, offset, |rest| if rest.starts_with(&['\'', '\'']) { 2 } else { 1 }),
            _ => text.chars().eq(raw.iter().copied().take(text.chars().count())).then_some(offset),
        };
        Span { column: span.column + column.unwrap_or(0), ..span.clone() }
    }
}

/// How many characters of a line stand before character `offset` of the text between its quotes; none if the text does not end on
/// the line. `width` is how many characters stand for the next one.
fn quoted(raw: &[char], text: &str, offset: usize, width: fn(&[char]) -> usize) -> Option<usize> {
    let mut at = 1;
    let mut found = None;
    for index in 0..=text.chars().count() {
        if index == offset {
            found = Some(at);
        }
        let rest = raw.get(at..)?;
        if index < text.chars().count() {
            at += width(rest);
        } else if rest.first() != raw.first() {
            return None;
        }
    }
    found
}

fn escaped(rest: &[char]) -> usize {
    match rest {
        ['\\', 'x', ..] => 4,
        ['\\', 'u', ..] => 6,
        ['\\', 'U', ..] => 10,
        ['\\', ..] => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::*;

    #[test]
    fn an_offset_finds_its_column() {
        let file = Arc::new(PathBuf::from("f"));
        for (line, text, offset, column) in [
            ("e: a + b", "a + b", 4, 8),
            ("e: \"ü + b\"", "ü + b", 5, 9),
            ("e: 'x = ''y'' + b'", "x = 'y' + b", 10, 17),
            ("e: \"x\\t\\u00e9 + b\"", "x\té + b", 7, 17),
            ("e: \"a", "a b", 2, 4),
            ("e: a", "a b", 2, 4),
            ("e: |", "a b\n", 2, 4),
            ("e: a + b", "a + b", 99, 9),
        ] {
            let texts = Texts::new([(file.as_path(), line)].into_iter());
            let span = Span { file: Arc::clone(&file), line: 1, column: 4 };
            assert_eq!(texts.within(&span, text, offset).column, column, "{line}");
        }
    }
}
