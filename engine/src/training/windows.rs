//! Window views, joined: each entity's events and rows in one sweep, the entities shared out among threads.

use std::sync::Arc;

use arrow_array::RecordBatch;
use bumpalo::Bump;

use super::TrainingError;
use super::entities::{Groups, NOBODY};
use super::history::{BLOCK, Block, History, Room};
use super::outputs::{Cells, JoinedFeature};
use super::shares::in_shares;
use super::spine::{Request, Spine};
use super::table::Place;
use crate::definitions::View;
use crate::dtype::{DType, Scalar};
use crate::plan::{RowState, State};
use crate::scope::Scope;
use crate::status::Reason;
use crate::value::Value;
use crate::windows::{Asked, Events, WindowPlan};

/// The type of what is not there.
const NONE: DType = DType::Scalar(Scalar::Float64);

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
        let weight = |entity: usize| self.events.of(entity).len() + self.rows.of(entity).len();
        in_shares(self.rows.len(), threads, weight, |range| self.part(range))
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
