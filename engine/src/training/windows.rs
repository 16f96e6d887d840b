//! Window views, joined: each entity's events and rows in one sweep, the entities shared out among threads.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use bumpalo::Bump;

use super::TrainingError;
use super::dense::{Dense, Room};
use super::grid::{Grid, Part};
use super::groups::Groups;
use super::history::{BLOCK, History};
use super::marks::Marks;
use super::outputs::{Cells, JoinedFeature};
use super::shares::{at_once, in_shares, shares};
use super::spine::{Asking, Request, Spine};
use super::table::Place;
use crate::definitions::View;
use crate::dtype::{DType, Scalar};
use crate::plan::State;
use crate::scope::Fault;
use crate::value::Value;
use crate::windows::{Asked, Sink, WindowPlan};

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
    let (entities, asking) = spine.entities(&view.entity)?;
    let mut events = Groups::new(entities.find(&history.table, &history.keys)?, entities.len());
    let request = plan.include_request().then(|| spine.request(&plan)).transpose()?;
    let are_differences = features.iter().all(|feature| plan.is_difference(*feature));
    let dense = if are_differences { Dense::new(&history, &mut events, &asking, request.as_ref()) } else { None };
    let all: Vec<(String, DType)> =
        plan.features().map(|(name, dtype)| (format!("{}.{name}", view.name), dtype)).collect();
    let named: Vec<(String, DType)> = features.iter().filter_map(|feature| all.get(*feature).cloned()).collect();
    let job = Job { history: &history, spine, asking, events, request, features, named: &named };
    let (places, strays) = job.asking.rows.all_places();
    if let Some(dense) = &dense
        && let Some(mut grid) = Grid::new(&job.dtypes(), places.len())
    {
        let mut marks = job.run_dense(dense, &mut grid, threads)?;
        marks.push(std::iter::repeat_with(|| Marks::of_bad_keys(strays)).take(named.len()).collect());
        return Ok(grid.finish(&marks, &places, &named));
    }
    let mut parts = in_shares(job.events.len(), threads, |entity| job.weight(entity), |range| job.part(range))?;
    let mut last = job.cells(strays);
    last.iter_mut().for_each(|cells| cells.push_bad_keys(strays));
    parts.push(last);
    let mut joined = Vec::with_capacity(features.len());
    for (at, (name, dtype)) in named.iter().enumerate() {
        let of_feature: Vec<Cells> =
            parts.iter_mut().map(|part| std::mem::replace(&mut part[at], Cells::new(NONE, 0))).collect();
        joined.push(Cells::finish(&of_feature, &places, name.clone(), *dtype));
    }
    Ok(joined)
}

struct Job<'a> {
    history: &'a History<'a>,
    spine: &'a Spine<'a>,
    asking: Asking,
    events: Groups,
    request: Option<Request<'a>>,
    features: &'a [usize],
    /// Their names and types.
    named: &'a [(String, DType)],
}

