//! The only part of the engine that reads files: those of a directory of definitions, and the fitted files beside them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::diagnostics::{Diagnostic, Diagnostics, Span};

/// How deep folders may nest, against links that go round.
const MAX_DEPTH: usize = 16;

/// Reads the files of definitions: all `*.yaml` and `*.yml` of a directory and of those below it, sorted by path, without hidden
/// ones; or the one file that `path` names.
///
/// # Errors
/// What can't be read, is not UTF-8, or a directory without any such file.
pub fn read(path: &Path) -> Result<Vec<(PathBuf, String)>, Vec<Diagnostic>> {
    let mut out = Diagnostics::default();
    let files = texts(path, path.is_file(), |name| name.ends_with(".yaml") || name.ends_with(".yml"), &mut out);
    if files.is_empty() && out.is_empty() {
        out.error_without_place(format!(
            "no definitions in `{}`: there is no file named *.yaml or *.yml",
            path.display()
        ));
    }
    if out.is_empty() { Ok(files) } else { Err(out.into_sorted()) }
}

/// Reads the fitted files of a directory and of those below it; or those beside the one file that `path` names.
pub(super) fn read_fitted(path: &Path, out: &mut Diagnostics) -> Vec<(PathBuf, String)> {
    let is_fitted = |name: &str| name.ends_with(super::fitted::SUFFIX);
    if !path.is_file() {
        return texts(path, false, is_fitted, out);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut paths = Vec::new();
    list(folder, MAX_DEPTH, &is_fitted, &mut paths, out);
    read_all(paths, out)
}

fn texts(path: &Path, is_file: bool, wanted: impl Fn(&str) -> bool, out: &mut Diagnostics) -> Vec<(PathBuf, String)> {
    if is_file {
        return read_all(vec![path.to_owned()], out);
    }
    let mut paths = Vec::new();
    list(path, 0, &wanted, &mut paths, out);
    read_all(paths, out)
}

fn read_all(mut paths: Vec<PathBuf>, out: &mut Diagnostics) -> Vec<(PathBuf, String)> {
    paths.sort();
    paths.into_iter().filter_map(|path| text(&path, out).map(|text| (path, text))).collect()
}

fn list(folder: &Path, depth: usize, wanted: &dyn Fn(&str) -> bool, paths: &mut Vec<PathBuf>, out: &mut Diagnostics) {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = match entries {
        Ok(entries) => entries,
        Err(error) => return out.error_without_place(format!("can't read `{}`: {error}", folder.display())),
    };
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        // Follows links: a mounted volume is often a folder of links.
        if !path.is_dir() {
            if wanted(&name) {
                paths.push(path);
            }
        } else if depth < MAX_DEPTH {
            list(&path, depth + 1, wanted, paths, out);
        }
    }
}

fn text(path: &Path, out: &mut Diagnostics) -> Option<String> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            out.error_without_place(format!("can't read `{}`: {error}", path.display()));
            return None;
        }
    };
    String::from_utf8(bytes).map_err(|error| out.error(&place(path, &error), "the file is not UTF-8")).ok()
}

/// Where the bytes stop being UTF-8.
fn place(path: &Path, error: &std::string::FromUtf8Error) -> Span {
    let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
    let text = String::from_utf8_lossy(valid);
    let line = crate::diagnostics::lines(&text).count();
    let column = crate::diagnostics::lines(&text).last().map_or(0, |line| line.chars().count()) + 1;
    Span { file: std::sync::Arc::new(path.to_owned()), line, column }
}
