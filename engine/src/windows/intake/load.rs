//! The hand-over from history to live events: a state that was computed up to a cut, and the stored one that live events went to.

use crate::row::time;
use crate::windows::bounds::floor;
use crate::windows::values::IdKind;
use crate::windows::{BadState, State, WindowPlan};

/// A state that was computed from history.
#[derive(Clone, Copy, Debug)]
pub struct LoadedState<'a> {
    /// Its bytes; none: the entity is to have no events up to the cut, whoever wrote them.
    pub bytes: Option<&'a [u8]>,
    /// It has all events up to this time, in microseconds, and none after it; an edge of a tile, under a hop.
    pub cut: i64,
    /// From when on it knows all events, in microseconds; the least time: it always did.
    pub complete_since: i64,
}

/// What a load made of a stored state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The bytes to store; none: those that are stored already.
    pub value: Option<Vec<u8>>,
    /// With the stored events after the cut the state would have so many bytes, which is too many. The stored one stays, and from now on
    /// windows that have a time of the loaded one are errors.
    pub too_large: Option<usize>,
}

/// Why a state can't be loaded. The stored one stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The bytes are no state of the view.
    #[error("{0}")]
    Bad(BadState),
    /// It has an event after the cut.
    #[error("the state has an event at {0}, after the cut")]
    AfterCut(String),
    /// The stored state can't be read: nothing may take its place.
    #[error("{0}")]
    Stored(BadState),
    /// What the stored state knows up to the cut can't be told apart from what it knows after it.
    #[error("the stored state has merged all events up to {0}, after the cut; load states of a later cut")]
    Merged(String),
}

impl WindowPlan {
    /// The edges of tiles around a cut that is none, the one at or before it first; none: the cut can be taken.
    #[must_use]
    pub fn edges_around(&self, cut: i64) -> Option<(i64, i64)> {
        let hop = self.bounds.hop?;
        let before = floor(cut, hop);
        (before != cut).then(|| (before, before.saturating_add(hop)))
    }

    /// What is to be stored: the loaded state with the stored events that it can't have.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn load(&self, stored: Option<&[u8]>, loaded: LoadedState<'_>, max_bytes: usize) -> Result<Loaded, LoadError> {
        let Some(bytes) = loaded.bytes else {
            return Ok(Loaded { value: self.forget(stored, loaded.cut)?, too_large: None });
        };
        let mut state = State::decode(self, bytes).map_err(LoadError::Bad)?;
        if let Some(newest) = state.newest().filter(|newest| *newest > loaded.cut) {
            return Err(LoadError::AfterCut(time::shown(newest)));
        }
        state.set_complete_since(loaded.complete_since);
        let broken = |why| LoadError::Bad(BadState(why));
        let (oldest, newest) = (state.oldest(self), state.newest());
        match stored {
            Some(stored) => {
                let mut live = State::decode(self, stored).map_err(LoadError::Stored)?;
                live.forget(self, loaded.cut, state.sealed(self))?;
                live.know_since(loaded.cut);
                state.merge(self, &live).map_err(broken)?;
            }
            None => state.settle(self).map_err(broken)?,
        }
        let mut value = Vec::new();
        state.encode(self, &mut value);
        let too_large = (value.len() > max_bytes).then_some(value.len());
        if too_large.is_some() {
            value.clear();
            let mut live = State::of(self, stored).map_err(LoadError::Stored)?;
            oldest.iter().chain(&newest).for_each(|time| live.refuse(*time));
            live.settle(self).map_err(|why| LoadError::Stored(BadState(why)))?;
            live.encode(self, &mut value);
        }
        Ok(Loaded { value: (stored != Some(value.as_slice())).then_some(value), too_large })
    }

    /// What is left of a stored state without its events up to a cut. None: it had none.
    fn forget(&self, stored: Option<&[u8]>, cut: i64) -> Result<Option<Vec<u8>>, LoadError> {
        let Some(stored) = stored else { return Ok(None) };
        let mut live = State::decode(self, stored).map_err(LoadError::Stored)?;
        live.forget(self, cut, cut)?;
        let mut value = Vec::new();
        live.encode(self, &mut value);
        Ok((stored != value.as_slice()).then_some(value))
    }
}

impl State<'_> {
    /// The time of its oldest event, or one before all that a tile stands for.
    fn oldest(&self, plan: &WindowPlan) -> Option<i64> {
        let Some(tile) = self.tiles.first() else { return self.events.heads().first().map(|head| head.time) };
        let is_merged = plan.lengths.contains(&None);
        Some(if is_merged { i64::MIN } else { tile.edge.saturating_sub(plan.bounds.hop.unwrap_or(0)) })
    }

    /// Takes back from when on it says to know all events, as the load says that of all up to the cut.
    fn know_since(&mut self, cut: i64) {
        self.complete_since = None;
        if self.let_go <= cut {
            self.let_go = i64::MIN;
        }
    }

    /// Lets go of what a state that was loaded up to a cut has too, and what can't be told apart from that: without ids all events up to
    /// the cut, under a hop the tiles up to it and the events up to `sealed`, which the loaded state has in tiles.
    fn forget(&mut self, plan: &WindowPlan, cut: i64, sealed: i64) -> Result<(), LoadError> {
        let has_ids = plan.ids() != IdKind::None;
        self.events.drop_before(self.events.until(if has_ids { sealed } else { cut }));
        if let Some(hop) = plan.bounds.hop {
            let merged_until = floor(self.retention(plan), hop);
            let is_merged = |edge: i64| cut < edge && edge <= merged_until;
            if let Some(first) = self.tiles.first().filter(|tile| plan.lengths.contains(&None) && is_merged(tile.edge))
            {
                return Err(LoadError::Merged(time::shown(first.edge)));
            }
            self.tiles.retain(|tile| tile.edge > cut);
        }
        // The loaded state has what was refused up to the cut.
        self.refused = self
            .refused
            .filter(|(_, newest)| *newest > cut)
            .map(|(oldest, newest)| (oldest.max(cut.saturating_add(1)), newest));
        Ok(())
    }
}
