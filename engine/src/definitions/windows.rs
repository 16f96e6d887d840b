//! Window views: aggregations over the events of a source. They are checked here; [`crate::windows`] computes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::functions::{Function, Needs, PARAMETERS};
use super::model::{Aggregation, Column, Source, Window, WindowView};
use super::node::{Key, Kind, Node};
use super::place::Texts;
use super::shape::duration;
use super::suggest::did_you_mean;
use super::views::{constant, dtype_of, reserved_name, ttl};
use crate::diagnostics::{Diagnostics, Span};
use crate::dtype::{DType, Scalar};
use crate::expr::{Expression, Names};

/// The columns of a source, as names of a condition.
pub(crate) struct Columns<'a>(pub(crate) &'a [Column]);

impl Names for Columns<'_> {
    fn dtype(&self, name: &str) -> Option<DType> {
        dtype_of(self.0, name)
    }

    fn all(&self) -> Vec<String> {
        self.0.iter().map(|column| column.name.clone()).collect()
    }
}

pub(super) fn window_view(
    key: &Key,
    node: &Node,
    aggregations: &Node,
    (source, texts): (&Arc<Source>, &Texts<'_>),
    out: &mut Diagnostics,
) -> Option<WindowView> {
    if source.event_id.is_none() {
        let message = format!("the source `{}` of a window view must declare `event_id`", source.name);
        let place = node.get("source").map_or(&key.span, |node| &node.span);
        out.error_with_help(place, message, "name the column that tells two events apart, or `none` if repeats count");
    }
    let include_request = node.get("include_request").is_some_and(|node| node.kind == Kind::Bool(true));
    let offset = node.get("offset").and_then(ttl).unwrap_or(0);
    if include_request && offset > 0 {
        let place = node.get("offset").map_or(&key.span, |node| &node.span);
        out.error_with_help(
            place,
            "`offset` and `include_request` exclude each other",
            "a window that ends before the request can't hold it",
        );
    }
    let resolution = node.get("resolution").and_then(ttl);
    if let (Some(hop), Some(lateness)) = (resolution, node.get("lateness").and_then(ttl))
        && lateness < hop
    {
        let place = node.get("lateness").map_or(&key.span, |node| &node.span);
        out.error_with_help(
            place,
            "`lateness` is shorter than `resolution`",
            "make it at least as long: a window that ends now begins in an hour, or whatever a tile is, that must still be kept",
        );
    }
    let context = Context { source, texts, resolution };
    let aggregation = |(key, node): &(Key, Node)| aggregation(key, node, &context, out);
    let aggregations: Vec<Option<Aggregation>> = aggregations.entries().iter().map(aggregation).collect();
    Some(WindowView {
        include_request,
        offset,
        resolution,
        lateness: node.get("lateness").and_then(ttl),
        warm_up_serves: node.text_of("warm_up") == Some("serve"),
        aggregations: aggregations.into_iter().collect::<Option<_>>()?,
    })
}

struct Context<'a> {
    source: &'a Source,
    texts: &'a Texts<'a>,
    resolution: Option<i64>,
}

fn aggregation(key: &Key, node: &Node, context: &Context<'_>, out: &mut Diagnostics) -> Option<Aggregation> {
    if let Some(why) = reserved_name(&key.name) {
        out.error(&key.span, format!("`{}` can't be the name of an aggregation: {why}", key.name));
    }
    let function = node.text_of("function").and_then(Function::find);
    let windows = windows(node.get("windows")?, function, context, out);
    let filter = node.get("where").map(|filter| condition(filter, context, out));
    let function = function?;
    let column = column(key, node, function, context, out)?;
    let dtype = function.output(column.as_ref().and_then(|column| column.dtype.scalar()));
    let parameters = parameters(key, node, function, context, out)?;
    let empty = node.get("empty").map(|empty| constant(empty, dtype, "`empty`", out));
    Some(Aggregation {
        name: key.name.clone(),
        function: function.name.to_owned(),
        column: column.map(|column| column.name),
        parameters,
        filter: filter.map_or(Some(None), |filter| filter.map(Some))?,
        windows: windows?,
        empty: empty.map_or(Some(None), |empty| empty.map(Some))?,
        dtype,
        description: node.text_of("description").map(str::to_owned),
        owner: node.text_of("owner").map(str::to_owned),
        tags: node.texts_of("tags"),
    })
}

fn windows(
    node: &Node,
    function: Option<&Function>,
    context: &Context<'_>,
    out: &mut Diagnostics,
) -> Option<Vec<Window>> {
    let mut windows: Vec<Window> = Vec::new();
    let mut sound = true;
    for item in node.items() {
        let Some((name, length)) = window(item) else {
            sound = false;
            continue;
        };
        if windows.iter().any(|window| window.name == name) {
            out.error(&item.span, format!("the window `{name}` is listed twice"));
        }
        if length.is_none() && context.resolution.is_none() {
            let help = "set the view's `resolution`, such as `1d`";
            out.error_with_help(&item.span, "a `lifetime` window needs a `resolution`", help);
        }
        if length.is_none() && function.is_some_and(|function| function.name == "rate") {
            out.error(&item.span, "`rate` divides by the length of its window, and `lifetime` has none");
        }
        windows.push(Window { name: name.to_owned(), length });
    }
    sound.then_some(windows)
}

