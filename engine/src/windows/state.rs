//! The state of one entity in one view: events that can still matter, and under a hop tiles of older ones.

use std::borrow::Cow;

use super::accumulator::{Accumulator, Use};
use super::bounds::{ceil, floor};
use super::events::{Events, Head};
use super::plan::WindowPlan;
use crate::numbers::Reader;
use crate::value::Value;

/// What is known of one entity: a function of the set of events that it accepted.
#[derive(Clone, Debug)]
pub struct State<'a> {
    /// The greatest event time that was ever accepted.
    pub(super) newest: Option<i64>,
    /// Up to which time it has let go of events, under whatever lengths the view had: R, unless windows became longer.
    pub(super) let_go: i64,
    /// From which time on it knows all events; none: as the view says.
    pub(super) complete_since: Option<i64>,
    /// The times of the oldest and the newest event that was refused because the state was too large.
    pub(super) refused: Option<(i64, i64)>,
    /// Events later than `sealed`.
    pub(super) events: Events<'a>,
    /// Sealed tiles by the edge that they end with, ascending: what their accumulators remember. The first may stand for all tiles up to it.
    pub(super) tiles: Vec<Tile<'a>>,
}

/// A sealed tile.
#[derive(Clone, Debug)]
pub(super) struct Tile<'a> {
    /// Its last time.
    pub(super) edge: i64,
    /// Accumulators as they are stored.
    pub(super) saved: Cow<'a, [u8]>,
}

/// What became of a new event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// The state has it, or a greater version of it.
    Kept,
    /// It is too old: no window can have it any more, or it can't be told from a repeat.
    Late,
}

impl<'a> State<'a> {
    /// No events at all.
    #[must_use]
    pub fn empty(plan: &WindowPlan) -> Self {
        Self {
            newest: None,
            let_go: i64::MIN,
            complete_since: None,
            refused: None,
            events: Events::new(plan.width()),
            tiles: Vec::new(),
        }
    }

