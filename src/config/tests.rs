//! The layers together. Each test gives its own environment: none reads or changes that of the process.

mod auth;
mod bad_input;
mod documents;
mod layers;
mod secrets;

use std::ffi::OsString;
use std::path::PathBuf;

use super::{Config, Flag, Problem, Problems, Sources, load};

/// Sources made of a file's text, variables and flags.
#[derive(Default)]
struct Given {
    sources: Sources,
    directory: Option<tempfile::TempDir>,
}

impl Given {
    fn file(mut self, text: impl AsRef<[u8]>) -> Self {
        self.sources.file = Some(self.extra_file("unskew.toml", text));
        self
    }

    /// A file beside that of the configuration; its path.
    fn extra_file(&mut self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let directory = self.directory.get_or_insert_with(|| tempfile::tempdir().unwrap());
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.sources.environment.push((name.into(), value.into()));
        self
    }

    fn flag(mut self, name: &str, key: &str, value: &str) -> Self {
        self.sources.flags.push(Flag::new(name, key, value));
        self
    }

    fn load(&self) -> Result<Config, Problems> {
        load(self.sources.clone())
    }

    fn config(&self) -> Config {
        self.load().unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn problems(&self) -> Vec<Problem> {
        self.load().expect_err("the configuration is accepted").all().to_vec()
    }

    /// All problems as the user sees them, without the folder of the file.
    fn lines(&self) -> Vec<String> {
        let folder = self.directory.as_ref().map(|directory| format!("{}/", directory.path().display()));
        let strip = |line: String| folder.as_ref().map_or(line.clone(), |folder| line.replace(folder, ""));
        self.problems().iter().map(|problem| strip(problem.to_string())).collect()
    }
}

fn given() -> Given {
    Given::default()
}
