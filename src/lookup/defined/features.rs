//! `GetOnlineFeatures` over defined views: `view.feature`, or the feature's own name where one view alone has it.

use std::sync::Arc;

use std::time::Instant;

use bumpalo::Bump;
use bytes::Bytes;
use unskew_engine::dtype::{DType, Scalar as Kind};
use unskew_engine::plan::{State, Stored};
use unskew_engine::row::base64;
use unskew_engine::value::{List, Value};

use super::catalog::Catalog;
use super::rows::{EntityKeys, StoredRows, WantedRows};
use super::view::ServedView;
use crate::clock::Micros;
use crate::error::Error;
use crate::lookup::request::Request;
use crate::lookup::scan::{First, Scalar, Scanner, Text};
use crate::lookup::{Lookup, Reason, ReplySink, RowStatus, Rows, Status, StringList, Tally, store_budget, time};
use crate::telemetry::metrics::Stage;

/// Integers up to here are exact in a `Value`; others are written as text.
const EXACT: u64 = 1 << 53;

/// The features of defined views that a request asks for.
#[derive(Debug, Default)]
pub(in crate::lookup) struct DefinedNames {
    views: Vec<Arc<ServedView>>,
    names: Vec<DefinedName>,
}

#[derive(Debug)]
struct DefinedName {
    /// As the client wrote it.
    asked: String,
    /// Position in `views`.
    view: usize,
    /// Position among the features of the view.
    feature: usize,
}

/// Takes the names of defined features out of what was asked; what is left are names of the built-in view.
///
/// # Errors
/// INVALID_ARGUMENT for an unknown feature of a defined view, and for a bare name that several views have.
pub(in crate::lookup) fn split(
    catalog: &Catalog,
    asked: StringList,
) -> Result<(StringList, Option<DefinedNames>), Error> {
    if catalog.is_empty() || asked.is_empty() {
        return Ok((asked, None));
    }
    let mut found = DefinedNames::default();
    let mut left = StringList::with_capacity(asked.len(), asked.text_len());
    for name in asked.iter() {
        match resolve(catalog, name)? {
            Some((view, feature)) => found.add(view, feature, name),
            None => left.push(name),
        }
    }
    Ok((left, (!found.names.is_empty()).then_some(found)))
}

fn resolve<'a>(catalog: &'a Catalog, name: &str) -> Result<Option<(&'a Arc<ServedView>, usize)>, Error> {
    if let Some((view, feature)) = name.split_once('.')
        && let Some(view) = catalog.view(view)
    {
        return match view.position(feature) {
            Some(position) => Ok(Some((view, position))),
            None => {
                let names: Vec<_> = view.row.features.iter().map(|feature| format!("{:?}", feature.name)).collect();
                let message =
                    format!("the view {:?} has no feature {feature:?}; it has {}", view.view.name, names.join(", "));
                Err(Error::invalid("feature_names", message))
            }
        };
    }
    let view = catalog.view_of(name)?;
    Ok(view.and_then(|view| view.position(name).map(|position| (view, position))))
}

impl DefinedNames {
    fn add(&mut self, view: &Arc<ServedView>, feature: usize, asked: &str) {
        if self.names.iter().any(|name| name.asked == asked) {
            return;
        }
        let position = self.views.iter().position(|known| Arc::ptr_eq(known, view)).unwrap_or_else(|| {
            self.views.push(view.clone());
            self.views.len() - 1
        });
        self.names.push(DefinedName { asked: asked.to_owned(), view: position, feature });
    }

    /// The rows to read for these entities.
    fn rows(&self, entity_ids: &StringList) -> WantedRows {
        let mut wanted = WantedRows::default();
        for view in &self.views {
            let mut keys = EntityKeys::with_capacity(entity_ids.len());
            for id in entity_ids.iter() {
                keys.push(|out| view.key.encode_text(id, out).map_err(|bad| bad.message));
            }
            wanted.add(view, &keys);
        }
        wanted
    }

    /// Writes the features of a row; their statuses come later, by [`Statuses::write`].
    fn write<'a, S: ReplySink>(&'a self, stored: &'a StoredRows, row: usize, t: Micros, sink: &mut S) -> Statuses<'a> {
        let arena = Bump::new();
        let views: Vec<_> = (0..self.views.len()).map(|view| stored.get(view, row, &arena)).collect();
        let mut statuses =
            Statuses { names: self, states: Vec::with_capacity(self.names.len()), times: Vec::new(), bad_key: None };
        for (view, (stored, why)) in self.views.iter().zip(&views) {
            if let Some(time) = stored.event_time().filter(|time| *time <= t) {
                statuses.times.push((view.view.name.as_str(), time));
            }
            if matches!(stored, Stored::Error(Reason::BadKey, _)) {
                statuses.bad_key = why.clone();
            }
        }
        if views.iter().any(|(stored, _)| !matches!(stored, Stored::Error(Reason::BadKey, _))) {
            statuses.bad_key = None;
        }
        for name in &self.names {
            let feature = &self.views[name.view].row.features[name.feature];
            let (value, state) = views[name.view].0.feature(name.feature, feature, t);
            let state = if state.status == Status::Present && !is_writable(value) { State::NULL } else { state };
            let has_value = !value.is_null() || state.status == Status::Null;
            if has_value {
                sink.begin_feature(Text::plain(&name.asked));
                write_value(value, feature.dtype, sink);
                sink.end_feature();
            }
            statuses.states.push(state);
        }
        statuses
    }
}

