//! Views, and the features of row views.

use super::constants;
use super::model::{Column, Entity, Feature, Layout, RowView, Source, View, ViewKind};
use super::node::{Key, Kind, Node};
use super::place::Texts;
use super::section::{Known, Section};
use super::shape::duration;
use super::suggest::did_you_mean;
use super::windows;
use crate::diagnostics::{Diagnostics, Span};
use crate::dtype::{DType, Scalar};

/// What views are resolved against.
pub(super) struct Parts<'a> {
    pub(super) entities: &'a Known<Entity>,
    pub(super) sources: &'a Known<Source>,
    pub(super) texts: &'a Texts<'a>,
}

pub(super) fn views(section: &Section<'_>, parts: &Parts<'_>, out: &mut Diagnostics) -> Known<View> {
    Known::resolve("view", section, |key, node| view(key, node, parts, out))
}

fn view(key: &Key, node: &Node, parts: &Parts<'_>, out: &mut Diagnostics) -> Option<View> {
    if key.name == "default" {
        out.error_with_help(
            &key.span,
            "a view can't be named `default`",
            "that is the built-in view, which needs no definition",
        );
    }
    let entity = node.get("entity").and_then(|name| parts.entities.get(name.text()?, &name.span, out));
    let source = node
        .get("source")
        .map(|name| (&name.span, name.text().and_then(|text| parts.sources.get(text, &name.span, out))));
    let entity = entity?;
    let source = match source {
        Some((span, source)) => {
            let source = source?;
            keys_are_in(&entity, &source, span, out);
            Some(source)
        }
        None => None,
    };
    let kind = match (node.get("features"), node.get("aggregations"), &source) {
        (Some(features), None, _) => ViewKind::Row(row_view(node, features, &entity, source.as_deref(), out)?),
        (None, Some(aggregations), Some(source)) => {
            ViewKind::Window(windows::window_view(key, node, aggregations, (source, parts.texts), out)?)
        }
        _ => return None,
    };
    Some(View {
        name: key.name.clone(),
        version: version(node),
        entity,
        source,
        kind,
        description: node.text_of("description").map(str::to_owned),
        owner: node.text_of("owner").map(str::to_owned),
        tags: node.texts_of("tags"),
    })
}

fn version(node: &Node) -> u32 {
    match node.get("version").map(|node| &node.kind) {
        Some(Kind::Int(version)) => u32::try_from(*version).unwrap_or(1),
        _ => 1,
    }
}

/// Rows and events of an entity are found by its keys.
fn keys_are_in(entity: &Entity, source: &Source, span: &Span, out: &mut Diagnostics) {
    for key in &entity.keys {
        match source.dtype(&key.name) {
            Some(dtype) if dtype == key.dtype => {}
            Some(dtype) => {
                let message =
                    format!("`{}` is {dtype} in the source `{}` and {} as a key", key.name, source.name, key.dtype);
                out.error_with_help(span, message, format!("the entity `{}` and the source must agree", entity.name));
            }
            None => {
                let message = format!("the source `{}` has no column `{}`", source.name, key.name);
                out.error_with_help(span, message, format!("it is a key of the entity `{}`", entity.name));
            }
        }
    }
}

fn row_view(
    node: &Node,
    features: &Node,
    entity: &Entity,
    source: Option<&Source>,
    out: &mut Diagnostics,
) -> Option<RowView> {
    let ttl = node.get("ttl").and_then(ttl);
    let feature = |(key, node): &(Key, Node)| {
        reserved(key, entity, out);
        feature(key, node, ttl, source, out)
    };
    let features: Vec<Option<Feature>> = features.entries().iter().map(feature).collect();
    let layout = if node.text_of("layout") == Some("json") { Layout::Json } else { Layout::Packed };
    Some(RowView { layout, features: features.into_iter().collect::<Option<_>>()? })
}

/// Features lie beside other members in a row.
fn reserved(key: &Key, entity: &Entity, out: &mut Diagnostics) {
    let name = key.name.as_str();
    if let Some(why) = reserved_name(name) {
        out.error(&key.span, format!("`{name}` can't be the name of a feature: {why}"));
    }
    if entity.keys.iter().any(|column| column.name == name) {
        let message = format!("`{name}` can't be the name of a feature: it is a key of the entity `{}`", entity.name);
        out.error(&key.span, message);
    }
}

/// Why no feature can have a name.
pub(super) fn reserved_name(name: &str) -> Option<&'static str> {
    match name {
        "entity_id" | "event_time" => Some("rows have a member of that name"),
        _ => name.starts_with("__").then_some("names that begin with `__` are reserved"),
    }
}

fn feature(
    key: &Key,
    node: &Node,
    ttl_of_view: Option<i64>,
    source: Option<&Source>,
    out: &mut Diagnostics,
) -> Option<Feature> {
    let place = node.get("dtype").unwrap_or(node);
    let dtype: DType = place.text()?.parse().ok()?;
    let column = node.text_of("column").unwrap_or(&key.name).to_owned();
    if let Some(source) = source {
        stored(&column, dtype, source, (node.get("column").map_or(&key.span, |node| &node.span), &place.span), out);
    } else if let Some(column) = node.get("column") {
        out.error(&column.span, "`column` names a column of the view's source, and the view has none");
    }
    let default = node.get("default").and_then(|default| constant(default, dtype, "`default`", out));
    Some(Feature {
        name: key.name.clone(),
        dtype,
        column,
        ttl: node.get("ttl").map_or(ttl_of_view, ttl),
        default,
        description: node.text_of("description").map(str::to_owned),
        owner: node.text_of("owner").map(str::to_owned),
        tags: node.texts_of("tags"),
    })
}

/// A feature is the column of its source, or a type that holds every value of it.
fn stored(column: &str, dtype: DType, source: &Source, (name, typed): (&Span, &Span), out: &mut Diagnostics) {
    match source.dtype(column) {
        None => {
            let known = source.columns.iter().map(|column| column.name.as_str());
            out.report(
                name,
                format!("the source `{}` has no column `{column}`", source.name),
                did_you_mean(column, known),
            );
        }
        Some(stored) if widens(stored, dtype) => {}
        Some(stored) => {
            let message = format!("the column `{column}` is {stored}, whose values don't all fit {dtype}");
            out.error_with_help(typed, message, format!("make the feature {stored}"));
        }
    }
}

/// Whether every value of one type is a value of another, and stays the same.
pub(super) fn widens(from: DType, to: DType) -> bool {
    let scalars = |from, to| {
        from == to
            || matches!(
                (from, to),
                (Scalar::Int32, Scalar::Int64 | Scalar::Float64) | (Scalar::Float32, Scalar::Float64)
            )
    };
    match (from, to) {
        (DType::Scalar(from), DType::Scalar(to)) | (DType::List(from), DType::List(to)) => scalars(from, to),
        _ => from == to,
    }
}

/// Reads a constant; what is wrong with it is reported.
pub(super) fn constant(node: &Node, dtype: DType, what: &str, out: &mut Diagnostics) -> Option<super::model::Constant> {
    constants::read(node, dtype)
        .map_err(|right| out.error(&node.span, format!("{what} must be {right}, not {}", node.describe())))
        .ok()
}

/// A length of time; none for 0 and `none`.
pub(super) fn ttl(node: &Node) -> Option<i64> {
    node.text().and_then(duration)
}

/// The type of a column of a list of columns.
pub(super) fn dtype_of(columns: &[Column], name: &str) -> Option<DType> {
    columns.iter().find(|column| column.name == name).map(|column| column.dtype)
}
