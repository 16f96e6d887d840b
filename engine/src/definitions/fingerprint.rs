//! The fingerprint of a service: what its vectors depend on, and nothing else. A model carries it, and the gateway serves no other.
//!
//! The canonical form holds of each view only the features that the service reads, since the others can't change its vector; of
//! each source all columns, since ties among events break by their canonical bytes. Expressions stand in their parsed form.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::canonical::Canonical;
use super::inputs::Inputs;
use super::model::{
    Aggregation, Column, Constant, Entity, EventId, Feature, Service, SlotDefinition, SlotSource, Source, View,
    ViewKind, WindowView,
};
use super::windows::Columns;
use crate::expr::{Expression, Names};
use crate::transforms::parameter::Argument;
use crate::transforms::{OnNull, StepDefinition};

/// The canonical form of a service and of all that it reads, as JSON with sorted keys and without white space.
#[must_use]
pub fn canonical(service: &Service) -> String {
    form(service).compact()
}

/// SHA-256 of the canonical form: what a fitted file says it was fitted on.
#[must_use]
pub fn definition_digest(service: &Service) -> [u8; 32] {
    form(service).digest()
}

/// The fingerprint of a service with its fitted parameters: for each slot a list with an item for each step, null where a step has
/// nothing to fit. None, and parameters that are all null, are the same: nothing to fit.
#[must_use]
pub fn fingerprint(service: &Service, fitted: Option<&Json>) -> [u8; 32] {
    let fitted = fitted.filter(|fitted| !is_void(fitted)).map(Canonical::from);
    Canonical::map([("definition", form(service)), ("fitted", fitted.unwrap_or(Canonical::Null))]).digest()
}

/// Lower-case hexadecimal text, as fingerprints are written.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_void(fitted: &Json) -> bool {
    match fitted {
        Json::Null => true,
        Json::Array(items) => items.iter().all(is_void),
        Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => false,
    }
}

fn form(service: &Service) -> Canonical {
    let inputs = service.inputs();
    let names = Inputs::of(service);
    let sources: BTreeMap<&str, Canonical> =
        service.views.iter().filter_map(|view| view.source.as_ref()).map(|it| (it.name.as_str(), source(it))).collect();
    Canonical::map([
        ("semantics", crate::SEMANTICS.into()),
        ("service", service.name.as_str().into()),
        ("time", service.time.as_deref().into()),
        ("request", columns(&service.request)),
        ("entities", Canonical::map(service.entities.iter().map(|it| (it.name.as_str(), entity(it))))),
        ("sources", Canonical::map(sources)),
        ("views", Canonical::map(service.views.iter().map(|it| (it.name.as_str(), view(it, &inputs))))),
        ("slots", Canonical::List(service.slots.iter().map(|it| slot(it, &names)).collect())),
    ])
}

/// The order of columns means nothing.
fn columns(columns: &[Column]) -> Canonical {
    Canonical::map(columns.iter().map(|column| (column.name.as_str(), column.dtype.to_string().into())))
}

/// The order of keys does: it is that of the stored key.
fn entity(entity: &Entity) -> Canonical {
    Canonical::list(entity.keys.iter().map(|key| Canonical::list([key.name.clone(), key.dtype.to_string()])))
}

fn source(source: &Source) -> Canonical {
    let event_id = match &source.event_id {
        None => Canonical::Null,
        Some(EventId::None) => Canonical::Bool(false),
        Some(EventId::Column(column)) => column.as_str().into(),
    };
    Canonical::map([
        ("event_time", source.event_time.as_str().into()),
        ("event_id", event_id),
        ("version", source.version.as_deref().into()),
        ("created", source.created.as_deref().into()),
        ("known_at", source.known_at.as_deref().into()),
        ("columns", columns(&source.columns)),
    ])
}

fn view(view: &View, inputs: &[String]) -> Canonical {
    let is_read =
        |feature: &str| inputs.iter().any(|input| input.split_once('.') == Some((view.name.as_str(), feature)));
    let kind = match &view.kind {
        ViewKind::Row(row) => {
            let read = row.features.iter().filter(|it| is_read(&it.name));
            Canonical::map(read.map(|it| (it.name.as_str(), feature(it, view.source.is_some()))))
        }
        ViewKind::Window(windows) => window_view(windows, view.source.as_deref(), &is_read),
    };
    let name = match view.kind {
        ViewKind::Row(_) => "features",
        ViewKind::Window(_) => "windows",
    };
    Canonical::map([
        ("entity", view.entity.name.as_str().into()),
        ("source", view.source.as_ref().map(|source| source.name.as_str()).into()),
        ("version", view.version.into()),
        (name, kind),
    ])
}

