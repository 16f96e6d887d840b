//! The target of `UNSKEW_FUZZ_TARGET` under libFuzzer, whose flags it takes; `scripts/fuzz` builds and runs it.

#![no_main]

use std::path::PathBuf;
use std::sync::OnceLock;

use fuzz::{TARGETS, Target};

fn target() -> &'static Target {
    static TARGET: OnceLock<&Target> = OnceLock::new();
    TARGET.get_or_init(|| {
        let name = std::env::var("UNSKEW_FUZZ_TARGET").unwrap_or_default();
        let names = TARGETS.map(|target| target.name).join(", ");
        TARGETS
            .iter()
            .find(|target| target.name == name)
            .unwrap_or_else(|| panic!("UNSKEW_FUZZ_TARGET is {name:?}; there are {names}"))
    })
}

/// Writes the seeds where libFuzzer reads them.
fn write_seeds() {
    if let Some(folder) = std::env::var_os("UNSKEW_FUZZ_SEEDS").map(PathBuf::from) {
        for (number, seed) in (target().seeds)().iter().enumerate() {
            std::fs::write(folder.join(number.to_string()), seed)
                .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        }
    }
}

libfuzzer_sys::fuzz_target!(init: write_seeds(), |data: &[u8]| (target().run)(data));
