//! Loading: all layers in, one typed configuration or all problems out.

use std::ffi::OsString;
use std::path::PathBuf;

use super::checks::Checks;
use super::flags::Flag;
use super::known::Known;
use super::layers::{Layers, Merged};
use super::problem::{Problem, Problems};
use super::render::Effective;
use super::setting::origin_of;
use super::{Config, Section, environment, file};

/// Where to load from. The lowest layer, `config/default.toml`, is compiled in.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file of `--config`, which wins over the defaults.
    pub file: Option<PathBuf>,
    /// The environment, which wins over the file: `std::env::vars_os().collect()`. Variables that don't begin with `APP__` are passed
    /// over.
    pub environment: Vec<(OsString, OsString)>,
    /// Flags, which win over all; of two for one key the later.
    pub flags: Vec<Flag>,
}

/// Loads the configuration.
///
/// # Errors
/// All that is wrong, in the order of the layers: unknown keys and bad values, also those that a later layer overrides, and files that
/// can't be read.
pub fn load(sources: Sources) -> Result<Config, Problems> {
    let known = Known::read().map_err(|problem| Problems::from(vec![problem]))?;
    let mut layers = Layers::default();
    if let Some(path) = &sources.file {
        file::read(path, &known, &mut layers);
    }
    environment::read(sources.environment, &known, &mut layers);
    layers.flags(sources.flags, &known);
    let mut merged = layers.merge(&known);
    let mut config = merged.tree.extract::<Config>().map_err(|error| {
        // Every setting was tried alone, so only the compiled-in defaults can be at fault, and they hold no secret.
        Problems::from(vec![Problem::of_file("config/default.toml as compiled in", error.to_string())])
    })?;
    let found = validate(&config, &known, &merged);
    merged.problems.extend(found);
    if !merged.problems.is_empty() {
        return Err(merged.problems.into());
    }
    config.effective = effective(&known, &merged);
    Ok(config)
}

fn validate(config: &Config, known: &Known, merged: &Merged) -> Vec<Problem> {
    let Config { server, auth, shutdown, limits, ingest, definitions, store, telemetry, effective: _ } = config;
    let mut checks = Checks::new(known, merged);
    server.validate(&mut checks);
    auth.validate(&mut checks);
    shutdown.validate(&mut checks);
    limits.validate(&mut checks);
    ingest.validate(&mut checks);
    definitions.validate(&mut checks);
    store.validate(&mut checks);
    telemetry.validate(&mut checks);
    checks.into_problems()
}

fn effective(known: &Known, merged: &Merged) -> Vec<Effective> {
    let of = |key: &super::known::Key| {
        let value = merged.tree.find_value(&key.path).unwrap_or_else(|_| key.default.clone());
        Effective {
            section: key.section().to_owned(),
            name: key.name().to_owned(),
            shown: key.show(&value),
            origin: origin_of(&merged.tree, &key.path),
        }
    };
    known.keys.iter().map(of).collect()
}
