//! Events on their way in: JSON objects or Arrow batches of one source, each checked on its own, into what every window view that
//! reads the source sees of them.
//!
//! An event is flat: the columns of its source by their names. Its time must be there, its id if the source names one, and the keys of
//! the entity of every view; a version that is not there is 0; any other column that is not there is null.

mod apply;
mod arrow;
mod json;
mod load;
mod taken;

#[cfg(test)]
mod load_tests;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bumpalo::Bump;

use super::events::{Head, Id};
use super::plan::WindowPlan;
use crate::definitions::{EventId, Source};
use crate::dtype::{DType, Scalar};
use crate::keys::{self, EntityKey};
use crate::row::intake::Fault;
use crate::row::{Arrival, Options, Refusal, shown, time};
use crate::scope::Scope;
use crate::value::Value;

pub use apply::{Applied, Refused};
pub use load::{LoadError, Loaded, LoadedState};
use taken::Scratch;
pub use taken::{EntityEvents, TakenEvents, ViewEvents};

/// A window view that takes events.
#[derive(Clone, Debug)]
pub struct EventView {
    /// The view, compiled.
    pub plan: Arc<WindowPlan>,
    /// What encodes the keys of its entity.
    pub key: EntityKey,
}

/// Takes the events of one source.
#[derive(Debug)]
pub struct EventIntake {
    source: Arc<Source>,
    /// The columns of the source by name, sorted.
    names: Vec<(String, usize)>,
    /// The column of the event time, by its position like all that follow.
    time: usize,
    id: Option<usize>,
    version: Option<usize>,
    views: Vec<Reader>,
    options: Options,
}

/// How one view reads the columns of the source.
#[derive(Debug)]
struct Reader {
    view: EventView,
    /// The columns of the key.
    key: Vec<usize>,
    /// Whether the view before is about the same entity, and so has the same key.
    has_key_before: bool,
}

impl EventIntake {
    /// For the events of the source that these views read. `options.max_row_bytes` is the most bytes of the values of one event.
    ///
    /// # Errors
    /// No view, views of different sources, or a source that was not validated; in words.
    pub fn new(views: impl IntoIterator<Item = EventView>, options: Options) -> Result<Self, String> {
        let views: Vec<EventView> = views.into_iter().collect();
        let Some(source) = views.first().map(|view| view.plan.source().clone()) else {
            return Err("no window view reads the source".to_owned());
        };
        let position = |name: &str| {
            source.position(name).ok_or_else(|| format!("the source `{}` has no column `{name}`", source.name))
        };
        let id = match &source.event_id {
            Some(EventId::Column(column)) => Some(position(column)?),
            Some(EventId::None) | None => None,
        };
        let version = source.version.as_deref().map(position).transpose()?;
        let time = position(&source.event_time)?;
        let mut readers: Vec<Reader> = Vec::with_capacity(views.len());
        for view in views {
            if view.plan.source().name != source.name {
                return Err(format!(
                    "the view `{}` reads another source than `{}`",
                    view.plan.view().name,
                    source.name
                ));
            }
            let key = view.key.columns().iter().map(|(name, _)| position(name)).collect::<Result<_, _>>()?;
            let has_key_before = readers.last().is_some_and(|before| before.view.key == view.key);
            readers.push(Reader { view, key, has_key_before });
        }
        let mut names: Vec<_> =
            source.columns.iter().enumerate().map(|(at, column)| (column.name.clone(), at)).collect();
        names.sort();
        // Without ids nothing is a version of anything.
        Ok(Self { names, time, id, version: version.filter(|_| id.is_some()), views: readers, options, source })
    }