fn feature(feature: &Feature, has_source: bool) -> Canonical {
    Canonical::map([
        ("dtype", feature.dtype.to_string().into()),
        ("column", has_source.then_some(feature.column.as_str()).into()),
        ("ttl", feature.ttl.into()),
        ("default", feature.default.as_ref().into()),
    ])
}

fn window_view(windows: &WindowView, source: Option<&Source>, is_read: &dyn Fn(&str) -> bool) -> Canonical {
    let aggregations = windows.aggregations.iter().filter_map(|it| {
        let read = it.windows.iter().filter(|window| is_read(&it.feature(window)));
        let mut read: Vec<&str> = read.map(|window| window.name.as_str()).collect();
        read.sort_unstable();
        (!read.is_empty()).then(|| (it.name.as_str(), aggregation(it, &read, source)))
    });
    Canonical::map([
        ("include_request", windows.include_request.into()),
        ("offset", windows.offset.into()),
        ("resolution", windows.resolution.into()),
        ("lateness", windows.accepted_lateness().into()),
        ("warm_up_serves", windows.warm_up_serves.into()),
        ("aggregations", Canonical::map(aggregations)),
    ])
}

fn aggregation(aggregation: &Aggregation, windows: &[&str], source: Option<&Source>) -> Canonical {
    let names = Columns(source.map_or(&[], |source| &source.columns));
    Canonical::map([
        ("function", aggregation.function.as_str().into()),
        ("column", aggregation.column.as_deref().into()),
        (
            "parameters",
            Canonical::map(aggregation.parameters.iter().map(|(name, value)| (name.as_str(), value.into()))),
        ),
        ("where", aggregation.filter.as_deref().map(|filter| expression(filter, &names)).into()),
        ("windows", Canonical::list(windows.iter().copied())),
        ("empty", aggregation.empty.as_ref().into()),
        ("dtype", aggregation.dtype.to_string().into()),
    ])
}

/// The parsed form, in which white space and the case of keywords mean nothing. It was parsed when it was loaded.
fn expression(text: &str, names: &dyn Names) -> String {
    Expression::parse(text, names).map_or_else(|_| text.to_owned(), |expression| expression.canonical())
}

fn slot(slot: &SlotDefinition, names: &dyn Names) -> Canonical {
    let (kind, source) = match &slot.source {
        SlotSource::Input(name) => ("input", name.clone()),
        SlotSource::Expression(text) => ("expr", expression(text, names)),
    };
    Canonical::map([
        ("name", slot.name.as_str().into()),
        (kind, source.into()),
        ("steps", Canonical::List(slot.steps.iter().map(step).collect())),
    ])
}

fn step(step: &StepDefinition) -> Canonical {
    let on_null = match &step.on_null {
        OnNull::Propagate => "propagate".into(),
        OnNull::Error => "error".into(),
        OnNull::Default(value) => Canonical::map([("default", value.into())]),
    };
    Canonical::map([
        ("name", step.name.into()),
        ("arguments", Canonical::map(step.arguments.iter().map(|(name, value)| (name, value.into())))),
        ("on_null", on_null),
        ("keeps_nan", step.keeps_nan.into()),
    ])
}

impl From<&Argument> for Canonical {
    fn from(argument: &Argument) -> Self {
        match argument {
            Argument::Bool(value) => Self::Bool(*value),
            Argument::Int(value) => Self::Int((*value).into()),
            Argument::Float(value) => Self::Float(*value),
            Argument::Text(text) => Self::Text(text.clone()),
            Argument::List(items) => Self::list(items),
        }
    }
}

/// Times and bytes are marked, so that they are not taken for numbers and text.
impl From<&Constant> for Canonical {
    fn from(constant: &Constant) -> Self {
        match constant {
            Constant::Bool(value) => Self::Bool(*value),
            Constant::Int(value) => Self::Int((*value).into()),
            Constant::Float(value) => Self::Float(*value),
            Constant::Text(text) => Self::Text(text.clone()),
            Constant::Bytes(bytes) => Self::map([("bytes", hex(bytes).into())]),
            Constant::Time(micros) => Self::map([("time", (*micros).into())]),
            Constant::List(item, bytes) => Self::map([("list", item.name().into()), ("bytes", hex(bytes).into())]),
        }
    }
}