    /// The events that it keeps one by one.
    #[must_use]
    pub const fn events(&self) -> &Events<'a> {
        &self.events
    }

    /// The greatest event time that was ever accepted, in microseconds.
    #[must_use]
    pub const fn newest(&self) -> Option<i64> {
        self.newest
    }

    /// The time of the newest event before t that it keeps one by one, else of the newest of all if that is before t.
    #[must_use]
    pub fn newest_before(&self, t: i64) -> Option<i64> {
        let before = self.events.until(t.saturating_sub(1)).checked_sub(1);
        let event = before.and_then(|at| self.events.heads().get(at)).map(|head| head.time);
        event.or_else(|| self.newest.filter(|newest| *newest < t))
    }

    /// From which time on it knows all events, in microseconds; none: as the view says.
    #[must_use]
    pub const fn complete_since(&self) -> Option<i64> {
        self.complete_since
    }

    /// Says from which time on it knows all events: a bulk load does.
    pub const fn set_complete_since(&mut self, time: i64) {
        self.complete_since = Some(time);
    }

    /// R of the contract: what is at or before it can't matter any more.
    #[must_use]
    pub fn retention(&self, plan: &WindowPlan) -> i64 {
        match self.newest {
            Some(newest) => newest.saturating_sub(plan.reach()).saturating_sub(plan.lateness),
            None => i64::MIN,
        }
    }

    /// The last edge up to which events are sealed in tiles; the least time without a hop.
    #[must_use]
    pub fn sealed(&self, plan: &WindowPlan) -> i64 {
        match (self.newest, plan.bounds.hop) {
            (Some(newest), Some(hop)) => floor(newest.saturating_sub(plan.lateness), hop),
            (_, None) | (None, _) => i64::MIN,
        }
    }

    /// Takes an event. [`State::settle`] comes before the state is evaluated or saved.
    pub fn accept(&mut self, plan: &WindowPlan, head: Head<'a>, projection: &[Value<'a>]) -> Accepted {
        if head.time <= self.retention(plan).max(self.sealed(plan)) {
            return Accepted::Late;
        }
        self.newest = Some(self.newest.map_or(head.time, |newest| newest.max(head.time)));
        self.events.push(head, projection);
        Accepted::Kept
    }

    /// Remembers that an event was refused because the state was too large: windows that have its time are errors from now on. It counts as
    /// seen, so that the state lets go of older ones and gets room again.
    pub fn refuse(&mut self, time: i64) {
        self.newest = Some(self.newest.map_or(time, |newest| newest.max(time)));
        self.refused = Some(match self.refused {
            Some((oldest, newest)) => (oldest.min(time), newest.max(time)),
            None => (time, time),
        });
    }

    /// Adds what another state of the entity knows. Events that both have count once; sealed tiles must come from events that
    /// are not in both.
    ///
    /// # Errors
    /// Tiles that can't be read, in words.
    pub fn merge(&mut self, plan: &WindowPlan, other: &Self) -> Result<(), &'static str> {
        self.newest = self.newest.max(other.newest);
        self.let_go = self.let_go.max(other.let_go);
        self.complete_since = match (self.complete_since, other.complete_since) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        for time in other.refused.iter().flat_map(|(oldest, newest)| [*oldest, *newest]) {
            self.refuse(time);
        }
        self.events.extend(&other.events);
        for tile in &other.tiles {
            self.add_tile(plan, tile)?;
        }
        self.settle(plan)
    }

    fn add_tile(&mut self, plan: &WindowPlan, tile: &Tile<'a>) -> Result<(), &'static str> {
        match self.tiles.binary_search_by_key(&tile.edge, |known| known.edge) {
            Err(at) => self.tiles.insert(at, tile.clone()),
            Ok(at) => {
                if let Some(known) = self.tiles.get_mut(at) {
                    let both: [&[u8]; 2] = [&known.saved, &tile.saved];
                    known.saved = Cow::Owned(merged(plan, &both)?);
                }
            }
        }
        Ok(())
    }

    /// Sorts and deduplicates what was accepted, seals tiles, and lets go of what can't matter any more.
    ///
    /// # Errors
    /// Tiles that can't be read, in words.
    pub fn settle(&mut self, plan: &WindowPlan) -> Result<(), &'static str> {
        self.events.settle();
        let retention = self.retention(plan);
        self.let_go = self.let_go.max(retention);
        if let Some(hop) = plan.bounds.hop {
            self.seal(plan, hop)?;
            self.let_go_of_tiles(plan, floor(retention, hop))?;
        } else {
            self.events.drop_before(self.events.until(retention));
        }
        if self.refused.is_some_and(|(_, newest)| newest <= retention) && !plan.lengths.contains(&None) {
            self.refused = None;
        }
        Ok(())
    }

    /// Puts the events up to `sealed` into tiles.
    fn seal(&mut self, plan: &WindowPlan, hop: i64) -> Result<(), &'static str> {
        let sealed = self.events.until(self.sealed(plan));
        let mut from = 0;
        while from < sealed {
            let Some(head) = self.events.heads().get(from) else { break };
            let edge = ceil(head.time, hop);
            let to = self.events.until(edge).min(sealed);
            let tile = Tile { edge, saved: Cow::Owned(saved(plan, &self.events, from..to)) };
            self.add_tile(plan, &tile)?;
            from = to;
        }
        self.events.drop_before(sealed);
        Ok(())
    }

    /// Drops the tiles that no window has any more; those that lifetime windows have become one.
    fn let_go_of_tiles(&mut self, plan: &WindowPlan, before: i64) -> Result<(), &'static str> {
        let old = self.tiles.partition_point(|tile| tile.edge <= before);
        if !plan.lengths.contains(&None) {
            self.tiles.drain(..old);
        } else if old > 1 {
            let all: Vec<&[u8]> = self.tiles.iter().take(old).map(|tile| &*tile.saved).collect();
            let saved = Cow::Owned(merged(plan, &all)?);
            let edge = self.tiles.get(old - 1).map_or(before, |tile| tile.edge);
            self.tiles.splice(..old, [Tile { edge, saved }]);
        }
        Ok(())
    }
}

/// What the accumulators of a tile remember of its events.
fn saved(plan: &WindowPlan, events: &Events<'_>, tile: std::ops::Range<usize>) -> Vec<u8> {
    let mut out = Vec::new();
    for spec in &plan.specs {
        let mut accumulator = spec.start(Use::Once);
        for at in tile.clone() {
            let Some(head) = events.heads().get(at) else { continue };
            if let Some(value) = spec.read(head, events.row(at)) {
                accumulator.add(head, value);
            }
        }
        accumulator.save(spec, &mut out);
    }
    out
}

/// Several tiles as one.
fn merged(plan: &WindowPlan, tiles: &[&[u8]]) -> Result<Vec<u8>, &'static str> {
    let mut accumulators: Vec<_> = plan.specs.iter().map(|spec| spec.start(Use::Once)).collect();
    for tile in tiles {
        merge_tile(plan, &mut accumulators, tile)?;
    }
    let mut out = Vec::new();
    for (accumulator, spec) in accumulators.iter().zip(&plan.specs) {
        accumulator.save(spec, &mut out);
    }
    Ok(out)
}

/// Adds what a tile remembers.
pub(super) fn merge_tile<'t>(
    plan: &WindowPlan,
    accumulators: &mut [Accumulator<'t>],
    tile: &'t [u8],
) -> Result<(), &'static str> {
    let mut reader = Reader::new(tile);
    for (accumulator, spec) in accumulators.iter_mut().zip(&plan.specs) {
        accumulator.merge_saved(spec, plan.ids(), &mut reader).ok_or(BAD_TILE)?;
    }
    if reader.is_done() { Ok(()) } else { Err(BAD_TILE) }
}

const BAD_TILE: &str = "a tile of the stored state can't be read";
