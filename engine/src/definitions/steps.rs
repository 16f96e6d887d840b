//! The steps of a slot: each is found in the catalogue, given its arguments, and checked against the type that flows into it.

use super::arguments::{arguments, keeps_nan, on_null};
use super::inputs::Inputs;
use super::node::{Key, Kind, Node};
use super::services::Scope;
use super::suggest::did_you_mean;
use crate::diagnostics::{Diagnostics, Span};
use crate::dtype::{DType, Scalar};
use crate::expr::Names;
use crate::transforms::{self, Output, Problem, StepDefinition, Transform};

/// Resolves the steps of a slot over an input of a type; the type is none if the input was reported, and then steps are checked as
/// far as that goes. None: something was reported.
pub(super) fn steps(
    node: Option<&Node>,
    input: Option<DType>,
    place: &Span,
    scope: &Scope<'_>,
    out: &mut Diagnostics,
) -> Option<Vec<StepDefinition>> {
    let before = out.len();
    let mut steps: Vec<StepDefinition> = Vec::new();
    let mut flow = input.map(Output::One);
    let mut last = place;
    for node in node.map_or(&[][..], Node::items) {
        let step = Written::read(node, out);
        if flow == Some(Output::Wide) {
            let wide = steps.last().map_or("the step", |step| step.name);
            let message = format!("no step can follow `{wide}`, which gives several positions");
            out.error_with_help(&node.span, message, format!("make `{wide}` the last step"));
            flow = None;
        }
        let input = if let Some(Output::One(dtype)) = flow { Some(dtype) } else { None };
        let step = step.and_then(|step| step.resolve(input, scope, out));
        flow = step.as_ref().map(|step| step.output.clone());
        steps.extend(step);
        last = &node.span;
    }
    if let Some(Output::One(dtype)) = flow {
        is_number(dtype, last, out);
    }
    (out.len() == before && flow.is_some()).then_some(steps)
}

/// What a slot ends as must fit the vector.
fn is_number(dtype: DType, place: &Span, out: &mut Diagnostics) {
    let help = match dtype {
        DType::Scalar(Scalar::Bool | Scalar::Int32 | Scalar::Int64 | Scalar::Float32 | Scalar::Float64)
        | DType::Vector(_) => return,
        DType::Scalar(Scalar::String) => {
            "a step such as `one_hot`, `vocabulary` or `hash_bucket` turns text into numbers"
        }
        DType::Scalar(Scalar::Bytes) => "read it as text or a number in an `expr`, or leave it out",
        DType::Scalar(Scalar::Timestamp) => {
            "a step such as `date_part`, or `epoch(…)` in an `expr`, turns a timestamp into a number"
        }
        DType::List(_) => "a step such as `multi_hot` turns a list into numbers",
    };
    out.error_with_help(place, format!("the slot ends as {dtype}, and a vector holds numbers"), help);
}

/// A step as it is written: a name, or a mapping from it to parameters.
struct Written<'n> {
    name: &'n str,
    span: &'n Span,
    transform: &'static Transform,
    parameters: &'n [(Key, Node)],
}

impl<'n> Written<'n> {
    fn read(node: &'n Node, out: &mut Diagnostics) -> Option<Self> {
        let (name, span, parameters) = match (node.text(), node.entries()) {
            (Some(name), _) => (name, &node.span, None),
            (None, [(key, parameters)]) => (key.name.as_str(), &key.span, Some(parameters)),
            (None, []) if !matches!(node.kind, Kind::Map(_)) => return None,
            (None, _) => {
                let message = "a step must be one transform: a mapping from its name to its parameters has one key";
                out.error_with_help(&node.span, message, "write each step as an item of its own: `- log: {offset: 1}`");
                return None;
            }
        };
        let Some(transform) = transforms::find(name) else {
            unknown(name, span, out);
            return None;
        };
        let entries = parameters.map_or(&[][..], Node::entries);
        let is_mapping = |node: &Node| matches!(node.kind, Kind::Map(_));
        if let Some(other) = parameters.filter(|node| !is_mapping(node)) {
            let message = format!("the parameters of `{name}` must be a mapping, not {}", other.describe());
            out.error_with_help(&other.span, message, format!("without parameters the step is just `{name}`"));
            return None;
        }
        Some(Self { name, span, transform, parameters: entries })
    }

