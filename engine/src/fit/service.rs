//! The fit of a service: all its slots over the same rows.

use std::collections::BTreeSet;
use std::fmt;

use super::TORN;
use super::slot::{FittedSlot, SlotFit};
use crate::definitions::Service;
use crate::numbers::{Reader, put_count};
use crate::scope::{Fault, Scope};
use crate::transforms::Other;
use crate::value::Value;

/// The first byte of a saved state: the version of its form.
const VERSION: u8 = 1;

/// The fit of a service, in passes over its rows:
///
/// 1. for every row [`ServiceFit::row`], then for every slot that [`ServiceFit::wants`] it [`ServiceFit::update`];
/// 2. [`ServiceFit::finish_pass`], which gives what was fitted, or asks for another pass over the same rows.
///
/// To fit parts of the data apart, send [`ServiceFit::save`] as it is at the start of a pass to each worker, where a new fit takes
/// it with [`ServiceFit::merge`]; merge what the workers save after their rows into the first one, and finish the pass there.
#[derive(Debug)]
pub struct ServiceFit {
    slots: Vec<SlotFit>,
    /// Passes that are finished.
    pass: u32,
    rows: u64,
    /// The first and the last t.
    interval: Option<(i64, i64)>,
}

/// What a pass gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Pass {
    /// Another pass over the same rows is needed.
    Again,
    /// All is fitted.
    Done(FittedService),
}

/// What was fitted for a service.
#[derive(Clone, Debug, PartialEq)]
pub struct FittedService {
    /// Rows it was fitted on.
    pub rows: u64,
    /// The first and the last t of these rows, in microseconds; none without rows.
    pub interval: Option<(i64, i64)>,
    /// In the order of the definition.
    pub slots: Vec<FittedSlot>,
}

/// Why a slot can't be fitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FitError {
    /// The slot; none: the state as a whole.
    pub slot: Option<String>,
    /// The number of the step in its slot, from 1, and its name.
    pub step: Option<(usize, &'static str)>,
    /// What is wrong: lower case, no final stop.
    pub message: String,
}

impl fmt::Display for FitError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(slot) = &self.slot {
            write!(formatter, "slot `{slot}`, ")?;
        }
        if let Some((number, name)) = self.step {
            write!(formatter, "step {number} (`{name}`): ")?;
        }
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for FitError {}

impl FitError {
    fn of(slot: &SlotFit, message: String) -> Self {
        Self { slot: Some(slot.name.clone()), step: slot.step(), message }
    }

    fn torn() -> Self {
        Self { slot: None, step: None, message: TORN.to_owned() }
    }
}

/// The columns of the training rows that steps of a service take as their targets.
#[must_use]
pub fn target_columns(service: &Service) -> BTreeSet<String> {
    let steps = service.slots.iter().flat_map(|slot| &slot.steps);
    steps.filter_map(|step| step.step.fit(step.input)?.target().map(str::to_owned)).collect()
}

impl ServiceFit {
    /// An empty fit. `other` gives the place of an input that a step reads besides its own (`coalesce`, `cross`), as the scopes of
    /// [`ServiceFit::update`] number inputs.
    ///
    /// # Errors
    /// A step that can't be built.
    pub fn new(service: &Service, other: &dyn Fn(&str) -> Other) -> Result<Self, FitError> {
        let slots = service.slots.iter().map(|slot| {
            SlotFit::new(slot, other).map_err(|message| FitError { slot: Some(slot.name.clone()), step: None, message })
        });
        Ok(Self { slots: slots.collect::<Result<_, _>>()?, pass: 0, rows: 0, interval: None })
    }

    /// Begins a row, whose t is given in microseconds, if it has one.
    pub fn row(&mut self, t: Option<i64>) {
        if self.pass == 0 {
            self.rows += 1;
            self.widen(t.map(|t| (t, t)));
        }
    }