impl Job<'_> {
    fn dtypes(&self) -> Vec<DType> {
        self.named.iter().map(|(_, dtype)| *dtype).collect()
    }

    /// Room for the values of every feature that is asked for.
    fn cells(&self, rows: usize) -> Vec<Cells> {
        self.named.iter().map(|(_, dtype)| Cells::new(*dtype, rows)).collect()
    }

    fn weight(&self, entity: usize) -> usize {
        self.events.range(entity).len() + self.asking.rows.range(entity).len()
    }

    /// For each feature of the view its position among those that are asked for.
    fn asked(&self) -> Vec<Option<usize>> {
        let mut asked = vec![None; self.history.plan.features().len()];
        for (at, feature) in self.features.iter().enumerate() {
            if let Some(place) = asked.get_mut(*feature) {
                *place = Some(at);
            }
        }
        asked
    }

    /// Fills in a grid, and gives the marks of its parts.
    fn run_dense(&self, dense: &Dense, grid: &mut Grid, threads: usize) -> Result<Vec<Vec<Marks>>, TrainingError> {
        let shares = shares(self.events.len(), threads, |entity| self.weight(entity));
        let rows_of = |share: &Range<usize>| share.clone().map(|entity| self.asking.rows.range(entity).len()).sum();
        let rows: Vec<usize> = shares.iter().map(rows_of).collect();
        let asked = self.asked();
        let jobs: Vec<(Range<usize>, Part<'_>)> = shares.into_iter().zip(grid.parts(&rows, &asked)).collect();
        at_once(jobs, |(entities, mut part)| {
            let (of, groups) = ((self.history, self.features), (&self.events, &self.asking));
            let (mut room, mut arena) = (Room::default(), Bump::new());
            for entity in entities {
                if !dense.sweep(of, groups, entity, &mut room, &mut part) {
                    self.block(&[entity], &arena, &mut part)?;
                    arena.reset();
                }
            }
            Ok(part.into_marks())
        })
    }

    /// The values of these entities.
    fn part(&self, entities: Range<usize>) -> Result<Vec<Cells>, TrainingError> {
        let rows = entities.clone().map(|entity| self.asking.rows.range(entity).len()).sum();
        let mut cells = self.cells(rows);
        let asked = self.asked();
        let mut output = Output { asked: &asked, cells: &mut cells };
        let mut arena = Bump::new();
        let mut entities = entities.peekable();
        while entities.peek().is_some() {
            let (mut block, mut events) = (Vec::new(), 0);
            while let Some(entity) = entities.next_if(|_| events < BLOCK) {
                events += self.events.range(entity).len();
                block.push(entity);
            }
            self.block(&block, &arena, &mut output)?;
            arena.reset();
        }
        Ok(cells)
    }

    /// The values of entities whose events are looked at one by one.
    fn block<S>(&self, entities: &[usize], arena: &Bump, output: &mut S) -> Result<(), TrainingError>
    where
        for<'s, 'v> &'s mut S: Sink<'v>,
    {
        let plan = self.history.plan;
        let events = entities.iter().flat_map(|entity| self.events.of(*entity));
        let places: Vec<Place> = events.map(|event| self.history.table.place(*event)).collect();
        let block = self.history.block(&places, arena)?;
        let requests = match &self.request {
            Some(request) => {
                let rows = entities.iter().flat_map(|entity| self.asking.rows.of(*entity));
                let places: Vec<Place> = rows.map(|row| self.spine.place(*row)).collect();
                Some(request.projections(plan, &places, arena)?)
            }
            None => None,
        };
        let projection = |at: usize| requests.as_ref()?.get(at * plan.width()..(at + 1) * plan.width());
        let times = entities.iter().flat_map(|entity| self.asking.times.get(self.asking.rows.range(*entity)));
        let asked: Vec<Asked<'_, '_>> =
            times.flatten().enumerate().map(|(at, t)| Asked { t: *t, request: projection(at) }).collect();
        let (mut next_event, mut next_row) = (0, 0);
        for entity in entities {
            let end = next_event + self.events.range(*entity).len();
            let (mut events, known_at) = self.history.events((&block, &places), next_event..end, arena)?;
            if known_at.is_none() {
                events.settle();
            }
            next_event = end;
            let end = next_row + self.asking.rows.range(*entity).len();
            plan.sweep(&events, known_at.as_deref(), asked.get(next_row..end).unwrap_or_default(), arena, &mut *output);
            next_row = end;
        }
        Ok(())
    }
}

/// Where the features of a view go.
struct Output<'a> {
    /// For each feature of the view the position of its cells, if it is asked for.
    asked: &'a [Option<usize>],
    cells: &'a mut [Cells],
}

impl Output<'_> {
    fn of(&mut self, feature: usize) -> Option<&mut Cells> {
        let at = self.asked.get(feature).copied().flatten()?;
        self.cells.get_mut(at)
    }
}

impl<'v> Sink<'v> for &mut Output<'_> {
    fn value(&mut self, _: usize, feature: usize, value: Result<Value<'v>, Fault>) {
        let Some(cells) = self.of(feature) else { return };
        match value {
            Ok(Value::Null) => cells.push(Value::Null, State::NULL.into()),
            Ok(value) => cells.push(value, State::PRESENT.into()),
            Err(fault) => cells.push(Value::Null, State::from(fault).into()),
        }
    }

    fn ints(&mut self, feature: usize, values: &[i64], present: Option<&[bool]>) {
        if let Some(cells) = self.of(feature) {
            cells.extend_ints(values, present);
        }
    }

    fn floats(&mut self, feature: usize, values: &[f64], present: Option<&[bool]>) {
        if let Some(cells) = self.of(feature) {
            cells.extend_floats(values, present);
        }
    }
}
