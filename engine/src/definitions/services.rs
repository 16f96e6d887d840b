//! Services: request columns, slots, and what they read.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::entities::columns;
use super::inputs::Inputs;
use super::model::{Column, Entity, Service, SlotDefinition, SlotSource, View, ViewKind, WindowView};
use super::node::{Key, Node};
use super::place::Texts;
use super::section::{Known, Section};
use super::shape::is_input;
use super::steps::steps;
use super::suggest::did_you_mean;
use super::views::dtype_of;
use super::windows::{Columns, parse};
use crate::diagnostics::{Diagnostics, Span};
use crate::dtype::{DType, Scalar};
use crate::expr::Expression;

pub(super) fn services(
    section: &Section<'_>,
    views: &Known<View>,
    texts: &Texts<'_>,
    out: &mut Diagnostics,
) -> Known<Service> {
    Known::resolve("service", section, |key, node| service(key, node, (views, texts), out))
}

/// What the slots of a service are resolved against.
pub(super) struct Scope<'a> {
    pub(super) inputs: Inputs<'a>,
    pub(super) views: &'a Known<View>,
    texts: &'a Texts<'a>,
}

fn service(
    key: &Key,
    node: &Node,
    (views, texts): (&Known<View>, &Texts<'_>),
    out: &mut Diagnostics,
) -> Option<Service> {
    let request = node.get("request").map_or_else(|| Some(Vec::new()), columns)?;
    let time = time(node, &request, out);
    let scope = Scope { inputs: Inputs::new(&request, views.found.values().map(Arc::as_ref)), views, texts };
    let slots = slots(node.get("vector")?, &scope, out)?;
    let mut service = Service {
        name: key.name.clone(),
        time,
        request: request.clone(),
        slots,
        // For now all that there are, so that expressions resolve.
        views: views.found.values().map(Arc::clone).collect(),
        entities: Vec::new(),
        default_fitted: node.text_of("default").map(str::to_owned),
        description: node.text_of("description").map(str::to_owned),
        owner: node.text_of("owner").map(str::to_owned),
        tags: node.texts_of("tags"),
    };
    let read = service.inputs();
    let reads = |view: &Arc<View>| read.iter().any(|name| name.split_once('.').is_some_and(|(of, _)| of == view.name));
    service.views.retain(reads);
    let entities: BTreeMap<&str, &Arc<Entity>> =
        service.views.iter().map(|view| (view.entity.name.as_str(), &view.entity)).collect();
    let entities: Vec<Arc<Entity>> = entities.into_values().map(Arc::clone).collect();
    keys_agree(&entities, (key, node), &request, out);
    for view in &service.views {
        includes_request(view, &service, (key, node), &read, out);
    }
    service.entities = entities;
    Some(service)
}

fn time(node: &Node, request: &[Column], out: &mut Diagnostics) -> Option<String> {
    let given = node.get("time")?;
    let name = given.text()?;
    match dtype_of(request, name) {
        Some(DType::Scalar(Scalar::Timestamp)) => return Some(name.to_owned()),
        Some(dtype) => out.error(&given.span, format!("`time` must be a timestamp column, and `{name}` is {dtype}")),
        None => {
            let known = request.iter().map(|column| column.name.as_str());
            let help = did_you_mean(name, known).unwrap_or_else(|| format!("add it to `request`: `{name}: timestamp`"));
            out.error_with_help(&given.span, format!("`time` names `{name}`, which is no request column"), help);
        }
    }
    None
}

fn slots(vector: &Node, scope: &Scope<'_>, out: &mut Diagnostics) -> Option<Vec<SlotDefinition>> {
    let mut slots: Vec<Option<SlotDefinition>> = Vec::new();
    let mut names: BTreeMap<String, Span> = BTreeMap::new();
    for (index, node) in vector.items().iter().enumerate() {
        let slot = slot(index + 1, node, scope, out);
        if let Some(slot) = &slot {
            match names.get(&slot.name) {
                Some(first) => {
                    let message =
                        format!("there are two slots named `{}`; the other one is at line {}", slot.name, first.line);
                    out.error_with_help(&slot.span, message, "give one of them a `name`");
                }
                None => {
                    names.insert(slot.name.clone(), slot.span.clone());
                }
            }
        }
        slots.push(slot);
    }
    slots.into_iter().collect()
}

fn slot(position: usize, node: &Node, scope: &Scope<'_>, out: &mut Diagnostics) -> Option<SlotDefinition> {
    let (source, place, dtype) = match (node.get("input"), node.get("expr")) {
        (Some(input), None) => {
            let name = input.text().filter(|name| is_input(name))?;
            (SlotSource::Input(name.to_owned()), &input.span, scope.input(name, &input.span, out))
        }
        (None, Some(expr)) => {
            let text = expr.text()?;
            (SlotSource::Expression(text.to_owned()), &expr.span, scope.expression(expr, text, out))
        }
        (None, None) => {
            out.error_with_help(
                &node.span,
                "the slot has neither `input` nor `expr`",
                "`input` is a request column or `view.feature`, `expr` is SQL over them",
            );
            return None;
        }
        (Some(_), Some(expr)) => {
            out.error_with_help(
                &expr.span,
                "the slot has both `input` and `expr`",
                "an `expr` names its inputs itself",
            );
            return None;
        }
    };
    let steps = steps(node.get("steps"), dtype, place, scope, out)?;
    let own = match &source {
        SlotSource::Input(name) => name.clone(),
        SlotSource::Expression(_) => format!("expr_{position}"),
    };
    let name = node.text_of("name").map_or(own, str::to_owned);
    Some(SlotDefinition { name, source, steps, span: node.span.clone() })
}

impl Scope<'_> {
    fn expression(&self, node: &Node, text: &str, out: &mut Diagnostics) -> Option<DType> {
        // What a broken view has is not known, and it was reported.
        if self.views.may_name_broken(text) {
            return None;
        }
        parse(node, text, &self.inputs, self.texts, out).map(|expression| expression.output())
    }
}

