//! The features of a view at a time t, from the state of an entity: a pure function of the state, t and the row of the request.

use bumpalo::Bump;

use super::accumulator::{Accumulator, Read, Use};
use super::bounds::{Span, floor};
use super::events::{Head, Id};
use super::plan::WindowPlan;
use super::state::{State, merge_tile};
use crate::scope::Fault;
use crate::status::Reason;
use crate::value::Value;

/// What a request says beside the state.
#[derive(Clone, Copy, Debug)]
pub struct At<'a, 'v> {
    /// The time t, in microseconds since 1970-01-01 UTC.
    pub t: i64,
    /// From which time on the view knows all events, unless the state says otherwise; the least time: it always did.
    pub complete_since: i64,
    /// The projection of the request's row, for a view that includes it.
    pub request: Option<&'a [Value<'v>]>,
}

const TOO_OLD: Fault =
    Fault { reason: Reason::AsOfTooOld, why: "the window reaches further back than the state of the entity" };
const INCOMPLETE: Fault =
    Fault { reason: Reason::Incomplete, why: "the window reaches further back than the view knows all events" };
const LIMIT: Fault = Fault {
    reason: Reason::StateLimit,
    why: "the window has an event that was refused because the state was too large",
};

impl WindowPlan {
    /// Computes every feature, each once, and gives it with its position: a value or null, or why there is neither.
    ///
    /// # Errors
    /// A state whose tiles can't be read, in words.
    pub fn evaluate<'v>(
        &'v self,
        state: &'v State<'v>,
        at: At<'_, 'v>,
        arena: &'v Bump,
        mut give: impl FnMut(usize, Result<Value<'v>, Fault>),
    ) -> Result<(), &'static str> {
        let mut accumulators: Vec<Accumulator<'v>> = self.specs.iter().map(|spec| spec.start(Use::Once)).collect();
        if let Some(request) = at.request.filter(|_| self.include_request()) {
            let head = Head { time: at.t, id: Id::None, version: 0 };
            self.of_request(request, &head, &mut accumulators, Accumulator::add);
        }
        let end = self.bounds.end(at.t);
        let mut events = state.events.until(end);
        let mut tiles = state.tiles.partition_point(|tile| tile.edge <= end);
        // Windows end together: the events of a shorter one are those of a longer one too.
        for (index, length) in self.lengths.iter().enumerate() {
            let span = self.bounds.span(at.t, *length);
            while let Some(before) = events.checked_sub(1)
                && let Some(head) = state.events.heads().get(before)
                && head.time > span.start
            {
                let row = state.events.row(before);
                for (accumulator, spec) in accumulators.iter_mut().zip(&self.specs) {
                    if let Some(value) = spec.read(head, row) {
                        accumulator.add(head, value);
                    }
                }
                events = before;
            }
            while let Some(before) = tiles.checked_sub(1)
                && let Some(tile) = state.tiles.get(before)
                && tile.edge > span.start
            {
                merge_tile(self, &mut accumulators, &tile.saved)?;
                tiles = before;
            }
            let fault = self.fault(state, span, length.is_none(), at.complete_since);
            for (position, feature) in self.finishers().iter().enumerate().filter(|(_, it)| it.length == index) {
                give(position, fault.map_or_else(|| feature.finish(&accumulators, at.t, arena), Err));
            }
        }
        Ok(())
    }

    /// Adds the row of the request, which is later than every event.
    /// Gives what the row of the request is to each accumulator that reads it. When it comes is no event: it is not read for its time.
    pub(super) fn of_request<'v>(
        &self,
        request: &[Value<'v>],
        head: &Head<'v>,
        accumulators: &mut [Accumulator<'v>],
        change: impl Fn(&mut Accumulator<'v>, &Head<'v>, Value<'v>),
    ) {
        for (accumulator, spec) in accumulators.iter_mut().zip(&self.specs).filter(|(_, spec)| spec.read != Read::Time)
        {
            if let Some(value) = spec.read(head, request) {
                change(accumulator, head, value);
            }
        }
    }

    /// Why a window can't be known; none: it can.
    fn fault(&self, state: &State<'_>, span: Span, is_lifetime: bool, complete_since: i64) -> Option<Fault> {
        let retention = state.retention(self);
        let is_too_old = match self.bounds.hop {
            None => span.start < retention,
            Some(hop) => {
                let cuts = span.end < state.sealed(self) && span.end.rem_euclid(hop) != 0;
                cuts || if is_lifetime { span.end < floor(retention, hop) } else { span.start < retention }
            }
        };
        if is_too_old {
            return Some(TOO_OLD);
        }
        let complete_since = state.complete_since.unwrap_or(complete_since);
        // What it let go of while windows were shorter it does not know either; of a lifetime it lets go of nothing.
        let known = if is_lifetime { complete_since } else { complete_since.max(state.let_go) };
        if span.start < known && !self.warm_up_serves() {
            return Some(INCOMPLETE);
        }
        let (oldest, newest) = state.refused?;
        (span.start < newest && oldest <= span.end).then_some(LIMIT)
    }
}
