//! Window views, joined: each entity's events and rows in one sweep, the entities shared out among threads.

use std::sync::Arc;

use arrow_array::RecordBatch;
use bumpalo::Bump;

use super::TrainingError;
use super::entities::{Groups, NOBODY};
use super::outputs::{Cells, JoinedFeature};
use super::spine::{Request, Spine};
use super::table::{Place, Table};
use crate::definitions::{EventId, Source, View};
use crate::dtype::{DType, Scalar};
use crate::plan::{RowState, State};
use crate::scope::Scope;
use crate::status::Reason;
use crate::value::Value;
use crate::windows::{Asked, Events, Head, Id, WindowPlan};

/// The type of what is not there.
const NONE: DType = DType::Scalar(Scalar::Float64);

/// The history of a source, and where its columns stand.
struct History<'a> {
    plan: &'a WindowPlan,
    table: Table<'a>,
    places: Vec<Place>,
    time: usize,
    id: Option<usize>,
    version: Option<usize>,
    known_at: Option<usize>,
    /// The columns that a projection reads.
    reads: Vec<usize>,
    /// Whether it is these columns alone.
    is_plain: bool,
}

/// The features at these positions of a window view, for every row of the spine.
pub(super) fn join(
    view: &Arc<View>,
    history: &[RecordBatch],
    spine: &Spine<'_>,
    features: &[usize],
    threads: usize,
) -> Result<Vec<JoinedFeature>, TrainingError> {
    let plan = WindowPlan::new(view).map_err(TrainingError::Definition)?;
    let history = History::new(&plan, history)?;
    let (mut entities, numbers) = spine.entities(&view.entity)?;
    let keys = view.entity.keys.iter().map(|key| history.column(&key.name)).collect::<Result<Vec<_>, _>>()?;
    let of_events = entities.of_rows(&history.table, &keys, false)?;
    let rows = spine.groups(&numbers, entities.len());
    let events = Groups::new(&of_events, entities.len());
    let reads: Vec<usize> = plan.reads().collect();
    let request = if plan.include_request() { Some(spine.request(plan.source(), &reads)?) } else { None };
    let job = Job { history: &history, spine, rows: &rows, events: &events, request: request.as_ref(), features };
    let mut parts = job.run(threads.max(1))?;
    // Rows whose key is no key come last.
    let strays: Vec<u32> = (0..spine.len() as u32).filter(|row| numbers[*row as usize] == NOBODY).collect();
    let bad_key = RowState::from(State::error(Reason::BadKey, ""));
    parts.push(job.cells(strays.len()));
    if let Some(cells) = parts.last_mut() {
        cells.iter_mut().for_each(|cells| strays.iter().for_each(|_| cells.push(Value::Null, bad_key)));
    }
    let order: Vec<u32> = rows.rows().iter().chain(&strays).copied().collect();
    let named: Vec<(String, DType)> =
        plan.features().map(|(name, dtype)| (format!("{}.{name}", view.name), dtype)).collect();
    let mut joined = Vec::with_capacity(features.len());
    for (at, feature) in features.iter().enumerate() {
        let mut of_feature = Vec::with_capacity(parts.len());
        for part in &mut parts {
            of_feature.push(std::mem::replace(&mut part[at], Cells::new(NONE, 0)));
        }
        let Some((name, dtype)) = named.get(*feature) else { continue };
        joined.push(Cells::finish(&of_feature, &order, name.clone(), *dtype));
    }
    Ok(joined)
}

impl<'a> History<'a> {
    fn new(plan: &'a WindowPlan, batches: &'a [RecordBatch]) -> Result<Self, TrainingError> {
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

    fn column(&self, name: &str) -> Result<usize, TrainingError> {
        let source = self.plan.source();
        let missing = || TrainingError::Column {
            table: source.name.clone(),
            column: name.to_owned(),
            why: "is not declared, and the view's entity has it as a key".to_owned(),
        };
        source.columns.iter().position(|column| column.name == name).ok_or_else(missing)
    }

    /// Reads the events at these places, column by column.
    fn block<'v>(&'v self, places: &[Place], arena: &'v Bump) -> Result<Block<'v>, TrainingError> {
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
    fn push<'v>(
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
struct Block<'v> {
    times: Vec<Value<'v>>,
    ids: Option<Vec<Value<'v>>>,
    versions: Option<Vec<Value<'v>>>,
    known_at: Option<Vec<Value<'v>>>,
    /// By the position of the column in the source; empty for one that no projection reads.
    columns: Vec<Vec<Value<'v>>>,
}

/// Events of a block: few enough that its columns stay near.
const BLOCK: usize = 4096;

/// Room that is used event by event.
struct Room<'v> {
    projection: Vec<Value<'v>>,
    events: Events<'v>,
}

struct Job<'a> {
    history: &'a History<'a>,
    spine: &'a Spine<'a>,
    rows: &'a Groups,
    events: &'a Groups,
    request: Option<&'a Request<'a>>,
    features: &'a [usize],
}

