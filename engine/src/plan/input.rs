//! The values of one row's inputs, and the status of each.

use crate::scope::Fault;
use crate::status::{Reason, Status};
use crate::value::Value;

/// The status of an input or a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// The status.
    pub status: Status,
    /// Why it is ERROR.
    pub reason: Option<Reason>,
    /// The same in words; empty unless it is ERROR.
    pub why: &'static str,
}

impl State {
    /// There is a value.
    pub const PRESENT: Self = Self::of(Status::Present);
    /// Stored, and null.
    pub const NULL: Self = Self::of(Status::Null);
    /// No such entity, deleted, or no such feature in its row.
    pub const MISSING: Self = Self::of(Status::Missing);
    /// Older than its TTL.
    pub const EXPIRED: Self = Self::of(Status::Expired);

    const fn of(status: Status) -> Self {
        Self { status, reason: None, why: "" }
    }

    /// ERROR with a reason.
    #[must_use]
    pub const fn error(reason: Reason, why: &'static str) -> Self {
        Self { status: Status::Error, reason: Some(reason), why }
    }

    /// The fault that every slot has which reads this; none unless it is ERROR.
    #[must_use]
    pub const fn fault(self) -> Option<Fault> {
        match self.reason {
            Some(reason) => Some(Fault { reason, why: self.why }),
            None => None,
        }
    }
}

impl From<Fault> for State {
    fn from(fault: Fault) -> Self {
        Self::error(fault.reason, fault.why)
    }
}

/// One row of inputs, filled anew for every row.
#[derive(Clone, Debug)]
pub struct InputRow<'v> {
    values: Vec<Value<'v>>,
    states: Vec<State>,
    has_error: bool,
}

impl<'v> InputRow<'v> {
    /// A row of so many inputs, all MISSING.
    #[must_use]
    pub fn new(inputs: usize) -> Self {
        Self { values: vec![Value::Null; inputs], states: vec![State::MISSING; inputs], has_error: false }
    }

    /// Makes all inputs MISSING again.
    pub fn clear(&mut self) {
        self.values.fill(Value::Null);
        self.states.fill(State::MISSING);
        self.has_error = false;
    }

    /// Sets an input that comes with its value: PRESENT, or NULL.
    pub fn set(&mut self, index: usize, value: Value<'v>) {
        self.put(index, value, if value.is_null() { State::NULL } else { State::PRESENT });
    }

    /// Sets an input to a value that is there.
    #[inline]
    pub(super) fn present(&mut self, index: usize, value: Value<'v>) {
        if let (Some(old), Some(old_state)) = (self.values.get_mut(index), self.states.get_mut(index)) {
            *old = value;
            *old_state = State::PRESENT;
        }
    }

    /// Sets an input and its status: a default that fills a MISSING value, for instance.
    pub fn put(&mut self, index: usize, value: Value<'v>, state: State) {
        if let (Some(old), Some(old_state)) = (self.values.get_mut(index), self.states.get_mut(index)) {
            *old = value;
            *old_state = state;
            self.has_error |= state.reason.is_some();
        }
    }

    /// All values.
    #[must_use]
    pub fn values(&self) -> &[Value<'v>] {
        &self.values
    }

    /// The status of an input.
    #[must_use]
    pub fn state(&self, index: usize) -> State {
        self.states.get(index).copied().unwrap_or(State::MISSING)
    }

    /// The fault of the first of these inputs that is ERROR.
    pub(super) fn fault(&self, reads: &[usize]) -> Option<Fault> {
        if !self.has_error {
            return None;
        }
        reads.iter().find_map(|&index| self.state(index).fault())
    }

    /// The worst status of these inputs: ERROR before EXPIRED before MISSING before NULL before PRESENT.
    pub(super) fn worst(&self, reads: &[usize]) -> State {
        reads.iter().map(|&index| self.state(index)).max_by_key(|state| state.status as u8).unwrap_or(State::PRESENT)
    }
}
