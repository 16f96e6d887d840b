//! The four sections of definitions, merged over all files, and what is known of each name: resolved, broken, or not there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::node::{Key, Node};
use super::suggest::did_you_mean;
use crate::diagnostics::{Diagnostics, Span};

/// The entries of one section, by name.
pub(super) type Section<'n> = BTreeMap<&'n str, (&'n Key, &'n Node)>;

/// Merges a section over all files. A name that is defined twice is a fault that tells both places.
pub(super) fn merge<'n>(roots: &'n [Node], section: &str, noun: &str, out: &mut Diagnostics) -> Section<'n> {
    let mut merged = Section::new();
    for (key, node) in roots.iter().filter_map(|root| root.get(section)).flat_map(Node::entries) {
        match merged.get(key.name.as_str()) {
            Some((first, _)) => {
                let first: &Key = first;
                let message = format!("the {noun} `{}` is defined twice", key.name);
                out.error_with_help(
                    &key.span,
                    message,
                    format!("it is at {} already: rename or remove one", first.span),
                );
            }
            None => {
                merged.insert(&key.name, (key, node));
            }
        }
    }
    merged
}

/// What is known of the names of a section.
#[derive(Debug)]
pub(super) struct Known<T> {
    pub(super) noun: &'static str,
    pub(super) found: BTreeMap<String, Arc<T>>,
    /// Names that are defined, but wrongly, which was reported: what refers to them is not at fault.
    broken: BTreeSet<String>,
}

impl<T> Known<T> {
    /// Resolves every entry of a section.
    pub(super) fn resolve(
        noun: &'static str,
        section: &Section<'_>,
        mut one: impl FnMut(&Key, &Node) -> Option<T>,
    ) -> Self {
        let mut known = Self { noun, found: BTreeMap::new(), broken: BTreeSet::new() };
        for (name, (key, node)) in section {
            match one(key, node) {
                Some(value) => {
                    known.found.insert((*name).to_owned(), Arc::new(value));
                }
                None => {
                    known.broken.insert((*name).to_owned());
                }
            }
        }
        known
    }

    /// What a name refers to; a name that is not there is reported.
    pub(super) fn get(&self, name: &str, span: &Span, out: &mut Diagnostics) -> Option<Arc<T>> {
        if self.is_broken(name) {
            return None;
        }
        let found = self.found.get(name).map(Arc::clone);
        if found.is_none() {
            let known = self.found.keys().chain(&self.broken).map(String::as_str);
            out.report(span, format!("there is no {} `{name}`", self.noun), did_you_mean(name, known));
        }
        found
    }

    /// Whether a name is defined, but wrongly.
    pub(super) fn is_broken(&self, name: &str) -> bool {
        self.broken.contains(name)
    }

    /// Whether a text may name something that is defined wrongly.
    pub(super) fn may_name_broken(&self, text: &str) -> bool {
        self.broken.iter().any(|name| text.contains(name.as_str()))
    }
}
