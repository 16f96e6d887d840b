//! The layer of `--config FILE`, and the reading of files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use figment::value::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::known::{Key, Known, join, line_at, value_of, written};
use super::layers::Layers;
use super::problem::{Origin, Problem};
use super::quantity::show_size;
use super::setting::Setting;
use super::suggest::nearest;

/// The greatest configuration file, in bytes: a wrong path such as a device must not fill the memory.
const MAX_BYTES: u64 = 1 << 20;

/// Adds what the file sets.
pub(super) fn read(path: &Path, known: &Known, layers: &mut Layers) {
    let shown = path.display().to_string();
    match read_text(path, MAX_BYTES) {
        Ok(text) => FileLayer { text: &text, path: &shown, known, layers }.parse(),
        Err(fault) => layers.refuse(Problem::of_file(&shown, format!("the configuration file {fault}"))),
    }
}

/// The text of a file.
pub(super) fn read_text(path: &Path, max_bytes: u64) -> Result<String, String> {
    let file = File::open(path).map_err(|error| format!("can't be opened: {error}"))?;
    let mut bytes = Vec::new();
    file.take(max_bytes + 1).read_to_end(&mut bytes).map_err(|error| format!("can't be read: {error}"))?;
    if bytes.len() as u64 > max_bytes {
        return Err(format!("is larger than {}", show_size(max_bytes)));
    }
    String::from_utf8(bytes).map_err(|error| format!("is not UTF-8 text (byte {})", error.utf8_error().valid_up_to()))
}

struct FileLayer<'a> {
    text: &'a str,
    path: &'a str,
    known: &'a Known,
    layers: &'a mut Layers,
}

impl FileLayer<'_> {
    fn parse(&mut self) {
        let (tree, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            // Not the error's own display: it quotes the line, which may hold a secret.
            let line = error.span().map_or(1, |span| line_at(self.text, span.start));
            let place = format!("{}:{line}", self.path);
            self.layers.refuse(Problem::of_file(&place, format!("not TOML: {}", error.message())));
        }
        // What was recovered of a broken file would only add problems that are none.
        if errors.is_empty() {
            self.walk(tree.get_ref(), "");
        }
    }

    fn walk(&mut self, table: &DeTable<'_>, section: &str) {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in entries {
            self.entry(section, name, value);
        }
    }

    fn entry(&mut self, section: &str, name: &Spanned<std::borrow::Cow<'_, str>>, value: &Spanned<DeValue<'_>>) {
        let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let plain = !name.get_ref().is_empty() && name.get_ref().chars().all(bare);
        let path = join(section, name.get_ref());
        let as_written = if plain { path.clone() } else { join(section, &format!("{:?}", name.get_ref())) };
        let origin = Origin::new(as_written, format!("{}:{}", self.path, line_at(self.text, name.span().start)));
        let table = match value.get_ref() {
            DeValue::Table(table) => Some(table),
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_) => None,
        };
        // A quoted name with a dot in it is no path.
        match (self.known.get(&path).filter(|_| plain), table) {
            (Some(key), _) => self.layers.set(Setting::new(key, self.value(key, value), origin)),
            (None, Some(table)) if plain && self.known.is_section(&path) => self.walk(table, &path),
            (None, None) if plain && self.known.is_section(&path) => {
                self.layers.refuse(Problem::of(&origin, None, format!("a section and not a key: write [{path}]")));
            }
            (None, _) => self.layers.refuse(Problem::of(&origin, None, self.unknown(section, &path))),
        }
    }

    /// The value; a secret that is written as a number or the like is the text of it.
    fn value(&self, key: &Key, value: &Spanned<DeValue<'_>>) -> Value {
        match value.get_ref() {
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) if key.is_secret() => {
                Value::from(written(value, self.text))
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => value_of(value, self.text),
        }
    }

    fn unknown(&self, section: &str, path: &str) -> String {
        let paths = self.known.paths();
        if let Some(near) = nearest(path, ".", &paths) {
            return format!("unknown key; did you mean {near}?");
        }
        let inside = |path: &&String| match (section, path.rsplit_once('.')) {
            ("", None) => true,
            (section, Some((parent, _))) => parent == section,
            (_, None) => false,
        };
        format!("unknown key; allowed are {}", paths.iter().filter(inside).cloned().collect::<Vec<_>>().join(", "))
    }
}
