//! Entities and sources.

use std::collections::BTreeMap;

use super::model::{Column, Entity, EventId, Source};
use super::node::{Key, Kind, Node};
use super::quality::quality;
use super::section::{Known, Section};
use super::suggest::did_you_mean;
use crate::diagnostics::Diagnostics;
use crate::dtype::{DType, Scalar};

/// The keys of a source that say where it lies.
const LOCATIONS: [&str; 2] = ["iceberg", "kafka"];

pub(super) fn entities(section: &Section<'_>, out: &mut Diagnostics) -> Known<Entity> {
    Known::resolve("entity", section, |key, node| entity(key, node, out))
}

fn entity(key: &Key, node: &Node, out: &mut Diagnostics) -> Option<Entity> {
    let keys = node.get("keys")?;
    let columns = columns(keys)?;
    let mut sound = true;
    for ((key, value), column) in keys.entries().iter().zip(&columns) {
        if !is_key(column.dtype) {
            let message = format!("`{}` can't be a key: it is a {}", column.name, column.dtype);
            out.error_with_help(&value.span, message, "keys are int32, int64, string, bytes or bool");
            sound = false;
        }
        if column.name == "event_time" || column.name.starts_with("__") {
            let message = format!("`{}` can't be the name of a key: rows have a member of that name", column.name);
            out.error(&key.span, message);
            sound = false;
        }
    }
    sound.then(|| Entity {
        name: key.name.clone(),
        keys: columns,
        description: node.text_of("description").map(str::to_owned),
        owner: node.text_of("owner").map(str::to_owned),
        tags: node.texts_of("tags"),
    })
}

/// Whether a column of a type can be a key: floats have no one text for a value, and a time is no name.
const fn is_key(dtype: DType) -> bool {
    match dtype {
        DType::Scalar(Scalar::Bool | Scalar::Int32 | Scalar::Int64 | Scalar::String | Scalar::Bytes) => true,
        DType::Scalar(Scalar::Float32 | Scalar::Float64 | Scalar::Timestamp) | DType::List(_) | DType::Vector(_) => {
            false
        }
    }
}

/// A mapping from column to type; none if one of them was reported.
pub(super) fn columns(node: &Node) -> Option<Vec<Column>> {
    let column = |(key, node): &(Key, Node)| Some(Column { name: key.name.clone(), dtype: node.text()?.parse().ok()? });
    node.entries().iter().map(column).collect()
}

pub(super) fn sources(section: &Section<'_>, out: &mut Diagnostics) -> Known<Source> {
    Known::resolve("source", section, |key, node| source(key, node, out))
}

fn source(key: &Key, node: &Node, out: &mut Diagnostics) -> Option<Source> {
    const TIMESTAMP: &[Scalar] = &[Scalar::Timestamp];
    let columns = columns(node.get("columns")?)?;
    let mut role = |name: &str, types: &[Scalar]| role(node, name, &columns, types, out);
    let event_time = role("event_time", TIMESTAMP);
    let event_id = match node.text_of("event_id") {
        Some("none") => Ok(Some(EventId::None)),
        _ => role("event_id", &[Scalar::Int64, Scalar::String]).map(|column| column.map(EventId::Column)),
    };
    let version = role("version", &[Scalar::Int64]);
    let (created, known_at) = (role("created", TIMESTAMP), role("known_at", TIMESTAMP));
    let quality = quality(node, &columns, out);
    Some(Source {
        name: key.name.clone(),
        event_time: event_time.ok()??,
        event_id: event_id.ok()?,
        version: version.ok()?,
        created: created.ok()?,
        known_at: known_at.ok()?,
        columns,
        locations: locations(node),
        schedule: node.text_of("schedule").map(str::to_owned),
        quality: quality?,
        description: node.text_of("description").map(str::to_owned),
        owner: node.text_of("owner").map(str::to_owned),
        tags: node.texts_of("tags"),
    })
}

/// The column that a key of a source names, if it is given. The error: it was reported.
fn role(
    node: &Node,
    name: &str,
    columns: &[Column],
    types: &[Scalar],
    out: &mut Diagnostics,
) -> Result<Option<String>, ()> {
    let Some(given) = node.get(name) else { return Ok(None) };
    let Some(text) = given.text() else { return Err(()) };
    let Some(column) = columns.iter().find(|column| column.name == text) else {
        let known = columns.iter().map(|column| column.name.as_str());
        out.report(
            &given.span,
            format!("`{name}` names `{text}`, which is not in `columns`"),
            did_you_mean(text, known),
        );
        return Err(());
    };
    if types.iter().any(|scalar| column.dtype == DType::Scalar(*scalar)) {
        return Ok(Some(text.to_owned()));
    }
    let right = types.iter().map(|scalar| scalar.name()).collect::<Vec<_>>().join(" or ");
    out.error(&given.span, format!("`{name}` must be a column of {right}, and `{text}` is {}", column.dtype));
    Err(())
}

fn locations(node: &Node) -> BTreeMap<String, serde_json::Value> {
    let given = LOCATIONS.into_iter().filter_map(|kind| Some((kind.to_owned(), json(node.get(kind)?))));
    given.collect()
}

/// A node as JSON.
fn json(node: &Node) -> serde_json::Value {
    match &node.kind {
        Kind::Null => serde_json::Value::Null,
        Kind::Bool(value) => (*value).into(),
        Kind::Int(value) => (*value).into(),
        Kind::Float(value) => (*value).into(),
        Kind::Text(text) => text.as_str().into(),
        Kind::List(items) => items.iter().map(json).collect(),
        Kind::Map(entries) => {
            serde_json::Value::Object(entries.iter().map(|(key, node)| (key.name.clone(), json(node))).collect())
        }
    }
}
