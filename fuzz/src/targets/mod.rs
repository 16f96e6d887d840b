//! One target a file.

mod config;
mod definitions;
mod grpc;
mod rest;
mod rows;
mod transcode;

use std::path::{Path, PathBuf};

/// Something that reads bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its folder in `corpus/`.
    pub name: &'static str,
    /// Reads an input; panics when it finds something.
    pub run: fn(&[u8]),
    /// Good inputs to begin with, made of what the project has anyhow.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: [Target; 6] = [
    Target { name: "transcode", run: transcode::run, seeds: transcode::seeds },
    Target { name: "rows", run: rows::run, seeds: rows::seeds },
    Target { name: "rest", run: rest::run, seeds: rest::seeds },
    Target { name: "grpc", run: grpc::run, seeds: grpc::seeds },
    Target { name: "definitions", run: definitions::run, seeds: definitions::seeds },
    Target { name: "config", run: config::run, seeds: config::seeds },
];

/// The seeds, the inputs that once found something, and those that reached new code, in the folder that `UNSKEW_FUZZ_CORPUS` names.
#[must_use]
pub fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let reached = std::env::var_os("UNSKEW_FUZZ_CORPUS").map(PathBuf::from);
    let folders = reached.into_iter().chain([found]).map(|folder| folder.join(target.name));
    let kept = folders.flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten());
    let kept = kept.filter_map(|entry| std::fs::read(entry.path()).ok());
    (target.seeds)().into_iter().chain(kept).collect()
}

/// The first byte chooses one of several ways; the rest is the input.
fn choose<'a, T>(ways: &'a [T], input: &'a [u8]) -> Option<(&'a T, &'a [u8])> {
    let (first, rest) = input.split_first()?;
    Some((ways.get(usize::from(*first) % ways.len())?, rest))
}

/// A seed for the way at this position.
fn seed(way: usize, rest: impl AsRef<[u8]>) -> Vec<u8> {
    [&[u8::try_from(way).unwrap_or_default()], rest.as_ref()].concat()
}
