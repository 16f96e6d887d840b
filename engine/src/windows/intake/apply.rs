//! What the events of a batch make of the stored state of one entity.

use super::EntityEvents;
use crate::windows::{Accepted, BadState, State, WindowPlan};

/// The most times that a state which is nearly full is tried with more events; those that are left are refused untried.
const MOST_TRIES: usize = 256;

/// A state with events applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The bytes to store; none: those that are stored already.
    pub value: Option<Vec<u8>>,
    /// The events that the view refuses, by their positions in the order of time.
    pub refused: Vec<(usize, Refused)>,
}

/// Why a view refuses a good event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is at or before this time, in microseconds, up to which the state has let go of events or sealed them.
    Late(i64),
    /// The state would be larger than is allowed: at least this many bytes.
    TooLarge(usize),
}

impl WindowPlan {
    /// Applies events to a state in the order of their times: all of them, or where the state would have more than `max_bytes` bytes, those
    /// that fit, oldest first. `stored`: the state as it is stored; none: there is none.
    ///
    /// # Errors
    /// Stored bytes that are no state of the view: nothing may take their place.
    pub fn apply(
        &self,
        stored: Option<&[u8]>,
        events: EntityEvents<'_, '_>,
        max_bytes: usize,
    ) -> Result<Applied, BadState> {
        let mut state = State::of(self, stored)?;
        let mut refused = Vec::new();
        self.accept(&mut state, events, 0..events.len(), &mut refused);
        let mut value = self.settled(&mut state)?;
        if value.len() > max_bytes {
            refused.clear();
            value = Limited::new(self, stored, events, max_bytes)?.run(&mut refused)?;
        }
        let is_new = stored != Some(value.as_slice());
        Ok(Applied { value: is_new.then_some(value), refused })
    }

    fn accept<'a>(
        &self,
        state: &mut State<'a>,
        events: EntityEvents<'a, 'a>,
        range: std::ops::Range<usize>,
        refused: &mut Vec<(usize, Refused)>,
    ) {
        for at in range {
            let Some((head, projection)) = events.get(at) else { continue };
            match state.accept(self, head, projection) {
                Accepted::Kept => {}
                Accepted::Late => {
                    refused.push((at, Refused::Late(state.retention(self).max(state.sealed(self)))));
                }
            }
        }
    }

    fn settled(&self, state: &mut State<'_>) -> Result<Vec<u8>, BadState> {
        state.settle(self).map_err(BadState)?;
        let mut value = Vec::new();
        state.encode(self, &mut value);
        Ok(value)
    }
}

/// A state that has not room for all events.
struct Limited<'a> {
    plan: &'a WindowPlan,
    state: State<'a>,
    events: EntityEvents<'a, 'a>,
    max_bytes: usize,
    tries: usize,
}

/// A state with more events: whether it fits, and its bytes.
struct Tried<'a> {
    state: State<'a>,
    refused: Vec<(usize, Refused)>,
    bytes: usize,
}

impl<'a> Limited<'a> {
    fn new(
        plan: &'a WindowPlan,
        stored: Option<&'a [u8]>,
        events: EntityEvents<'a, 'a>,
        max_bytes: usize,
    ) -> Result<Self, BadState> {
        let state = State::of(plan, stored)?;
        Ok(Self { plan, state, events, max_bytes, tries: 0 })
    }

    /// Takes run after run of events that fit, and refuses the one after each. Gives the bytes in the end.
    fn run(mut self, refused: &mut Vec<(usize, Refused)>) -> Result<Vec<u8>, BadState> {
        let mut next = 0;
        while next < self.events.len() && self.tries < MOST_TRIES {
            next = self.longest(next, refused)?;
            if next < self.events.len() {
                self.refuse(next, refused)?;
                next += 1;
            }
        }
        for at in next..self.events.len() {
            self.refuse(at, refused)?;
        }
        self.plan.settled(&mut self.state)
    }

    /// Takes the longest run of events that fits, by halving; gives the first that is not in it.
    fn longest(&mut self, from: usize, refused: &mut Vec<(usize, Refused)>) -> Result<usize, BadState> {
        let (mut fits, mut too_many) = (from, self.events.len() + 1);
        let mut best = None;
        // The whole rest first: once something was refused there may be room for it.
        let mut to = self.events.len();
        while fits + 1 < too_many && self.tries < MOST_TRIES {
            let tried = self.with(from..to)?;
            if tried.bytes <= self.max_bytes {
                fits = to;
                best = Some(tried);
            } else {
                too_many = to;
            }
            to = fits + (too_many - fits) / 2;
        }
        if let Some(best) = best {
            self.state = best.state;
            refused.extend(best.refused);
        }
        Ok(fits)
    }

    fn with(&mut self, range: std::ops::Range<usize>) -> Result<Tried<'a>, BadState> {
        self.tries += 1;
        let (mut state, mut refused) = (self.state.clone(), Vec::new());
        self.plan.accept(&mut state, self.events, range, &mut refused);
        let bytes = self.plan.settled(&mut state)?.len();
        Ok(Tried { state, refused, bytes })
    }

    /// Refuses an event for which there is no room, unless it is late anyway.
    fn refuse(&mut self, at: usize, refused: &mut Vec<(usize, Refused)>) -> Result<(), BadState> {
        let Some((head, _)) = self.events.get(at) else { return Ok(()) };
        let until = self.state.retention(self.plan).max(self.state.sealed(self.plan));
        if head.time <= until {
            refused.push((at, Refused::Late(until)));
            return Ok(());
        }
        let bytes = if self.tries < MOST_TRIES { self.with(at..at + 1)?.bytes } else { self.max_bytes + 1 };
        refused.push((at, Refused::TooLarge(bytes.max(self.max_bytes + 1))));
        self.state.refuse(head.time);
        self.state.settle(self.plan).map_err(BadState)
    }
}
