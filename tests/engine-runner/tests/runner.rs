//! The runner as tests in other languages start it.

use std::process::Command;

#[test]
fn an_unknown_command_ends_in_words() {
    let output = Command::new(env!("CARGO_BIN_EXE_engine-runner")).arg("nothing").output().unwrap();
    assert!(!output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "engine-runner: there is no command `nothing`\n");
}
