//! What the layers set, and what is wrong with them, as they are read one after the other.

use std::collections::BTreeSet;

use figment::Figment;
use figment::error::Kind;
use figment::value::{Dict, Value};

use super::Config;
use super::flags::Flag;
use super::known::{Key, Known};
use super::problem::{Origin, Problem};
use super::setting::Setting;
use super::suggest::nearest;

/// The longest value in a message, in characters.
const MAX_SHOWN: usize = 100;

/// What the layers set, and what is wrong with them.
#[derive(Default)]
pub(super) struct Layers {
    settings: Vec<Setting>,
    problems: Vec<Problem>,
}

/// All layers in one tree.
pub(super) struct Merged {
    pub(super) tree: Figment,
    pub(super) problems: Vec<Problem>,
    /// Paths of the keys whose value was refused in some layer.
    pub(super) refused: BTreeSet<String>,
}

impl Layers {
    /// A later setting wins over an earlier one of the same key.
    pub(super) fn set(&mut self, setting: Setting) {
        self.settings.push(setting);
    }

    pub(super) fn refuse(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Adds the flags.
    pub(super) fn flags(&mut self, flags: Vec<Flag>, known: &Known) {
        for flag in flags {
            let origin = Origin::new(flag.name, Origin::FLAG);
            match known.get(&flag.key) {
                Some(key) => self.set(Setting::new(key, key.value_of(flag.value), origin)),
                None => {
                    let paths = known.paths();
                    let near = nearest(&flag.key, ".", &paths)
                        .map_or_else(String::new, |near| format!("; did you mean {near}?"));
                    self.refuse(Problem::of(&origin, None, format!("unknown key {}{near}", flag.key)));
                }
            }
        }
    }

    /// Merges all settings whose value is allowed over the defaults. Each is tried alone, so that every bad value is found at once.
    pub(super) fn merge(self, known: &Known) -> Merged {
        let defaults = known.defaults().fold(Figment::new(), |tree, setting| tree.merge(&setting));
        let mut merged = Merged { tree: defaults.clone(), problems: self.problems, refused: BTreeSet::new() };
        for setting in self.settings {
            match fault(&defaults, &setting) {
                None => merged.tree = merged.tree.merge(&setting),
                Some(fault) => {
                    let value = known.get(&setting.path).map(|key| shown(key, &setting.value));
                    merged.problems.push(Problem::of(&setting.origin, value, fault));
                    merged.refused.insert(setting.path);
                }
            }
        }
        merged
    }
}

/// The value of a key for a message: on one line, not too long, without secrets.
pub(super) fn shown(key: &Key, value: &Value) -> String {
    let text = key.show(value);
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// What is allowed for a key, in words.
pub(super) fn allowed(defaults: &Figment, key: &Key) -> String {
    // No key takes a table: the refusal says what it takes.
    let table = Setting::new(key, Value::from(Dict::new()), Origin::new("", Origin::DEFAULT));
    match defaults.clone().merge(&table).extract::<Config>().map_err(|error| error.kind) {
        Err(Kind::InvalidType(_, allowed)) => allowed,
        Ok(_) | Err(_) => String::new(),
    }
}

/// What is wrong with a setting over the defaults. Of figment's error only what our own readers say is used: the rest of it repeats the
/// value.
fn fault(defaults: &Figment, setting: &Setting) -> Option<String> {
    let error = defaults.clone().merge(setting).extract::<Config>().err()?;
    Some(match error.kind {
        Kind::InvalidType(_, allowed) | Kind::InvalidValue(_, allowed) => format!("allowed is {allowed}"),
        Kind::Message(fault) => fault,
        Kind::InvalidLength(..)
        | Kind::UnknownVariant(..)
        | Kind::UnknownField(..)
        | Kind::MissingField(..)
        | Kind::DuplicateField(..)
        | Kind::ISizeOutOfRange(..)
        | Kind::USizeOutOfRange(..)
        | Kind::Unsupported(..)
        | Kind::UnsupportedKey(..) => "not a value that this key can have".to_owned(),
    })
}
