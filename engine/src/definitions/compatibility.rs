//! Whether rows that were stored under one set of definitions can be read under the next.

use std::sync::Arc;

use super::model::{Column, Definitions, RowView, View, ViewKind};
use crate::diagnostics::{Diagnostic, Span};
use crate::windows::WindowPlan;

/// What forbids to go over from one set of definitions to another while rows of the old one are stored. New features and views,
/// and ones that are gone, are fine: a row is read by the features that it was written with. A type that changed, a key that
/// changed, and a view that became one of another kind need a new `version` of the view, which is another place in the store.
#[must_use]
pub fn incompatibilities(old: &Definitions, new: &Definitions) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for view in new.views.values() {
        let before = old.views.get(&view.name).filter(|before| before.version == view.version);
        if let Some(before) = before {
            compare(before, view, new, &mut found);
        }
    }
    found.sort_by(|a, b| a.span.cmp(&b.span));
    found
}

/// What the states of a window view hold; none for one that can't be compiled.
fn held(view: &Arc<View>) -> Option<[u8; 4]> {
    WindowPlan::new(view).ok().map(|plan| plan.schema())
}

fn compare(old: &Arc<View>, new: &Arc<View>, definitions: &Definitions, found: &mut Vec<Diagnostic>) {
    let mut report = |place: &str, message: String| {
        let span: Option<Span> = definitions.places.get(place).cloned();
        let next = new.version.saturating_add(1);
        let help = format!("raise the `version` of the view `{}` to {next}: it then begins without rows", new.name);
        found.push(Diagnostic { span, message, help: Some(help) });
    };
    if (&old.entity.name, &old.entity.keys) != (&new.entity.name, &new.entity.keys) {
        let message = format!(
            "the view `{}` has rows stored by {}, and its keys are now {}",
            new.name,
            keys(&old.entity.name, &old.entity.keys),
            keys(&new.entity.name, &new.entity.keys)
        );
        report(&new.name, message);
    }
    match (&old.kind, &new.kind) {
        (ViewKind::Row(before), ViewKind::Row(after)) => {
            for (name, from, to) in changed(before, after) {
                let message = format!("the feature `{}.{name}` is stored as {from}, and is now {to}", new.name);
                report(&format!("{}.{name}", new.name), message);
            }
        }
        (ViewKind::Window(_), ViewKind::Window(_)) => {
            if held(old) != held(new) {
                let message = format!(
                    "the view `{}` has states of windows stored, and they hold other columns, conditions, ids or tiles than it is defined with now",
                    new.name
                );
                report(&new.name, message);
            }
        }
        (ViewKind::Row(_), ViewKind::Window(_)) => {
            report(&new.name, format!("the view `{}` has rows stored, and is now a window view", new.name));
        }
        (ViewKind::Window(_), ViewKind::Row(_)) => {
            report(&new.name, format!("the view `{}` has states of windows stored, and is now a row view", new.name));
        }
    }
}

/// The features of both whose type differs.
fn changed<'a>(
    old: &'a RowView,
    new: &'a RowView,
) -> impl Iterator<Item = (&'a str, crate::dtype::DType, crate::dtype::DType)> {
    new.features.iter().filter_map(|after| {
        let before = old.features.iter().find(|before| before.name == after.name)?;
        (before.dtype != after.dtype).then_some((after.name.as_str(), before.dtype, after.dtype))
    })
}

fn keys(entity: &str, keys: &[Column]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("{}: {}", key.name, key.dtype)).collect();
    format!("`{entity}` ({})", keys.join(", "))
}