/// The rows of defined views that a request reads, beside those of the built-in view.
#[derive(Debug)]
pub(in crate::lookup) struct DefinedRows {
    names: DefinedNames,
    stored: StoredRows,
}

impl DefinedRows {
    pub(in crate::lookup) fn write<S: ReplySink>(&self, row: usize, t: Micros, sink: &mut S) -> Statuses<'_> {
        let statuses = self.names.write(&self.stored, row, t, sink);
        sink.keep_features();
        statuses
    }

    /// Bytes of all stored values.
    pub(in crate::lookup) fn bytes(&self) -> usize {
        self.stored.bytes()
    }
}

impl Lookup {
    /// Reads the rows of defined views, and those of the built-in view under `keys`, in one round trip.
    pub(in crate::lookup) async fn fetch_defined(
        &self,
        request: Request,
        names: DefinedNames,
        keys: Vec<Bytes>,
        deadline: Instant,
    ) -> Result<Rows, Error> {
        let start = Instant::now();
        let mut wanted = names.rows(request.entity_ids.list());
        let first = wanted.add_keys(keys);
        let budget = store_budget(self.limits.store_timeout, deadline);
        let mut stored = self.stored_rows(wanted, budget, deadline).await?;
        self.metrics.stage(Stage::Store, start.elapsed());
        let fetched = stored.split_off(first);
        let defined = Some(Box::new(DefinedRows { names, stored }));
        Ok(Rows { request, fetched, defined, limits: self.limits, metrics: self.metrics })
    }
}

/// What is left to write of a row.
pub(in crate::lookup) struct Statuses<'a> {
    names: &'a DefinedNames,
    states: Vec<State>,
    times: Vec<(&'a str, Micros)>,
    /// Why no view of the row could be read: its key.
    bad_key: Option<String>,
}

impl Statuses<'_> {
    /// Writes the statuses, sparse unless all are wanted.
    pub(in crate::lookup) fn write<S: ReplySink>(&self, all: bool, sink: &mut S, tally: &mut Tally) {
        for (name, state) in self.names.names.iter().zip(&self.states) {
            tally.features(state.status, 1);
            if all || state.status != Status::Present {
                sink.status(Text::plain(&name.asked), state.status, state.reason);
            }
        }
    }

    /// The event times of the rows, by view.
    pub(in crate::lookup) fn times(&self) -> &[(&str, Micros)] {
        &self.times
    }

    /// The status of the row, if the built-in view has no say in it.
    pub(in crate::lookup) fn row(&self) -> RowStatus {
        match &self.bad_key {
            Some(why) => RowStatus::Error(Reason::BadKey, why.clone()),
            None => RowStatus::Present,
        }
    }
}

/// Whether JSON can say it; NaN and infinities read as null.
fn is_writable(value: Value<'_>) -> bool {
    !matches!(value, Value::Float(number) if !number.is_finite())
}

fn write_value<S: ReplySink>(value: Value<'_>, dtype: DType, sink: &mut S) {
    match (value, dtype) {
        (Value::List(list), DType::List(_) | DType::Vector(_)) => write_list(list, sink),
        (value, DType::Scalar(kind)) => write_scalar(value, kind, sink),
        (_, DType::List(_) | DType::Vector(_)) => sink.scalar(Scalar::Null),
    }
}

fn write_list<S: ReplySink>(list: List<'_>, sink: &mut S) {
    sink.begin_list();
    for item in list.iter() {
        sink.begin_item();
        write_scalar(item, list.item(), sink);
        sink.end_item();
    }
    sink.end_list();
}

#[expect(clippy::cast_possible_truncation, reason = "a float32 was widened, and narrows to itself")]
fn write_scalar<S: ReplySink>(value: Value<'_>, kind: Kind, sink: &mut S) {
    match value {
        Value::Null | Value::List(_) => sink.scalar(Scalar::Null),
        Value::Bool(value) => sink.scalar(Scalar::Bool(value)),
        Value::Int(value) if value.unsigned_abs() > EXACT => text(&value.to_string(), sink),
        Value::Int(value) => number(&value.to_string(), sink),
        Value::Float(value) if !value.is_finite() => sink.scalar(Scalar::Null),
        // The double nearest to the shortest text of the float32: 1.111, not 1.1109999.
        Value::Float(value) if kind == Kind::Float32 => number(zmij::Buffer::new().format_finite(value as f32), sink),
        Value::Float(value) => number(zmij::Buffer::new().format_finite(value), sink),
        Value::Str(value) => text(value, sink),
        Value::Bytes(bytes) => text(&base64::encode(bytes), sink),
        Value::Time(micros) => text(&time::format(micros), sink),
    }
}

fn text<S: ReplySink>(text: &str, sink: &mut S) {
    sink.scalar(Scalar::String(Text::plain(text)));
}

fn number<S: ReplySink>(text: &str, sink: &mut S) {
    let read = Scanner::new(text.as_bytes()).and_then(|mut scanner| scanner.first());
    sink.scalar(if let Ok(First::Scalar(scalar)) = read { scalar } else { Scalar::Null });
}
