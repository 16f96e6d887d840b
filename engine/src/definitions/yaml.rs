//! YAML to [`Node`]s: one document a file, the core schema of YAML 1.2, and nothing that makes a file mean what its reader does
//! not see: no anchors, aliases, merge keys or tags.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use super::node::{Key, Kind, Node};
use crate::diagnostics::{Diagnostics, Span};

/// How deep lists and mappings may nest. The format itself needs 9.
const MAX_DEPTH: usize = 32;

/// Reads one file. What is wrong goes to `diagnostics`, and then there is no tree. An empty file is an empty mapping.
pub(super) fn read(file: &Arc<PathBuf>, text: &str, diagnostics: &mut Diagnostics) -> Option<Node> {
    let before = diagnostics.len();
    let mut reader = Reader { file, diagnostics, open: Vec::new(), root: None, documents: 0 };
    for event in Parser::new_from_str(text) {
        let go_on = match event {
            Ok((event, span)) => reader.take(event, span.start),
            Err(error) => {
                let span = reader.span(*error.marker());
                reader.diagnostics.error(&span, format!("this is not YAML: {}", error.info()));
                false
            }
        };
        if !go_on {
            break;
        }
    }
    let root = reader.root;
    let empty = || Node { span: Span { file: Arc::clone(file), line: 1, column: 1 }, kind: Kind::Map(Vec::new()) };
    (diagnostics.len() == before).then(|| root.filter(|node| node.kind != Kind::Null).unwrap_or_else(empty))
}

/// A list or mapping that has not ended.
enum Open {
    List { span: Span, items: Vec<Node> },
    Map { span: Span, entries: Vec<(Key, Node)>, places: BTreeMap<String, Span>, key: Option<Key> },
}

struct Reader<'a> {
    file: &'a Arc<PathBuf>,
    diagnostics: &'a mut Diagnostics,
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
}

impl Reader<'_> {
    fn span(&self, mark: Marker) -> Span {
        Span { file: Arc::clone(self.file), line: mark.line(), column: mark.col() + 1 }
    }

    /// Takes an event; false: it makes no sense to go on.
    fn take(&mut self, event: Event<'_>, mark: Marker) -> bool {
        let span = self.span(mark);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => true,
            Event::DocumentStart(_) => self.document(&span),
            Event::Alias(_) => {
                self.diagnostics.error_with_help(&span, "aliases are not supported", "write the value itself");
                self.value(Node { span, kind: Kind::Null })
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.plain(&span, anchor, tag.is_some());
                self.scalar(span, &text, style)
            }
            Event::SequenceStart(anchor, tag) => {
                self.plain(&span, anchor, tag.is_some());
                self.begin(Open::List { span, items: Vec::new() })
            }
            Event::MappingStart(anchor, tag) => {
                self.plain(&span, anchor, tag.is_some());
                self.begin(Open::Map { span, entries: Vec::new(), places: BTreeMap::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List { span, items }) => self.value(Node { span, kind: Kind::List(items) }),
                Some(Open::Map { span, entries, .. }) => self.value(Node { span, kind: Kind::Map(entries) }),
                None => false,
            },
        }
    }

    fn document(&mut self, span: &Span) -> bool {
        self.documents += 1;
        if self.documents > 1 {
            self.diagnostics.error_with_help(
                span,
                "a second document begins here",
                "a file holds one document: make two files",
            );
        }
        self.documents == 1
    }

    /// Refuses anchors and tags.
    fn plain(&mut self, span: &Span, anchor: usize, tagged: bool) {
        if anchor != 0 {
            self.diagnostics.error_with_help(span, "anchors are not supported", "write the value where it is needed");
        }
        if tagged {
            self.diagnostics.error_with_help(
                span,
                "tags are not supported",
                "quote what is text; all else has the type it looks like",
            );
        }
    }

    fn scalar(&mut self, span: Span, text: &str, style: ScalarStyle) -> bool {
        if !matches!(self.open.last(), Some(Open::Map { key: None, .. })) {
            let kind = if style == ScalarStyle::Plain { plain_scalar(text) } else { Kind::Text(text.to_owned()) };
            return self.value(Node { span, kind });
        }
        if text == "<<" && style == ScalarStyle::Plain {
            self.diagnostics.error_with_help(&span, "merge keys are not supported", "write the keys themselves");
        }
        // A key is text, whatever it looks like: `n`, `on` and `1` name themselves.
        let name = text.to_owned();
        if let Some(Open::Map { key, places, .. }) = self.open.last_mut() {
            match places.get(&name) {
                Some(first) => {
                    let message = format!(
                        "the key `{name}` is given twice; it was at line {}, column {}",
                        first.line, first.column
                    );
                    self.diagnostics.error(&span, message);
                }
                None => {
                    places.insert(name.clone(), span.clone());
                }
            }
            *key = Some(Key { span, name });
        }
        true
    }

    fn begin(&mut self, open: Open) -> bool {
        let (Open::List { span, .. } | Open::Map { span, .. }) = &open;
        if matches!(self.open.last(), Some(Open::Map { key: None, .. })) {
            self.diagnostics.error(span, "a key must be text, not a list or a mapping");
            return false;
        }
        if self.open.len() >= MAX_DEPTH {
            self.diagnostics.error(span, format!("lists and mappings nest deeper than {MAX_DEPTH}"));
            return false;
        }
        self.open.push(open);
        true
    }

    /// A whole value: an item, the value of a key, or all of the file.
    fn value(&mut self, node: Node) -> bool {
        match self.open.last_mut() {
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => match key.take() {
                Some(key) => entries.push((key, node)),
                // An alias as a key; it was refused.
                None => *key = Some(Key { span: node.span, name: String::new() }),
            },
            None => self.root = Some(node),
        }
        true
    }
}

