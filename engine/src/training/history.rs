//! The history of a window view: the events of its source, read column by column.

use std::ops::Range;

use arrow_array::RecordBatch;
use bumpalo::Bump;

use super::TrainingError;
use super::table::{Place, Table, key_columns};
use crate::definitions::{EventId, Source};
use crate::value::Value;
use crate::windows::{Events, Head, Id, WindowPlan};

/// The history of a source, and where its columns stand.
pub(super) struct History<'a> {
    pub(super) plan: &'a WindowPlan,
    pub(super) table: Table<'a>,
    /// The columns of the key.
    pub(super) keys: Vec<usize>,
    pub(super) time: usize,
    pub(super) id: Option<usize>,
    version: Option<usize>,
    pub(super) known_at: Option<usize>,
}

impl<'a> History<'a> {
    pub(super) fn new(plan: &'a WindowPlan, batches: &'a [RecordBatch]) -> Result<Self, TrainingError> {
        let source: &Source = plan.source();
        let find = |name: &String| source.position(name);
        let id = match &source.event_id {
            Some(EventId::Column(column)) => find(column),
            Some(EventId::None) | None => None,
        };
        let time = find(&source.event_time).unwrap_or(usize::MAX);
        let version = source.version.as_ref().and_then(find);
        let known_at = source.known_at.as_ref().and_then(find);
        let keys = key_columns(source, &plan.view().entity)?;
        let mut reads: Vec<usize> = plan.reads().chain(keys.iter().copied()).chain([time]).collect();
        reads.extend(id.iter().chain(&version).chain(&known_at));
        let table = Table::of_source(source, batches, &|column| reads.contains(&column))?;
        let version = version.filter(|_| id.is_some());
        Ok(Self { plan, table, keys, time, id, version, known_at })
    }

    /// Reads the events at these places, column by column.
    pub(super) fn block<'v>(&'v self, places: &[Place], arena: &'v Bump) -> Result<Block<'v>, TrainingError> {
        let gather = |column: usize| -> Result<Vec<Value<'v>>, TrainingError> {
            let mut values = Vec::with_capacity(places.len());
            self.table.gather(column, places, arena, &mut values)?;
            Ok(values)
        };
        let optional = |column: Option<usize>| column.map(gather).transpose();
        let of_source = self.plan.source().columns.len();
        let mut columns = vec![Vec::new(); of_source];
        for column in self.plan.reads() {
            if let Some(place) = columns.get_mut(column).filter(|place| place.is_empty()) {
                *place = gather(column)?;
            }
        }
        Ok(Block {
            times: gather(self.time)?,
            ids: optional(self.id)?,
            versions: optional(self.version)?,
            known_at: optional(self.known_at)?,
            columns,
        })
    }

    /// The events at these positions of a block, and from when on each may be used, if the source says so. `places`: those of the block.
    pub(super) fn events<'v>(
        &'v self,
        (block, places): (&Block<'v>, &[Place]),
        range: Range<usize>,
        arena: &'v Bump,
    ) -> Result<(Events<'v>, Option<Vec<i64>>), TrainingError> {
        let bad = |column: usize, at: usize, why: String| match places.get(at) {
            Some(place) => self.table.bad(column, *place, why),
            None => TrainingError::Definition("an event is not there".to_owned()),
        };
        let missing = |column: usize, at: usize| bad(column, at, "is null, and every event needs it".to_owned());
        let mut heads = Vec::with_capacity(range.len());
        for at in range.clone() {
            let Some(Value::Time(time)) = block.times.get(at).copied() else { return Err(missing(self.time, at)) };
            let id = match block.ids.as_ref().and_then(|ids| ids.get(at)) {
                None => Id::None,
                Some(id) => Id::of(*id).ok_or_else(|| missing(self.id.unwrap_or(self.time), at))?,
            };
            let version = match block.versions.as_ref().and_then(|versions| versions.get(at)) {
                Some(Value::Int(version)) => *version,
                _ => 0,
            };
            heads.push(Head { time, id, version });
        }
        let known_at = |(column, known): (usize, &Vec<Value<'v>>)| {
            let at_of = |at: usize| match known.get(at) {
                Some(Value::Time(time)) => Ok(*time),
                _ => Err(missing(column, at)),
            };
            range.clone().map(at_of).collect::<Result<Vec<i64>, _>>()
        };
        let known_at = self.known_at.zip(block.known_at.as_ref()).map(known_at).transpose()?;
        let columns: Vec<&[Value<'v>]> =
            block.columns.iter().map(|column| column.get(range.clone()).unwrap_or_default()).collect();
        let values = self.plan.project_rows(&columns, range.len(), arena).map_err(|(row, fault)| {
            let why = format!("belongs to an event that a condition refuses: {}", fault.why);
            bad(self.time, range.start + row, why)
        })?;
        Ok((Events::of(heads, values, self.plan.width()), known_at))
    }
}

/// Events of some entities, column by column.
pub(super) struct Block<'v> {
    times: Vec<Value<'v>>,
    ids: Option<Vec<Value<'v>>>,
    versions: Option<Vec<Value<'v>>>,
    known_at: Option<Vec<Value<'v>>>,
    /// By the position of the column in the source; empty for one that no projection reads.
    columns: Vec<Vec<Value<'v>>>,
}

/// Events of a block: few enough that its columns stay near.
pub(super) const BLOCK: usize = 4096;
