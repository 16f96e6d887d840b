//! Definitions as JSON, for those who look at them.

use serde_json::{Map, Value as Json, json};
use unskew_engine::definitions::{
    Check, Column, Constant, Definitions, Entity, EventId, Layout, OnFailure, Quality, Service, SlotSource, Source,
    View, ViewKind,
};

/// All that is defined.
pub(crate) fn describe(definitions: &Definitions) -> Json {
    let named = |entries: Vec<(&String, Json)>| {
        entries.into_iter().map(|(name, json)| (name.clone(), json)).collect::<Map<_, _>>()
    };
    json!({
        "entities": named(definitions.entities.iter().map(|(name, it)| (name, entity(it))).collect()),
        "sources": named(definitions.sources.iter().map(|(name, it)| (name, source(it))).collect()),
        "views": named(definitions.views.iter().map(|(name, it)| (name, view(it))).collect()),
        "services": named(definitions.services.iter().map(|(name, it)| (name, service(it))).collect()),
    })
}

fn columns(columns: &[Column]) -> Json {
    columns.iter().map(|column| json!({"name": column.name, "dtype": column.dtype.to_string()})).collect()
}

fn entity(entity: &Entity) -> Json {
    json!({"keys": columns(&entity.keys), "description": entity.description, "owner": entity.owner, "tags": entity.tags})
}

fn source(source: &Source) -> Json {
    let event_id = source.event_id.as_ref().map(|id| match id {
        EventId::None => "none",
        EventId::Column(column) => column,
    });
    json!({
        "columns": columns(&source.columns), "event_time": source.event_time, "event_id": event_id,
        "version": source.version, "created": source.created, "known_at": source.known_at,
        "iceberg": source.locations.get("iceberg"), "kafka": source.locations.get("kafka"),
        "schedule": source.schedule, "quality": source.quality.iter().map(quality).collect::<Vec<_>>(), "description": source.description,
        "owner": source.owner, "tags": source.tags,
    })
}

/// Checks by their keys in the file.
fn quality(rule: &Quality) -> Json {
    let checks = rule.checks.iter().map(|check| match check {
        Check::NotNull => ("not_null", true.into()),
        Check::Min(value) => ("min", constant(value)),
        Check::Max(value) => ("max", constant(value)),
        Check::OneOf(values) => ("one_of", values.iter().map(constant).collect()),
        Check::Unique => ("unique", true.into()),
        Check::Freshness(micros) => ("freshness", (*micros).into()),
    });
    let on_failure = match rule.on_failure {
        OnFailure::Fail => "fail",
        OnFailure::Quarantine => "quarantine",
        OnFailure::Warn => "warn",
    };
    json!({
        "name": rule.name, "column": rule.column, "on_failure": on_failure, "description": rule.description,
        "checks": checks.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>(),
    })
}

/// A single value: times are microseconds since 1970-01-01 UTC, bytes a list of numbers.
fn constant(value: &Constant) -> Json {
    match value {
        Constant::Bool(value) => (*value).into(),
        Constant::Int(value) | Constant::Time(value) => (*value).into(),
        Constant::Float(value) => (*value).into(),
        Constant::Text(text) => text.as_str().into(),
        Constant::Bytes(bytes) | Constant::List(_, bytes) => bytes.as_slice().into(),
    }
}

fn view(view: &View) -> Json {
    let (kind, layout, features) = match &view.kind {
        ViewKind::Row(row) => {
            let layout = match row.layout {
                Layout::Packed => "packed",
                Layout::Json => "json",
            };
            let features = row.features.iter().map(|feature| {
                json!({
                    "name": feature.name, "dtype": feature.dtype.to_string(), "column": feature.column, "ttl": feature.ttl,
                    "has_default": feature.default.is_some(), "description": feature.description, "owner": feature.owner,
                    "tags": feature.tags,
                })
            });
            ("row", Some(layout), features.collect::<Vec<_>>())
        }
        ViewKind::Window(window) => {
            let features = window.aggregations.iter().flat_map(|aggregation| {
                aggregation.windows.iter().map(move |made| {
                    json!({
                        "name": aggregation.feature(made), "dtype": aggregation.dtype.to_string(), "column": aggregation.column,
                        "description": aggregation.description, "owner": aggregation.owner, "tags": aggregation.tags,
                    })
                })
            });
            ("window", None, features.collect())
        }
    };
    json!({
        "kind": kind, "layout": layout, "version": view.version, "entity": view.entity.name,
        "source": view.source.as_ref().map(|source| &source.name), "features": features, "description": view.description,
        "owner": view.owner, "tags": view.tags,
    })
}

fn service(service: &Service) -> Json {
    let slots = service.slots.iter().map(|slot| {
        let (input, expression) = match &slot.source {
            SlotSource::Input(name) => (Some(name), None),
            SlotSource::Expression(text) => (None, Some(text)),
        };
        json!({
            "name": slot.name, "input": input, "expr": expression,
            "steps": slot.steps.iter().map(|step| step.name).collect::<Vec<_>>(),
        })
    });
    json!({
        "time": service.time, "request": columns(&service.request), "slots": slots.collect::<Vec<_>>(),
        "views": service.views.iter().map(|view| &view.name).collect::<Vec<_>>(),
        "entities": service.entities.iter().map(|entity| &entity.name).collect::<Vec<_>>(),
        "default": service.default_fitted, "description": service.description, "owner": service.owner, "tags": service.tags,
    })
}
