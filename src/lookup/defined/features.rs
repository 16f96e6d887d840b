//! `GetOnlineFeatures` over defined views: `view.feature`, or the feature's own name where one view alone has it.

use std::time::Instant;

use bumpalo::Bump;
use bytes::Bytes;
use unskew_engine::dtype::{DType, Scalar as Kind};
use unskew_engine::plan::{State, Stored};
use unskew_engine::row::base64;
use unskew_engine::value::{List, Value};
use unskew_engine::windows::At;

use super::catalog::Catalog;
use super::rows::{Decoded, EntityKeys, Served, StoredRows, WantedRows};
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
    views: Vec<Served>,
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
    dtype: DType,
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
            Some((view, feature, dtype)) => found.add(&view, (feature, dtype), name),
            None => left.push(name),
        }
    }
    Ok((left, (!found.names.is_empty()).then_some(found)))
}

fn resolve(catalog: &Catalog, name: &str) -> Result<Option<(Served, usize, DType)>, Error> {
    let (served, feature) = match name.split_once('.') {
        Some((view, feature)) if let Some(served) = catalog.served(view) => (Some(served), feature),
        Some(_) | None => (catalog.view_of(name)?, name),
    };
    let Some(served) = served else { return Ok(None) };
    let Some((position, dtype)) = served.view().feature(feature) else {
        let names: Vec<_> = served.view().features().map(|(feature, _)| format!("{feature:?}")).collect();
        let message =
            format!("the view {:?} has no feature {feature:?}; it has {}", served.view().name, names.join(", "));
        return Err(Error::invalid("feature_names", message));
    };
    if let Served::Window(window) = &served
        && window.plan.include_request()
    {
        let message = format!(
            "the view {:?} counts the row of the request (`include_request`), which this call does not have: ask for the vectors of a service, \
             or for their explanation",
            window.name()
        );
        return Err(Error::invalid("feature_names", message));
    }
    Ok(Some((served, position, dtype)))
}

impl DefinedNames {
    fn add(&mut self, view: &Served, (feature, dtype): (usize, DType), asked: &str) {
        if self.names.iter().any(|name| name.asked == asked) {
            return;
        }
        let position = self.views.iter().position(|known| known.view().name == view.view().name).unwrap_or_else(|| {
            self.views.push(view.clone());
            self.views.len() - 1
        });
        self.names.push(DefinedName { asked: asked.to_owned(), view: position, feature, dtype });
    }

    /// The rows to read for these entities.
    fn rows(&self, entity_ids: &StringList) -> WantedRows {
        let mut wanted = WantedRows::default();
        for view in &self.views {
            let mut keys = EntityKeys::with_capacity(entity_ids.len());
            for id in entity_ids.iter() {
                keys.push(|out| view.key().encode_text(id, out).map_err(|bad| bad.message));
            }
            wanted.add(view.clone(), &keys);
        }
        wanted
    }

    /// Writes the features of a row; their statuses come later, by [`Statuses::write`].
    fn write<'a, S: ReplySink>(&'a self, stored: &'a StoredRows, row: usize, t: Micros, sink: &mut S) -> Statuses<'a> {
        let arena = Bump::new();
        let states: Vec<_> = (0..self.views.len()).map(|view| stored.state_of(view, row)).collect();
        let views: Vec<_> =
            (0..self.views.len()).map(|at| self.read((at, row), t, stored, states[at].as_ref(), &arena)).collect();
        let mut statuses =
            Statuses { names: self, states: Vec::with_capacity(self.names.len()), times: Vec::new(), bad_key: None };
        for (view, read) in self.views.iter().zip(&views) {
            if let Some(time) = read.event_time().filter(|time| *time <= t) {
                statuses.times.push((view.view().name.as_str(), time));
            }
            if read.is_bad_key() {
                statuses.bad_key = read.why().cloned();
            }
        }
        if views.iter().any(|read| !read.is_bad_key()) {
            statuses.bad_key = None;
        }
        for name in &self.names {
            let (value, state) = views[name.view].feature(&self.views[name.view], name.feature, t);
            let state = if state.status == Status::Present && !is_writable(value) { State::NULL } else { state };
            let has_value = !value.is_null() || state.status == Status::Null;
            if has_value {
                sink.begin_feature(Text::plain(&name.asked));
                write_value(value, name.dtype, sink);
                sink.end_feature();
            }
            statuses.states.push(state);
        }
        statuses
    }

    /// What was read of a view for one row.
    fn read<'v>(
        &'v self,
        (view, row): (usize, usize),
        t: Micros,
        stored: &'v StoredRows,
        state: Option<&'v Decoded<'v>>,
        arena: &'v Bump,
    ) -> Read<'v> {
        let (Served::Window(window), Some(decoded)) = (&self.views[view], state) else {
            let (row, why) = stored.get(view, row, arena);
            return Read::Row(row, why);
        };
        let state = match decoded {
            Decoded::State(state) => state,
            Decoded::Error(reason, why, detail) => {
                return Read::Failed(State::error(*reason, why), detail.clone());
            }
        };
        let mut values = vec![(Value::Null, State::NULL); window.plan.features().len()];
        let at = At { t, complete_since: stored.complete_since(view), request: None };
        let done = window.plan.evaluate(state, at, arena, |feature, value| {
            values[feature] = match value {
                Ok(Value::Null) => (Value::Null, State::NULL),
                Ok(value) => (value, State::PRESENT),
                Err(fault) => (Value::Null, fault.into()),
            };
        });
        match done {
            Ok(()) => Read::Window(values, state.newest_before(t)),
            Err(why) => Read::Failed(State::error(Reason::Undecodable, why), None),
        }
    }
}

/// What was read of a view for one row.
enum Read<'v> {
    /// A row, and what is wrong with it in words of its own.
    Row(Stored<'v>, Option<String>),
    /// The features of a window view, and the time of the newest event.
    Window(Vec<(Value<'v>, State)>, Option<Micros>),
    /// A state that can't be served.
    Failed(State, Option<String>),
}

impl<'v> Read<'v> {
    const fn event_time(&self) -> Option<Micros> {
        match self {
            Self::Row(row, _) => row.event_time(),
            Self::Window(_, newest) => *newest,
            Self::Failed(..) => None,
        }
    }

    const fn is_bad_key(&self) -> bool {
        match self {
            Self::Row(row, _) => matches!(row, Stored::Error(Reason::BadKey, _)),
            Self::Window(..) => false,
            Self::Failed(state, _) => matches!(state.reason, Some(Reason::BadKey)),
        }
    }

    const fn why(&self) -> Option<&String> {
        match self {
            Self::Row(_, why) | Self::Failed(_, why) => why.as_ref(),
            Self::Window(..) => None,
        }
    }

    fn feature(&self, view: &'v Served, feature: usize, t: Micros) -> (Value<'v>, State) {
        match (self, view) {
            (Self::Row(row, _), Served::Row(view)) => row.feature(feature, &view.row.features[feature], t),
            (Self::Window(values, _), _) => values[feature],
            (Self::Failed(state, _), _) => (Value::Null, *state),
            (Self::Row(..), Served::Window(_)) => (Value::Null, State::MISSING),
        }
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
        let catalog = self.catalog();
        let mut stored = self.stored_rows(&catalog, wanted, budget, deadline).await?;
        self.metrics.stage(Stage::Store, start, Instant::now());
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
