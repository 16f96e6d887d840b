//! The inputs of a service: what names in its slots and expressions mean.

use std::borrow::Cow;
use std::sync::Arc;

use super::model::{Aggregation, Column, Feature, Service, SlotSource, View, ViewKind, Window};
use crate::dtype::DType;
use crate::expr::{Expression, Names};

/// The request columns of a service and the features of views, by the names that slots and expressions use: `tx_amount`,
/// `customer_profile.mean_amount`.
#[derive(Debug)]
pub struct Inputs<'a> {
    request: &'a [Column],
    views: Vec<&'a View>,
}

impl<'a> Inputs<'a> {
    /// Of columns, and of views in any order.
    pub(super) fn new(request: &'a [Column], views: impl Iterator<Item = &'a View>) -> Self {
        let mut views: Vec<&View> = views.collect();
        views.sort_by(|a, b| a.name.cmp(&b.name));
        Self { request, views }
    }

    /// Of a service: its request columns, and all features of the views that it reads.
    #[must_use]
    pub fn of(service: &'a Service) -> Self {
        Self::new(&service.request, service.views.iter().map(Arc::as_ref))
    }

    /// A view by its name.
    pub(super) fn view(&self, name: &str) -> Option<&'a View> {
        let index = self.views.binary_search_by(|view| view.name.as_str().cmp(name)).ok()?;
        self.views.get(index).copied()
    }
}

impl Names for Inputs<'_> {
    fn dtype(&self, name: &str) -> Option<DType> {
        match name.split_once('.') {
            Some((view, feature)) => self.view(view)?.feature(feature).map(|(_, dtype)| dtype),
            None => self.request.iter().find(|column| column.name == name).map(|column| column.dtype),
        }
    }

    fn all(&self) -> Vec<String> {
        let features =
            self.views.iter().flat_map(|view| view.features().map(|(feature, _)| format!("{}.{feature}", view.name)));
        self.request.iter().map(|column| column.name.clone()).chain(features).collect()
    }
}

impl View {
    /// The position and the type of a feature: of a row view by its name, of a window view as `<aggregation>_<window>`.
    #[must_use]
    pub fn feature(&self, name: &str) -> Option<(usize, DType)> {
        match &self.kind {
            ViewKind::Row(row) => {
                let position = row.features.iter().position(|known| known.name == name)?;
                Some((position, row.features.get(position)?.dtype))
            }
            ViewKind::Window(windows) => {
                // A window has no `_` in its name, so the last one parts the two.
                let (aggregation, window) = name.rsplit_once('_')?;
                let at = windows.aggregations.iter().position(|known| known.name == aggregation)?;
                let (before, from) = windows.aggregations.split_at_checked(at)?;
                let found = from.first()?;
                let position = found.windows.iter().position(|known| known.name == window)?;
                Some((before.iter().map(|it| it.windows.len()).sum::<usize>() + position, found.dtype))
            }
        }
    }

    /// Its features, in the order of the file, with their types.
    pub fn features(&self) -> impl Iterator<Item = (Cow<'_, str>, DType)> {
        let (features, aggregations): (&[Feature], &[Aggregation]) = match &self.kind {
            ViewKind::Row(row) => (&row.features, &[]),
            ViewKind::Window(windows) => (&[], &windows.aggregations),
        };
        let row = features.iter().map(|feature| (Cow::Borrowed(feature.name.as_str()), feature.dtype));
        row.chain(
            aggregations
                .iter()
                .flat_map(|it| it.windows.iter().map(|window| (Cow::Owned(it.feature(window)), it.dtype))),
        )
    }
}

impl Aggregation {
    /// The name of its feature over one of its windows.
    #[must_use]
    pub fn feature(&self, window: &Window) -> String {
        format!("{}_{}", self.name, window.name)
    }

    /// The column that a ratio divides by.
    #[must_use]
    pub fn denominator(&self) -> Option<&str> {
        self.parameters.get("denominator").and_then(serde_json::Value::as_str)
    }
}

impl Service {
    /// Every input that its slots read, each once, in order of first use: request columns and `view.feature`s.
    #[must_use]
    pub fn inputs(&self) -> Vec<String> {
        let names = Inputs::of(self);
        let mut inputs: Vec<String> = Vec::new();
        for slot in &self.slots {
            let own = match &slot.source {
                SlotSource::Input(name) => vec![name.clone()],
                // It was parsed when the service was.
                SlotSource::Expression(text) => {
                    Expression::parse(text, &names).map(|it| it.inputs().to_vec()).unwrap_or_default()
                }
            };
            let others = slot.steps.iter().flat_map(|step| step.step.inputs().iter().cloned());
            for name in own.into_iter().chain(others) {
                if !inputs.contains(&name) {
                    inputs.push(name);
                }
            }
        }
        inputs
    }
}
