//! What is wrong with definitions: all of it at once, each with file, line, column and what would be right.

use std::fmt::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// A place in a file of definitions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The file, as it was named.
    pub file: Arc<PathBuf>,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where; the whole directory where there is no place.
    pub span: Option<Span>,
    /// What is wrong: lower case, no final stop.
    pub message: String,
    /// What would be right, where that can be said.
    pub help: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(span) = &self.span {
            write!(formatter, "{span}: ")?;
        }
        write!(formatter, "{}", self.message)?;
        match &self.help {
            Some(help) => write!(formatter, "; {help}"),
            None => Ok(()),
        }
    }
}

/// Collects what is wrong.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    found: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Adds a fault at a place.
    pub fn error(&mut self, span: &Span, message: impl Into<String>) {
        self.found.push(Diagnostic { span: Some(span.clone()), message: message.into(), help: None });
    }

    /// Adds a fault at a place, with what would be right.
    pub fn error_with_help(&mut self, span: &Span, message: impl Into<String>, help: impl Into<String>) {
        self.found.push(Diagnostic { span: Some(span.clone()), message: message.into(), help: Some(help.into()) });
    }

    /// Adds a fault at a place, with what would be right where that is known.
    pub fn report(&mut self, span: &Span, message: impl Into<String>, help: Option<String>) {
        self.found.push(Diagnostic { span: Some(span.clone()), message: message.into(), help });
    }

    /// Adds a fault that has no place, such as a directory that can't be read.
    pub fn error_without_place(&mut self, message: impl Into<String>) {
        self.found.push(Diagnostic { span: None, message: message.into(), help: None });
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// How many faults there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// All of them, by place.
    #[must_use]
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.found.sort_by(|a, b| (&a.span, &a.message).cmp(&(&b.span, &b.message)));
        self.found.dedup();
        self.found
    }
}

/// All of them for people, as a compiler prints them: each with its line of the file and a mark under the place. `files` are the
/// files that were read; the lines of others are left out.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], files: &[(PathBuf, String)]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        // Writing to a string can't fail.
        let _ = render_one(&mut out, diagnostic, files);
    }
    let count = diagnostics.len();
    let _ = writeln!(out, "{count} error{}", if count == 1 { "" } else { "s" });
    out
}

fn render_one(out: &mut String, diagnostic: &Diagnostic, files: &[(PathBuf, String)]) -> fmt::Result {
    writeln!(out, "error: {}", diagnostic.message)?;
    let mut indent = 1;
    if let Some(span) = &diagnostic.span {
        let number = span.line.to_string();
        indent = number.len();
        writeln!(out, "{:indent$}--> {span}", "")?;
        let text = files.iter().find(|(path, _)| *path == *span.file).map(|(_, text)| text);
        if let Some(line) = text.and_then(|text| lines(text).nth(span.line.saturating_sub(1))) {
            writeln!(out, "{:indent$} |", "")?;
            writeln!(out, "{number} | {}", line.chars().map(printable).collect::<String>())?;
            writeln!(out, "{:indent$} | {}", "", mark(line, span.column.saturating_sub(1)))?;
        }
    }
    if let Some(help) = &diagnostic.help {
        writeln!(out, "{:indent$} = help: {help}", "")?;
    }
    writeln!(out)
}

/// The lines of a file, as YAML breaks them: by `\n`, `\r\n` or `\r`.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

/// A terminal must not obey what a file holds.
fn printable(char: char) -> char {
    if char.is_control() && char != '\t' { '\u{fffd}' } else { char }
}

/// Carets under the word, or the quoted text, that begins at a column (from 0).
fn mark(line: &str, column: usize) -> String {
    let mut out: String = line.chars().take(column).map(|char| if char == '\t' { '\t' } else { ' ' }).collect();
    let mut rest = line.chars().skip(column);
    let length = match rest.next() {
        Some(quote @ ('"' | '\'')) => rest.position(|char| char == quote).map_or(1, |end| end + 2),
        Some(first) if is_word(first) => 1 + rest.take_while(|char| is_word(*char)).count(),
        _ => 1,
    };
    out.extend(std::iter::repeat_n('^', length));
    out
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '_' | '.' | '-' | '<' | '>')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_like_a_compiler() {
        let file = Arc::new(PathBuf::from("views.yaml"));
        let at = |line, column| Span { file: Arc::clone(&file), line, column };
        let mut diagnostics = Diagnostics::default();
        diagnostics.error_with_help(&at(2, 3), "unknown key `ttll`", "did you mean `ttl`?");
        diagnostics.error(&at(2, 9), "no duration");
        diagnostics.error(&at(9, 1), "beyond the end");
        diagnostics.error_without_place("can't read `x`");
        let files = [(PathBuf::from("views.yaml"), "views:\r\n  ttll: '30 d'\u{1b}\n".to_owned())];
        let expected = "\
error: can't read `x`

error: unknown key `ttll`
 --> views.yaml:2:3
  |
2 |   ttll: '30 d'\u{fffd}
  |   ^^^^
  = help: did you mean `ttl`?

error: no duration
 --> views.yaml:2:9
  |
2 |   ttll: '30 d'\u{fffd}
  |         ^^^^^^

error: beyond the end
 --> views.yaml:9:1

4 errors
";
        assert_eq!(render(&diagnostics.into_sorted(), &files), expected);
    }

    #[test]
    fn lines_break_as_in_yaml() {
        assert_eq!(lines("a\r\nb\rc\n").collect::<Vec<_>>(), ["a", "b", "c", ""]);
    }
}
