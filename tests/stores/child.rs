//! Runs one test of this binary again as a child process, for tests that kill one.

use std::path::Path;
use std::process::{Command, Stdio};

/// Names the directory that a child is to work in; not set in the parent.
const DIRECTORY: &str = "UNSKEW_TEST_CHILD_DIRECTORY";

/// A command that runs the test of this name as a child that works in this directory.
pub fn command(test: &str, directory: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(DIRECTORY, directory).stdout(Stdio::piped());
    command
}

/// The directory to work in, when this is a child.
pub fn directory() -> Option<std::path::PathBuf> {
    std::env::var_os(DIRECTORY).map(Into::into)
}