/// The text of a window, and its length; none if it was reported.
fn window(node: &Node) -> Option<(&str, Option<i64>)> {
    let name = node.text()?;
    if name == "lifetime" { Some((name, None)) } else { duration(name).map(|length| (name, Some(length))) }
}

fn condition(node: &Node, context: &Context<'_>, out: &mut Diagnostics) -> Option<String> {
    let text = node.text()?;
    let expression = parse(node, text, &Columns(&context.source.columns), context.texts, out)?;
    if expression.output() != DType::Scalar(Scalar::Bool) {
        let message = format!("`where` must be a condition, and this gives {}", expression.output());
        out.error_with_help(&node.span, message, "compare with something: `amount > 0`");
        return None;
    }
    Some(text.to_owned())
}

/// Parses an expression; its faults are reported where they stand in the file.
pub(super) fn parse(
    node: &Node,
    text: &str,
    names: &dyn Names,
    texts: &Texts<'_>,
    out: &mut Diagnostics,
) -> Option<Expression> {
    match Expression::parse(text, names) {
        Ok(expression) => Some(expression),
        Err(errors) => {
            for error in errors {
                out.report(&texts.within(&node.span, text, error.offset), error.message, error.help);
            }
            None
        }
    }
}

/// The column that a function reads. The outer none: it was reported.
fn column(
    key: &Key,
    node: &Node,
    function: &Function,
    context: &Context<'_>,
    out: &mut Diagnostics,
) -> Option<Option<Column>> {
    let given = node.get("column");
    match (given, function.column) {
        (None, Needs::None | Needs::ColumnOrNone) => Some(None),
        (None, Needs::Column) => {
            out.error_with_help(
                &key.span,
                format!("`{}` needs a `column`", function.name),
                format!("`{}` is {}", function.name, function.doc),
            );
            None
        }
        (Some(given), Needs::None) => {
            out.error(&given.span, format!("`{}` takes no `column`: it is {}", function.name, function.doc));
            None
        }
        (Some(given), Needs::Column | Needs::ColumnOrNone) => readable(given, function, context, out).map(Some),
    }
}

fn readable(given: &Node, function: &Function, context: &Context<'_>, out: &mut Diagnostics) -> Option<Column> {
    let name = given.text()?;
    let Some(dtype) = context.source.dtype(name) else {
        unknown_column(name, context.source, &given.span, out);
        return None;
    };
    if dtype.scalar().is_some_and(|scalar| function.takes.includes(scalar)) {
        return Some(Column { name: name.to_owned(), dtype });
    }
    out.error(&given.span, format!("`{}` takes {}, and `{name}` is {dtype}", function.name, function.takes.words()));
    None
}

fn unknown_column(name: &str, source: &Source, span: &Span, out: &mut Diagnostics) {
    let known = source.columns.iter().map(|column| column.name.as_str());
    out.report(span, format!("the source `{}` has no column `{name}`", source.name), did_you_mean(name, known));
}

/// The further parameters of a function: those that it takes, all of them, and no other.
fn parameters(
    key: &Key,
    node: &Node,
    function: &Function,
    context: &Context<'_>,
    out: &mut Diagnostics,
) -> Option<BTreeMap<String, serde_json::Value>> {
    let mut sound = true;
    let mut parameters = BTreeMap::new();
    for name in PARAMETERS {
        let given = node.get(name);
        match (given, function.parameter == Some(name)) {
            (None, false) => {}
            (Some(given), false) => {
                out.error(&given.span, format!("`{}` takes no `{name}`", function.name));
                sound = false;
            }
            (None, true) => {
                out.error(&key.span, format!("`{}` needs `{name}`", function.name));
                sound = false;
            }
            (Some(given), true) => match parameter(given, function, context, out) {
                Some(value) => {
                    parameters.insert(name.to_owned(), value);
                }
                None => sound = false,
            },
        }
    }
    sound.then_some(parameters)
}

fn parameter(
    given: &Node,
    function: &Function,
    context: &Context<'_>,
    out: &mut Diagnostics,
) -> Option<serde_json::Value> {
    match &given.kind {
        Kind::Text(_) => readable(given, function, context, out).map(|column| column.name.into()),
        // `q: 1` and `q: 1.0` are one quantile.
        Kind::Int(_) if function.parameter == Some("q") => super::constants::number(given).map(Into::into),
        Kind::Int(value) => Some((*value).into()),
        Kind::Float(value) => Some((*value).into()),
        Kind::Null | Kind::Bool(_) | Kind::List(_) | Kind::Map(_) => None,
    }
}
