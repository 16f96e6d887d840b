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
    /// A byte each: a row of many features is written over and over.
    statuses: Vec<Status>,
    /// Of the inputs that are ERROR.
    faults: Vec<(usize, Fault)>,
}

impl<'v> InputRow<'v> {
    /// A row of so many inputs, all MISSING.
    #[must_use]
    pub fn new(inputs: usize) -> Self {
        Self { values: vec![Value::Null; inputs], statuses: vec![Status::Missing; inputs], faults: Vec::new() }
    }

    /// Begins the next row. Every input has to be set again: one that is not keeps its value.
    pub fn begin(&mut self) {
        self.faults.clear();
    }

    /// Sets an input that comes with its value: PRESENT, or NULL.
    pub fn set(&mut self, index: usize, value: Value<'v>) {
        self.put(index, value, if value.is_null() { State::NULL } else { State::PRESENT });
    }

    /// Sets an input to a value that is there.
    #[inline]
    pub(super) fn present(&mut self, index: usize, value: Value<'v>) {
        if let (Some(old), Some(status)) = (self.values.get_mut(index), self.statuses.get_mut(index)) {
            *old = value;
            *status = Status::Present;
        }
    }

    /// Sets an input and its status: a default that fills a MISSING value, for instance.
    pub fn put(&mut self, index: usize, value: Value<'v>, state: State) {
        if let (Some(old), Some(status)) = (self.values.get_mut(index), self.statuses.get_mut(index)) {
            *old = value;
            *status = state.status;
            self.faults.extend(state.fault().map(|fault| (index, fault)));
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
        match self.statuses.get(index) {
            Some(Status::Present) => State::PRESENT,
            Some(Status::Null) => State::NULL,
            Some(Status::Expired) => State::EXPIRED,
            Some(Status::Error) => self.fault_of(index).map_or(State::MISSING, State::from),
            Some(Status::Missing) | None => State::MISSING,
        }
    }

    fn fault_of(&self, index: usize) -> Option<Fault> {
        self.faults.iter().find(|(of, _)| *of == index).map(|(_, fault)| *fault)
    }

    /// The fault of the first of these inputs that is ERROR.
    #[inline]
    pub(super) fn fault(&self, reads: &[usize]) -> Option<Fault> {
        if self.faults.is_empty() {
            return None;
        }
        reads.iter().find_map(|&index| self.fault_of(index))
    }

    /// The worst status of these inputs: ERROR before EXPIRED before MISSING before NULL before PRESENT.
    pub(super) fn worst(&self, reads: &[usize]) -> State {
        reads.iter().map(|&index| self.state(index)).max_by_key(|state| state.status as u8).unwrap_or(State::PRESENT)
    }
}