    /// Room for the events of a batch.
    #[must_use]
    pub fn room<'v>(&'v self) -> TakenEvents<'v> {
        TakenEvents::new(self.views.iter().map(|reader| &reader.view))
    }

    fn column(&self, name: &str) -> Option<usize> {
        let at = self.names.binary_search_by(|(column, _)| column.as_str().cmp(name)).ok()?;
        self.names.get(at).map(|(_, position)| *position)
    }

    fn dtype(&self, column: usize) -> DType {
        self.source.columns.get(column).map_or(DType::Scalar(Scalar::Bool), |column| column.dtype)
    }

    fn name(&self, column: usize) -> &str {
        self.source.columns.get(column).map_or("", |column| column.name.as_str())
    }

    fn unknown(&self, name: &str) -> String {
        format!(
            "the source `{}` has no column {}; leave it out, or ask to ignore unknown columns",
            self.source.name,
            shown(name)
        )
    }

    /// What is wrong with a value that can't be read as its column.
    fn unreadable(&self, column: usize, why: &str) -> Fault {
        let is_key = self.views.iter().any(|reader| reader.key.contains(&column));
        let refusal = if is_key { Refusal::BadKey } else { Refusal::InvalidRow };
        let name = self.name(column);
        Fault::new(refusal, name, format!("`{name}`: {why}"))
    }

    /// Empties the room of the event at hand.
    fn begin(&self, taken: &mut TakenEvents<'_>) {
        let Scratch { columns, given, parts, keys, ends, values, .. } = &mut taken.scratch;
        columns.clear();
        columns.resize(self.source.columns.len(), Value::Null);
        given.clear();
        given.resize(self.source.columns.len(), false);
        parts.clear();
        keys.clear();
        ends.clear();
        values.clear();
    }

    /// Takes the event whose columns are read, or says why not.
    fn finish<'v>(
        &'v self,
        row: usize,
        arrival: Arrival,
        arena: &'v Bump,
        taken: &mut TakenEvents<'v>,
    ) -> Result<(), Fault> {
        let Scratch { columns, parts, encoded, keys, ends, values, .. } = &mut taken.scratch;
        for reader in &self.views {
            if !reader.has_key_before {
                parts.clear();
                parts.extend(reader.key.iter().map(|column| columns.get(*column).copied().unwrap_or(Value::Null)));
                encoded.clear();
                let done = reader.view.key.encode(parts, encoded);
                done.map_err(|bad| Fault::new(Refusal::BadKey, &bad.column.unwrap_or_default(), bad.message))?;
            }
            let view = reader.view.plan.view();
            keys::append_store_key(encoded, &view.name, view.version, keys);
            ends.push(keys.len());
        }
        let head = self.head(columns, arrival)?;
        let (size, limit) = (columns.iter().copied().map(size).sum::<usize>(), self.options.max_row_bytes);
        if size > limit {
            let message = format!("the event has {size} bytes, at most {limit} are allowed");
            return Err(Fault::new(Refusal::TooLarge, "", message));
        }
        let inputs = arena.alloc_slice_copy(columns);
        for reader in &self.views {
            let plan = &reader.view.plan;
            plan.project(&Scope { inputs, arena }, values).map_err(|fault| {
                let message = format!("a condition of the view `{}` refuses it: {}", plan.view().name, fault.why);
                Fault::new(Refusal::InvalidRow, "", message)
            })?;
        }
        taken.push(row, head);
        Ok(())
    }

    fn head<'v>(&self, columns: &[Value<'v>], arrival: Arrival) -> Result<Head<'v>, Fault> {
        let value = |column: usize| columns.get(column).copied().unwrap_or(Value::Null);
        let needs = |column: usize| {
            let (source, name) = (&self.source.name, self.name(column));
            Fault::new(Refusal::InvalidRow, name, format!("an event of the source `{source}` needs its `{name}`"))
        };
        let Value::Time(time) = value(self.time) else { return Err(needs(self.time)) };
        let id = match self.id {
            None => Id::None,
            Some(column) => Id::of(value(column)).ok_or_else(|| needs(column))?,
        };
        let version = match self.version.map(value) {
            Some(Value::Int(version)) => version,
            _ => 0,
        };
        if time > arrival.latest {
            let [found, latest] = [time, arrival.latest].map(time::shown);
            let message = format!("{found} is later than {latest}, the latest accepted");
            return Err(Fault::new(Refusal::Future, self.name(self.time), message));
        }
        Ok(Head { time, id, version })
    }
}

/// The bytes that a value takes: 8 unless it has a length of its own.
fn size(value: Value<'_>) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Time(_) => 8,
        Value::Str(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.iter().map(size).sum(),
    }
}
