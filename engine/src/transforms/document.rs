//! The catalogue as a page of the documentation.

use std::fmt::Write;

use super::parameter::{Default, Parameter, Takes};
use super::{Transform, catalogue};

/// What stands before the list.
const INTRODUCTION: &str = "\
# Transforms

The steps of a slot. A step is a name, or a name with parameters: `standardize`, `{log: {offset: 1}}`. Steps run in order, each on the
result of the one before. The same code runs when a model is trained and when it is served.

Two keys can stand with the parameters of every step:

- `on_null: propagate | error | {default: …}`. With `propagate`, the default, null passes by and stays null, except where a transform
  says below what it makes of null. With `error` the slot is ERROR. With a default, that value takes the place of null before the step,
  in training too.
- `nan: null | keep`. NaN is null unless it is kept.

A transform that gives several positions must be the last step of its slot. Transforms that learn parameters learn them from the same
values that they are applied to, after the steps before them.
";

/// All transforms as Markdown, in the order of the catalogue.
#[must_use]
pub fn document() -> String {
    let mut page = INTRODUCTION.to_owned();
    for transform in catalogue() {
        // Writing into a text can't fail.
        let _ = section(transform, &mut page);
    }
    page
}

fn section(transform: &Transform, page: &mut String) -> std::fmt::Result {
    let Transform { name, doc, example, known_as, parameters, .. } = transform;
    write!(page, "\n## `{name}`\n\n{doc}\n\n")?;
    if !known_as.is_empty() {
        write!(page, "Known as: {known_as}.\n\n")?;
    }
    if !parameters.is_empty() {
        page.push_str("| parameter | takes | default | meaning |\n|---|---|---|---|\n");
        parameters.iter().try_for_each(|parameter| row(parameter, page))?;
        page.push('\n');
    }
    write!(page, "```yaml\nsteps: [{example}]\n```\n")
}

fn row(parameter: &Parameter, page: &mut String) -> std::fmt::Result {
    let default = match parameter.default {
        Default::Required => "required".to_owned(),
        Default::Absent => "none".to_owned(),
        Default::Bool(value) => format!("`{value}`"),
        Default::Integer(value) => format!("`{value}`"),
        Default::Number(value) => format!("`{value:?}`"),
        Default::Text(value) => format!("`{value}`"),
    };
    let doc = parameter.doc.replace('|', "\\|");
    writeln!(page, "| `{}` | {} | {default} | {doc} |", parameter.name, takes(parameter.takes))
}

fn takes(takes: Takes) -> String {
    match takes {
        Takes::Bool => "`true` or `false`".to_owned(),
        Takes::Integer { min, max: i64::MAX } => format!("a whole number from {min}"),
        Takes::Integer { min, max } => format!("a whole number from {min} to {max}"),
        Takes::Number => "a number".to_owned(),
        Takes::Text => "a text".to_owned(),
        Takes::Choice(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Takes::Constant => "a value".to_owned(),
        Takes::Numbers => "a list of numbers".to_owned(),
        Takes::Constants => "a list of values".to_owned(),
        Takes::Inputs => "a list of inputs".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transform_has_a_section() {
        let page = document();
        for transform in catalogue() {
            assert!(page.contains(&format!("\n## `{}`\n", transform.name)), "{}", transform.name);
        }
        assert!(page.contains("| `scale` | a number | required | the factor |\n| `offset` | a number | `0.0` |"));
        assert!(page.ends_with("```\n"));
    }
}
