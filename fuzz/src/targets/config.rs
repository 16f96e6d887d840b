//! The configuration: a file, and the same bytes as the text of variables that have a form of their own.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use unskew_gateway::config::{self, Sources};

thread_local! {
    /// A file for each thread, in memory where the system has a place for that.
    static FILE: PathBuf = {
        let shared = PathBuf::from("/dev/shm");
        let folder = if shared.is_dir() { shared } else { std::env::temp_dir() };
        folder.join(format!("unskew-fuzz-{}-{:?}.toml", std::process::id(), std::thread::current().id()))
    };
}

pub(super) fn run(text: &[u8]) {
    FILE.with(|path| {
        std::fs::write(path, text).expect("a file");
        let from_file = Sources { file: Some(path.clone()), ..Sources::default() };
        if let Ok(config) = config::load(from_file) {
            drop(config.print());
        }
        drop(std::fs::remove_file(path));
    });
    if text.contains(&0) {
        return;
    }
    let value = OsString::from_vec(text.to_vec());
    let names = [
        "APP__AUTH__KEYS",
        "APP__STORE__URL",
        "APP__SERVER__ADDRESS",
        "APP__STORE__TIMEOUT",
        "APP__LIMITS__MAX_ROW_BYTES",
    ];
    let environment = names.map(|name| (name.into(), value.clone())).to_vec();
    if let Err(problems) = config::load(Sources { environment, ..Sources::default() }) {
        drop(problems.to_string());
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let key = format!("[{{name = \"a\", sha256 = \"{digest}\", scopes = [\"read\"], rate_limit = 5, burst = 9}}]");
    let texts = [
        include_str!("../../../config/default.toml"),
        key.as_str(),
        "redis://user:p%40ss@[::1]:6379/3",
        "rediss://h",
        "embedded:./data",
        "127.0.0.1:50051",
        "1.5s",
        "4MiB",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
