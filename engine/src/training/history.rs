//! The history of a window view: the events of its source, read column by column.

use arrow_array::RecordBatch;
use bumpalo::Bump;

use super::TrainingError;
use super::table::{Place, Table};
use crate::definitions::{EventId, Source};
use crate::scope::Scope;
use crate::value::Value;
use crate::windows::{Events, Head, Id, WindowPlan};

/// The history of a source, and where its columns stand.
pub(super) struct History<'a> {
    pub(super) plan: &'a WindowPlan,
    pub(super) table: Table<'a>,
    pub(super) places: Vec<Place>,
    time: usize,
    id: Option<usize>,
    version: Option<usize>,
    pub(super) known_at: Option<usize>,
    /// The columns that a projection reads.
    reads: Vec<usize>,
    /// Whether it is these columns alone.
    pub(super) is_plain: bool,
}

impl<'a> History<'a> {
    pub(super) fn new(plan: &'a WindowPlan, batches: &'a [RecordBatch]) -> Result<Self, TrainingError> {
        let source: &Source = plan.source();
        let find = |name: &str| source.columns.iter().position(|column| column.name == name);
        let optional = |name: Option<&String>| name.and_then(|name| find(name));
        let id = match &source.event_id {
            Some(EventId::Column(column)) => find(column),
            Some(EventId::None) | None => None,
        };
        let time = find(&source.event_time).unwrap_or(usize::MAX);
        let (version, known_at) = (optional(source.version.as_ref()), optional(source.known_at.as_ref()));
        let keys: Vec<usize> = plan.view().entity.keys.iter().filter_map(|key| find(&key.name)).collect();
        let mut reads: Vec<usize> = plan.reads().chain(keys).chain([time]).collect();
        reads.extend(id.iter().chain(&version).chain(&known_at));
        let table = Table::of_source(source, batches, &|column| reads.contains(&column))?;
        if u32::try_from(table.len()).is_err() {
            return Err(TrainingError::TooManyRows(table.len()));
        }
        let places = table.places().collect();
        let (version, is_plain) = (version.filter(|_| id.is_some()), plan.has_no_conditions());
        Ok(Self { plan, table, places, time, id, version, known_at, reads: plan.reads().collect(), is_plain })
    }

    pub(super) fn column(&self, name: &str) -> Result<usize, TrainingError> {
        let source = self.plan.source();
        let missing = || TrainingError::Column {
            table: source.name.clone(),
            column: name.to_owned(),
            why: "is not declared, and the view's entity has it as a key".to_owned(),
        };
        source.columns.iter().position(|column| column.name == name).ok_or_else(missing)
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
        for column in &self.reads {
            if let Some(place) = columns.get_mut(*column).filter(|place| place.is_empty()) {
                *place = gather(*column)?;
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

    /// Adds event `at` of a block, and tells from when on it may be used.
    pub(super) fn push<'v>(
        &'v self,
        (block, at): (&Block<'v>, usize),
        place: Place,
        arena: &'v Bump,
        room: &mut Room<'v>,
    ) -> Result<i64, TrainingError> {
        let missing = |column: usize| self.table.bad(column, place, "is null, and every event needs it".to_owned());
        let Some(Value::Time(time)) = block.times.get(at).copied() else { return Err(missing(self.time)) };
        let id = match block.ids.as_ref().and_then(|ids| ids.get(at)) {
            None => Id::None,
            Some(Value::Int(id)) => Id::Int(*id),
            Some(Value::Str(id)) => Id::Bytes(id.as_bytes()),
            Some(Value::Bytes(id)) => Id::Bytes(id),
            Some(Value::Null | Value::Bool(_) | Value::Float(_) | Value::Time(_) | Value::List(_)) => {
                return Err(missing(self.id.unwrap_or(self.time)));
            }
        };
        let version = match block.versions.as_ref().and_then(|versions| versions.get(at)) {
            Some(Value::Int(version)) => *version,
            _ => 0,
        };
        let known_at = match (block.known_at.as_ref().and_then(|known| known.get(at)), self.known_at) {
            (Some(Value::Time(known_at)), _) => *known_at,
            (Some(_), Some(column)) => return Err(missing(column)),
            (_, _) => time,
        };
        let value = |column: usize| block.columns.get(column).and_then(|values| values.get(at)).copied();
        room.projection.clear();
        if self.is_plain {
            let read = |column| Ok::<_, TrainingError>(value(column).unwrap_or(Value::Null));
            self.plan.project_columns(read, &mut room.projection)?;
        } else {
            let all = (0..block.columns.len()).map(|column| value(column).unwrap_or(Value::Null));
            let inputs = arena.alloc_slice_fill_iter(all);
            let projected = self.plan.project(&Scope { inputs, arena }, &mut room.projection);
            let refused = |why| format!("belongs to an event that a condition refuses: {why}");
            projected.map_err(|fault| self.table.bad(self.time, place, refused(fault.why)))?;
        }
        room.events.push(Head { time, id, version }, &room.projection);
        Ok(known_at)
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

/// Room that is used event by event.
pub(super) struct Room<'v> {
    pub(super) projection: Vec<Value<'v>>,
    pub(super) events: Events<'v>,
}