/// What a scalar without quotes is in the core schema: `yes`, `no`, `on` and `12:30` are text.
fn plain_scalar(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "true" | "True" | "TRUE" => return Kind::Bool(true),
        "false" | "False" | "FALSE" => return Kind::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Kind::Float(f64::NAN),
        _ => {}
    }
    if let Some(kind) = based(text, "0x", 16).or_else(|| based(text, "0o", 8)) {
        return kind;
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Kind::Float(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    if !unsigned.is_empty()
        && unsigned.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(value) = text.parse()
    {
        return Kind::Int(value);
    }
    if is_decimal(unsigned)
        && let Ok(value) = text.parse()
    {
        return Kind::Float(value);
    }
    Kind::Text(text.to_owned())
}

fn based(text: &str, prefix: &str, radix: u32) -> Option<Kind> {
    let digits = text.strip_prefix(prefix).filter(|digits| !digits.is_empty() && !digits.starts_with('+'))?;
    i64::from_str_radix(digits, radix).ok().filter(|value| *value >= 0).map(Kind::Int)
}

/// Whether a text without sign is a number: `1`, `1.`, `.5`, `1.5e-3`.
fn is_decimal(text: &str) -> bool {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (text, None),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let number = digits(whole) && digits(part) && !(whole.is_empty() && part.is_empty());
    number && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(text: &str) -> Result<Node, Vec<String>> {
        let mut diagnostics = Diagnostics::default();
        let node = read(&Arc::new(PathBuf::from("f.yaml")), text, &mut diagnostics);
        node.ok_or_else(|| diagnostics.into_sorted().iter().map(ToString::to_string).collect())
    }

    fn value(text: &str) -> Kind {
        node(&format!("k: {text}")).unwrap().get("k").unwrap().kind.clone()
    }

    #[test]
    fn scalars_have_the_type_of_the_core_schema() {
        for (text, kind) in [
            ("", Kind::Null),
            ("~", Kind::Null),
            ("True", Kind::Bool(true)),
            ("7", Kind::Int(7)),
            ("007", Kind::Int(7)),
            ("+7", Kind::Int(7)),
            ("0x1F", Kind::Int(31)),
            ("0o17", Kind::Int(15)),
            ("-9223372036854775808", Kind::Int(i64::MIN)),
            ("9223372036854775808", Kind::Float(9_223_372_036_854_775_808.0)),
            ("0.1", Kind::Float(0.1)),
            ("1.", Kind::Float(1.0)),
            (".5", Kind::Float(0.5)),
            ("-1e-3", Kind::Float(-0.001)),
            ("5e-324", Kind::Float(5e-324)),
            ("8.5e22", Kind::Float(8.5e22)),
            ("-.inf", Kind::Float(f64::NEG_INFINITY)),
        ] {
            assert_eq!(value(text), kind, "{text}");
        }
        for text in [
            "yes",
            "no",
            "on",
            "n",
            "12:30",
            "1_000",
            "1e",
            ".",
            "e5",
            "0x",
            "0x-1",
            "inf",
            "nan",
            "2024-01-01",
            "1d",
            "+",
            "-.",
        ] {
            assert_eq!(value(text), Kind::Text(text.to_owned()));
        }
        assert_eq!(value("'7'"), Kind::Text("7".to_owned()));
        assert_eq!(value("\"a\\tb\""), Kind::Text("a\tb".to_owned()));
        assert_eq!(value("|\n  a\n  b\n"), Kind::Text("a\nb\n".to_owned()));
    }

    #[test]
    fn every_node_knows_its_place() {
        let root = node("a:\n  b: [1, {c: 'x'}]\nn: 2\n1: y\n").unwrap();
        let list = root.get("a").unwrap().get("b").unwrap();
        let place = |node: &Node| (node.span.line, node.span.column);
        assert_eq!(place(list), (2, 6));
        assert_eq!(place(&list.items()[0]), (2, 7));
        assert_eq!(place(list.items()[1].get("c").unwrap()), (2, 14));
        let keys: Vec<_> =
            root.entries().iter().map(|(key, _)| (key.name.as_str(), key.span.line, key.span.column)).collect();
        assert_eq!(keys, [("a", 1, 1), ("n", 3, 1), ("1", 4, 1)]);
    }

    #[test]
    fn an_empty_file_is_an_empty_mapping() {
        for text in ["", "\n", "# nothing\n", "---\n", "\u{feff}"] {
            assert_eq!(node(text).unwrap().kind, Kind::Map(Vec::new()), "{text:?}");
        }
    }

    #[test]
    fn what_hides_its_meaning_is_refused() {
        for (text, errors) in [
            ("a: 1\nb: 2\na: 3\n", vec!["f.yaml:3:1: the key `a` is given twice; it was at line 1, column 1"]),
            (
                "a: &x 1\nb: *x\n",
                vec![
                    "f.yaml:1:4: anchors are not supported; write the value where it is needed",
                    "f.yaml:2:4: aliases are not supported; write the value itself",
                ],
            ),
            (
                "a: !!str 1\n",
                vec!["f.yaml:1:4: tags are not supported; quote what is text; all else has the type it looks like"],
            ),
            ("<<: {a: 1}\n", vec!["f.yaml:1:1: merge keys are not supported; write the keys themselves"]),
            ("[a]: 1\n", vec!["f.yaml:1:1: a key must be text, not a list or a mapping"]),
            (
                "a: 1\n---\nb: 1\n",
                vec!["f.yaml:2:1: a second document begins here; a file holds one document: make two files"],
            ),
        ] {
            assert_eq!(node(text), Err(errors.into_iter().map(str::to_owned).collect()), "{text}");
        }
        let deep = format!("{}{}", "[".repeat(33), "]".repeat(33));
        assert_eq!(node(&deep), Err(vec!["f.yaml:1:33: lists and mappings nest deeper than 32".to_owned()]));
        assert!(node("a: [1\n").unwrap_err()[0].contains("this is not YAML"));
    }
}