impl Job<'_> {
    /// Room for the values of every feature that is asked for.
    fn cells(&self, rows: usize) -> Vec<Cells> {
        let dtypes: Vec<DType> = self.history.plan.features().map(|(_, dtype)| dtype).collect();
        self.features.iter().map(|feature| Cells::new(dtypes.get(*feature).copied().unwrap_or(NONE), rows)).collect()
    }

    /// The values of all entities, in parts that follow each other.
    fn run(&self, threads: usize) -> Result<Vec<Vec<Cells>>, TrainingError> {
        let ranges = self.ranges(threads);
        std::thread::scope(|scope| {
            let workers: Vec<_> = ranges.into_iter().map(|range| scope.spawn(|| self.part(range))).collect();
            let gone = |_| Err(TrainingError::Definition("a thread of the join ended early".to_owned()));
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(gone)).collect()
        })
    }

    /// Entities, shared out by how many events and rows they have.
    fn ranges(&self, threads: usize) -> Vec<std::ops::Range<usize>> {
        let weight = |entity: usize| self.events.of(entity).len() + self.rows.of(entity).len();
        let total: usize = (0..self.rows.len()).map(weight).sum();
        let share = total.div_ceil(threads).max(1);
        let (mut ranges, mut start, mut taken) = (Vec::new(), 0, 0);
        for entity in 0..self.rows.len() {
            taken += weight(entity);
            if taken >= share {
                ranges.push(start..entity + 1);
                (start, taken) = (entity + 1, 0);
            }
        }
        ranges.push(start..self.rows.len());
        ranges
    }

    fn part(&self, entities: std::ops::Range<usize>) -> Result<Vec<Cells>, TrainingError> {
        let rows = entities.clone().map(|entity| self.rows.of(entity).len()).sum();
        let mut cells = self.cells(rows);
        // The cell of each feature of the view, if it is asked for.
        let mut asked = vec![None; self.history.plan.features().len()];
        for (at, feature) in self.features.iter().enumerate() {
            if let Some(place) = asked.get_mut(*feature) {
                *place = Some(at);
            }
        }
        let mut arena = Bump::new();
        let mut entities = entities.peekable();
        while entities.peek().is_some() {
            let (mut block, mut events) = (Vec::new(), 0);
            while let Some(entity) = entities.next_if(|_| events < BLOCK) {
                events += self.events.of(entity).len();
                block.push(entity);
            }
            self.block(&block, &arena, &asked, &mut cells)?;
            arena.reset();
        }
        Ok(cells)
    }

    fn block(
        &self,
        entities: &[usize],
        arena: &Bump,
        asked: &[Option<usize>],
        cells: &mut [Cells],
    ) -> Result<(), TrainingError> {
        let places: Vec<Place> = entities
            .iter()
            .flat_map(|entity| self.events.of(*entity))
            .filter_map(|event| self.history.places.get(*event as usize).copied())
            .collect();
        let block = self.history.block(&places, arena)?;
        let mut next = 0;
        for entity in entities {
            let end = next + self.events.of(*entity).len();
            self.entity(*entity, (&block, &places, next..end), arena, (asked, cells))?;
            next = end;
        }
        Ok(())
    }

    fn entity<'v>(
        &'v self,
        entity: usize,
        (block, places, events): (&Block<'v>, &[Place], std::ops::Range<usize>),
        arena: &'v Bump,
        (asked, cells): (&[Option<usize>], &mut [Cells]),
    ) -> Result<(), TrainingError> {
        let plan = self.history.plan;
        let mut room = Room { projection: Vec::new(), events: Events::new(plan.width()) };
        room.events.reserve(events.len());
        let mut known = Vec::new();
        for at in events {
            let Some(place) = places.get(at) else { continue };
            let from = self.history.push((block, at), *place, arena, &mut room)?;
            if self.history.known_at.is_some() {
                known.push(from);
            }
        }
        let known = self.history.known_at.map(|_| known.as_slice());
        let mut events = room.events;
        if known.is_none() {
            events.settle();
        }
        let rows = self.rows.of(entity);
        let mut requests: Vec<Value<'_>> = Vec::new();
        if let Some(request) = self.request {
            requests.reserve(rows.len() * plan.width());
            for row in rows {
                let Some(place) = self.spine.place(*row) else { continue };
                if self.history.is_plain {
                    plan.project_columns(|column| request.value(column, place, arena), &mut requests)?;
                    continue;
                }
                let mut columns = Vec::new();
                request.row(place, arena, &mut columns)?;
                let inputs = arena.alloc_slice_copy(&columns);
                let projected = plan.project(&Scope { inputs, arena }, &mut requests);
                projected.map_err(|fault| TrainingError::Value {
                    table: super::spine::SPINE.to_owned(),
                    column: plan.view().name.clone(),
                    row: *row as usize,
                    why: format!("has a condition that refuses the request: {}", fault.why),
                })?;
            }
        }
        let width = plan.width();
        let times = rows.iter().enumerate().map(|(at, row)| Asked {
            t: self.spine.times.get(*row as usize).copied().unwrap_or_default(),
            request: self.request.and_then(|_| requests.get(at * width..(at + 1) * width)),
        });
        plan.sweep(&events, known, times, arena, |_, feature, value| {
            if let Some(Some(at)) = asked.get(feature)
                && let Some(cells) = cells.get_mut(*at)
            {
                match value {
                    Ok(Value::Null) => cells.push(Value::Null, State::NULL.into()),
                    Ok(value) => cells.push(value, State::PRESENT.into()),
                    Err(fault) => cells.push(Value::Null, State::from(fault).into()),
                }
            }
        });
        Ok(())
    }
}
