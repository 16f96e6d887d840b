//! Definitions: read from YAML, validated as a whole, fingerprinted.
//!
//! A file goes through four hands: [`node`] is its tree with the place of every node, `check` holds it against the tables of
//! keys, the parts named like the sections resolve what names refer to and what types flow, and what comes out is the model,
//! in which nothing is open. All faults are collected, each with its place and with what would be right.

mod arguments;
mod canonical;
mod check;
mod compatibility;
mod constants;
mod entities;
mod files;
mod fingerprint;
pub mod fitted;
mod functions;
mod inputs;
pub mod model;
pub mod node;
mod place;
mod quality;
mod schedule;
mod schema;
mod section;
mod services;
mod shape;
mod steps;
mod suggest;
mod tables;
#[cfg(test)]
mod tests;
mod views;
mod windows;
mod yaml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostics::{Diagnostic, Diagnostics, Span};

pub use compatibility::incompatibilities;
pub use files::read;
pub use fingerprint::{canonical, definition_digest, fingerprint, hex};
pub use inputs::Inputs;
pub use model::*;
pub use schema::json_schema;
pub(crate) use windows::Columns;

/// Reads and validates the definitions of a directory, or of one file.
///
/// # Errors
/// All that is wrong, by place.
pub fn load(path: &Path) -> Result<Definitions, Vec<Diagnostic>> {
    parse(&files::read(path)?)
}

/// Validates the texts of files, each with the name that errors give it.
///
/// # Errors
/// All that is wrong, by place.
pub fn parse(files: &[(PathBuf, String)]) -> Result<Definitions, Vec<Diagnostic>> {
    let mut out = Diagnostics::default();
    let named = files.iter().map(|(path, text)| (Arc::new(path.clone()), text));
    let roots: Vec<node::Node> = named.filter_map(|(path, text)| yaml::read(&path, text, &mut out)).collect();
    let unread = !out.is_empty();
    for root in &roots {
        check::check(root, shape::Shape::Table(&tables::ROOT), "the file", &root.span, &mut out);
    }
    // What an unread file defines is not known: names that are missing may be there.
    let definitions = if unread { Definitions::default() } else { resolve(&roots, files, &mut out) };
    if out.is_empty() { Ok(definitions) } else { Err(out.into_sorted()) }
}

/// Prints JSON in the one form that does not depend on the order of its keys: sorted, with one entry a line.
#[must_use]
pub fn print_json(json: &serde_json::Value) -> String {
    canonical::Canonical::from(json).pretty()
}

fn resolve(roots: &[node::Node], files: &[(PathBuf, String)], out: &mut Diagnostics) -> Definitions {
    let texts = place::Texts::new(files.iter().map(|(path, text)| (path.as_path(), text.as_str())));
    let entities = entities::entities(&section::merge(roots, "entities", "entity", out), out);
    let sources = entities::sources(&section::merge(roots, "sources", "source", out), out);
    let written = section::merge(roots, "views", "view", out);
    let parts = views::Parts { entities: &entities, sources: &sources, texts: &texts };
    let views = views::views(&written, &parts, out);
    let services = services::services(&section::merge(roots, "services", "service", out), &views, &texts, out);
    Definitions {
        places: places(&written),
        entities: entities.found,
        sources: sources.found,
        views: views.found,
        services: services.found,
    }
}

/// The places of views and of features of row views.
fn places(views: &section::Section<'_>) -> BTreeMap<String, Span> {
    let mut places = BTreeMap::new();
    for (name, (key, node)) in views {
        places.insert((*name).to_owned(), key.span.clone());
        for (feature, _) in node.get("features").map_or(&[][..], node::Node::entries) {
            places.insert(format!("{name}.{}", feature.name), feature.span.clone());
        }
    }
    places
}