    fn widen(&mut self, other: Option<(i64, i64)>) {
        self.interval = match (self.interval, other) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, None) | (None, one) => one,
        };
    }

    /// Whether this pass needs the values of a slot. The first needs those of all.
    #[must_use]
    pub fn wants(&self, slot: usize) -> bool {
        self.slots.get(slot).is_some_and(|slot| self.pass == 0 || !slot.is_done())
    }

    /// The column whose value [`ServiceFit::update`] takes as the target of a slot in this pass.
    #[must_use]
    pub fn target(&self, slot: usize) -> Option<&str> {
        self.slots.get(slot).and_then(SlotFit::target)
    }

    /// Takes the value of a slot before its first step, and of its target (null if it has none).
    ///
    /// # Errors
    /// A value that can't be fitted, such as one too many distinct ones.
    pub fn update(
        &mut self,
        slot: usize,
        value: Result<Value<'_>, Fault>,
        target: Value<'_>,
        scope: &Scope<'_>,
    ) -> Result<(), FitError> {
        let Some(slot) = self.slots.get_mut(slot) else { return Ok(()) };
        if self.pass == 0 {
            slot.stats.add(value);
        }
        slot.update(value, target, scope).map_err(|message| FitError::of(slot, message))
    }

    /// Ends a pass over all rows.
    ///
    /// # Errors
    /// For every slot that can't be fitted, why: a column that is empty or all null, above all.
    pub fn finish_pass(&mut self) -> Result<Pass, Vec<FitError>> {
        let mut errors = Vec::new();
        for slot in &mut self.slots {
            if let Err(message) = slot.finish_pass() {
                let stats = &slot.stats;
                let seen = format!(
                    "{message} ({} rows; before the first step {} null, {} ERROR)",
                    stats.rows, stats.nulls, stats.errors
                );
                errors.push(FitError::of(slot, seen));
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        self.pass += 1;
        if !self.slots.iter().all(SlotFit::is_done) {
            return Ok(Pass::Again);
        }
        let slots = self.slots.iter().map(SlotFit::fitted).collect();
        Ok(Pass::Done(FittedService { rows: self.rows, interval: self.interval, slots }))
    }

    /// The state as bytes, to be merged elsewhere. Equal rows give equal bytes.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.pass.to_le_bytes());
        out.extend_from_slice(&self.rows.to_le_bytes());
        // Without rows the ends are the wrong way round.
        let (first, last) = self.interval.unwrap_or((i64::MAX, i64::MIN));
        out.extend_from_slice(&first.to_le_bytes());
        out.extend_from_slice(&last.to_le_bytes());
        put_count(self.slots.len(), &mut out);
        self.slots.iter().for_each(|slot| slot.save(&mut out));
        out
    }

    /// Takes in what another fit of the same service saved in the same pass. A fit that has seen no row takes over the pass
    /// that the other is in.
    ///
    /// # Errors
    /// Bytes of another service, pass or version; more distinct values together than a step allows. The fit is of no use then.
    pub fn merge(&mut self, saved: &[u8]) -> Result<(), FitError> {
        let mut reader = Reader::new(saved);
        let Header { pass, rows, interval, slots } = Header::read(&mut reader).ok_or_else(FitError::torn)?;
        let adopt = self.pass == 0 && self.rows == 0 && pass > 0;
        if slots != self.slots.len() || (pass != self.pass && !adopt) {
            return Err(FitError::torn());
        }
        for slot in &mut self.slots {
            slot.merge(&mut reader, pass == 0, adopt).map_err(|message| FitError::of(slot, message))?;
        }
        if !reader.is_done() {
            return Err(FitError::torn());
        }
        if pass == 0 || adopt {
            self.rows += rows;
            self.widen(interval);
        }
        self.pass = pass;
        Ok(())
    }
}

/// What stands before the slots of a saved state.
struct Header {
    pass: u32,
    rows: u64,
    interval: Option<(i64, i64)>,
    slots: usize,
}

impl Header {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        if reader.u8()? != VERSION {
            return None;
        }
        let (pass, rows) = (reader.u32()?, reader.array().map(u64::from_le_bytes)?);
        let (first, last) = (reader.i64()?, reader.i64()?);
        Some(Self { pass, rows, interval: (first <= last).then_some((first, last)), slots: reader.count(4)? })
    }
}
