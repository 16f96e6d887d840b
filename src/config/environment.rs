//! The layer of the environment: `APP__SECTION__KEY`, and `…_FILE` for secrets.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use super::file::read_text;
use super::known::{Key, Known, PREFIX};
use super::layers::Layers;
use super::problem::{Origin, Problem};
use super::setting::Setting;
use super::suggest::nearest;

/// The greatest file that holds a secret, in bytes.
const MAX_SECRET_BYTES: u64 = 64 << 10;

/// Adds what the variables set. Those that begin with `APP__` are all ours; the others are passed over.
pub(super) fn read(variables: impl IntoIterator<Item = (OsString, OsString)>, known: &Known, layers: &mut Layers) {
    let ours = variables.into_iter().filter(|(name, _)| name.as_encoded_bytes().starts_with(PREFIX.as_bytes()));
    // In the order of their names, so that the same environment always gives the same messages.
    let ours: BTreeMap<OsString, OsString> = ours.collect();
    let mut seen: BTreeMap<&str, String> = BTreeMap::new();
    for (name, text) in ours {
        let name = name.to_string_lossy().into_owned();
        let origin = Origin::new(name.as_str(), Origin::ENVIRONMENT);
        let Some((key, is_file)) = find(&name, known) else {
            layers.refuse(Problem::of(&origin, None, unknown(&name, known)));
            continue;
        };
        if let Some(other) = seen.insert(&key.path, name) {
            layers.refuse(Problem::of(&origin, None, format!("sets the same key as {other}; set one of the two")));
            continue;
        }
        match text_of(text, is_file) {
            Ok(text) => layers.set(Setting::new(key, key.value_of(text), origin)),
            Err(fault) => layers.refuse(Problem::of(&origin, None, fault)),
        }
    }
}

/// The key that a variable sets, and whether the variable names a file with the value.
fn find<'a>(name: &str, known: &'a Known) -> Option<(&'a Key, bool)> {
    known.keys.iter().find_map(|key| {
        let (_, is_file) = key.variables().into_iter().find(|(variable, _)| variable == name)?;
        Some((key, is_file))
    })
}

fn text_of(text: OsString, is_file: bool) -> Result<String, String> {
    if !is_file {
        return text.into_string().map_err(|_| "the value is not UTF-8 text".to_owned());
    }
    if text.is_empty() {
        return Err("names no file; set it to the path of a file that holds the value".to_owned());
    }
    let path = Path::new(&text);
    let file = shown_path(path);
    let mut secret = read_text(path, MAX_SECRET_BYTES).map_err(|fault| format!("{file} {fault}"))?;
    // Editors and `echo` end a file with a newline that is not part of the secret; any other whitespace may be.
    if secret.ends_with('\n') {
        secret.pop();
        if secret.ends_with('\r') {
            secret.pop();
        }
    }
    if secret.is_empty() {
        return Err(format!("{file} is empty"));
    }
    Ok(secret)
}

/// The file in words. Who sets the variable to the secret itself must not find it in the log: only what looks like a path is shown.
fn shown_path(path: &Path) -> String {
    if path.is_absolute() || path.starts_with(".") || path.starts_with("..") {
        format!("the file {}", path.display())
    } else {
        "the file that it names (a path that begins with / or ./ would be shown here)".to_owned()
    }
}

fn unknown(name: &str, known: &Known) -> String {
    let path = name.trim_start_matches(PREFIX).to_lowercase().replace("__", ".");
    if known.is_section(&path) {
        return format!("a section and not a key; its keys are {name}__…");
    }
    if let Some(variable) = name.strip_suffix("_FILE").filter(|variable| find(variable, known).is_some()) {
        return format!("unknown key; only secrets are read from files: set {variable} to the value itself");
    }
    let variables: Vec<String> = known.keys.iter().flat_map(Key::variables).map(|(variable, _)| variable).collect();
    match nearest(name, "__", &variables) {
        Some(near) => format!("unknown key; did you mean {near}?"),
        None => format!("unknown key; variables that begin with {PREFIX} set the keys that check-config prints"),
    }
}