/// A request names each key once, whichever entity it is a key of.
fn keys_agree(entities: &[Arc<Entity>], (key, node): (&Key, &Node), request: &[Column], out: &mut Diagnostics) {
    let mut seen: BTreeMap<&str, (DType, &str)> = BTreeMap::new();
    for entity in entities {
        for column in &entity.keys {
            match seen.get(column.name.as_str()) {
                Some((dtype, other)) if *dtype != column.dtype => {
                    let message = format!(
                        "the key `{}` is {dtype} in the entity `{other}` and {} in the entity `{}`",
                        column.name, column.dtype, entity.name
                    );
                    out.error_with_help(
                        &key.span,
                        message,
                        "a service reads entities whose keys of one name have one type",
                    );
                }
                Some(_) => {}
                None => {
                    seen.insert(&column.name, (column.dtype, &entity.name));
                }
            }
        }
    }
    for column in request {
        if let Some((dtype, entity)) = seen.get(column.name.as_str()).filter(|(dtype, _)| *dtype != column.dtype) {
            let place =
                node.get("request").and_then(|request| request.get(&column.name)).map_or(&key.span, |node| &node.span);
            let message =
                format!("`{}` is {} here and {dtype} as a key of the entity `{entity}`", column.name, column.dtype);
            out.error_with_help(place, message, format!("make it {dtype}, or give it another name"));
        }
    }
}

/// The row being scored counts in the windows of `include_request`: the service must have its time and its columns.
fn includes_request(
    view: &View,
    service: &Service,
    (key, node): (&Key, &Node),
    read: &[String],
    out: &mut Diagnostics,
) {
    let (ViewKind::Window(windows), Some(source)) = (&view.kind, &view.source) else { return };
    if !windows.include_request {
        return;
    }
    if service.time.is_none() && node.get("time").is_none() {
        let message = format!("the service reads `{}`, which includes the request, and has no `time`", view.name);
        out.error_with_help(&key.span, message, "name the request column that is the time of the request");
    }
    let place = node.get("request").map_or(&key.span, |node| &node.span);
    for (name, dtype) in columns_read(view, windows, &source.columns, read) {
        let message = match dtype_of(&service.request, &name) {
            Some(given) if given == dtype => continue,
            Some(given) => {
                format!("the request column `{name}` is {given}, and {dtype} in the source `{}`", source.name)
            }
            None => format!("`request` lacks `{name}`, which `{}` reads of the request", view.name),
        };
        out.error_with_help(place, message, format!("`{}` includes the request: add `{name}: {dtype}`", view.name));
    }
}

/// The columns that the aggregations which a service reads take from a row, filters included; by name.
fn columns_read(view: &View, windows: &WindowView, columns: &[Column], read: &[String]) -> BTreeMap<String, DType> {
    let is_read = |aggregation: &&super::Aggregation| {
        aggregation
            .windows
            .iter()
            .any(|window| read.contains(&format!("{}.{}", view.name, aggregation.feature(window))))
    };
    let mut names: Vec<String> = Vec::new();
    for aggregation in windows.aggregations.iter().filter(is_read) {
        names.extend(aggregation.column.clone());
        names.extend(aggregation.denominator().map(str::to_owned));
        let filter = aggregation.filter.as_deref().map(|filter| Expression::parse(filter, &Columns(columns)));
        names.extend(filter.and_then(Result::ok).map(|filter| filter.inputs().to_vec()).unwrap_or_default());
    }
    names.into_iter().filter_map(|name| Some((name.clone(), dtype_of(columns, &name)?))).collect()
}