    fn resolve(&self, input: Option<DType>, scope: &Scope<'_>, out: &mut Diagnostics) -> Option<StepDefinition> {
        let arguments = arguments(self.transform, self.parameters, self.span, out);
        let keeps_nan = keeps_nan(self.parameters, out);
        let on_null = on_null(self.parameters, input, out);
        let arguments = arguments?;
        let step = (self.transform.make)(&arguments).map_err(|problem| self.report(&problem, out)).ok()?;
        let others = step.inputs().iter().map(|name| scope.input(name, self.place_of(name), out));
        // All of them, so that each unknown one is reported.
        let others: Vec<Option<DType>> = others.collect();
        let others: Vec<DType> = others.into_iter().collect::<Option<_>>()?;
        let (input, on_null) = (input?, on_null?);
        let output = step.output(input, &others).map_err(|problem| self.report(&problem, out)).ok()?;
        Some(StepDefinition { name: self.transform.name, arguments, on_null, keeps_nan, step, input, output })
    }

    /// Where a text stands among the parameters.
    fn place_of(&self, text: &str) -> &'n Span {
        let nodes = self.parameters.iter().flat_map(|(_, node)| std::iter::once(node).chain(node.items()));
        nodes.into_iter().find(|node| node.text() == Some(text)).map_or(self.span, |node| &node.span)
    }

    fn report(&self, problem: &Problem, out: &mut Diagnostics) {
        let given = problem.parameter.and_then(|name| self.parameters.iter().find(|(key, _)| key.name == name));
        let span = given.map_or(self.span, |(_, node)| &node.span);
        // Most messages name the parameter themselves.
        let silent = problem.parameter.map(|name| format!("`{name}`")).filter(|name| !problem.message.contains(name));
        let of = silent.map(|name| format!(", {name}")).unwrap_or_default();
        out.error(span, format!("step `{}`{of}: {}", self.name, problem.message));
    }
}

fn unknown(name: &str, span: &Span, out: &mut Diagnostics) {
    if name == "expr" {
        let message = "`expr` is the source of a slot, not a step";
        return out.error_with_help(span, message, "write `{expr: \"…\", steps: […]}` in place of `input`");
    }
    let known = transforms::catalogue().iter().map(|transform| transform.name);
    out.report(span, format!("there is no transform `{name}`"), did_you_mean(name, known));
}

impl Scope<'_> {
    /// The type of an input of the service; one that is not there is reported.
    pub(super) fn input(&self, name: &str, span: &Span, out: &mut Diagnostics) -> Option<DType> {
        let names: &Inputs<'_> = &self.inputs;
        if let Some(dtype) = names.dtype(name) {
            return Some(dtype);
        }
        let message = match name.split_once('.') {
            Some((view, _)) if self.views.is_broken(view) => return None,
            Some((view, feature)) if names.view(view).is_some() => {
                format!("the view `{view}` has no feature `{feature}`")
            }
            Some((view, _)) => format!("there is no view `{view}`"),
            None => format!("`{name}` is no request column of the service, and a feature is written `view.feature`"),
        };
        let all = names.all();
        // A bare name of a feature is a likely slip.
        let bare = || {
            all.iter()
                .find(|known| known.rsplit('.').next() == Some(name))
                .map(|known| format!("did you mean `{known}`?"))
        };
        out.report(span, message, bare().or_else(|| did_you_mean(name, all.iter().map(String::as_str))));
        None
    }
}
