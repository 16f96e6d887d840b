//! The fit of one slot, step by step.

use serde_json::Value as Json;

use super::TORN;
use super::stats::SlotStats;
use crate::definitions::SlotDefinition;
use crate::numbers::{Reader, put_bytes, put_count};
use crate::scope::{Fault, Scope};
use crate::transforms::{Applied, Fit, Fitted, Guard, Other, StepDefinition};
use crate::value::Value;

/// What was fitted for a slot.
#[derive(Clone, Debug, PartialEq)]
pub struct FittedSlot {
    /// Its name.
    pub name: String,
    /// Rows it was fitted on.
    pub count: u64,
    /// Of them, those whose value before the first step was null: missing, withheld and NaN included.
    pub nulls: u64,
    /// Of them, those without even a null: ERROR.
    pub errors: u64,
    /// The least value before the first step: numbers, bools as 0 and 1, times in microseconds; else null.
    pub min: Json,
    /// The greatest.
    pub max: Json,
    /// For each step what was fitted, for [`crate::transforms::Step::kernel`]; null for a step that has nothing to fit.
    pub steps: Vec<Json>,
}

/// The fit of a slot. Steps are fitted in order: those before the one at hand are applied to every value it sees.
#[derive(Debug)]
pub(super) struct SlotFit {
    pub(super) name: String,
    steps: Vec<StepDefinition>,
    /// The other inputs of each step.
    others: Vec<Vec<Other>>,
    pub(super) stats: SlotStats,
    /// Of the steps that are done.
    fitted: Vec<Json>,
    applied: Vec<Applied>,
    /// Of the step at hand; none once all are done.
    current: Option<(Guard, Box<dyn Fit>)>,
}

impl SlotFit {
    pub(super) fn new(slot: &SlotDefinition, other: &dyn Fn(&str) -> Other) -> Result<Self, String> {
        let others =
            slot.steps.iter().map(|step| step.step.inputs().iter().map(|name| other(name)).collect()).collect();
        let mut fit = Self {
            name: slot.name.clone(),
            steps: slot.steps.clone(),
            others,
            stats: SlotStats::default(),
            fitted: Vec::new(),
            applied: Vec::new(),
            current: None,
        };
        fit.advance()?;
        Ok(fit)
    }

    /// Passes over steps that have nothing to fit, up to one that has.
    fn advance(&mut self) -> Result<(), String> {
        while let (None, Some(step)) = (&self.current, self.steps.get(self.fitted.len())) {
            match step.step.fit(step.input) {
                Some(fit) => self.current = Some((Guard::new(step), fit)),
                None => self.done(Json::Null)?,
            }
        }
        Ok(())
    }

    /// Ends the step at hand with what was fitted.
    fn done(&mut self, fitted: Json) -> Result<(), String> {
        let index = self.fitted.len();
        if let (Some(step), Some(others)) = (self.steps.get(index), self.others.get(index)) {
            self.applied.push(Applied::new(step, others, &fitted)?);
            self.fitted.push(fitted);
        }
        Ok(())
    }

    pub(super) const fn is_done(&self) -> bool {
        self.current.is_none()
    }

    /// The column whose values the step at hand takes as its target.
    pub(super) fn target(&self) -> Option<&str> {
        self.current.as_ref().and_then(|(_, fit)| fit.target())
    }

    /// The step at hand, for errors: its number from 1, and its name.
    pub(super) fn step(&self) -> Option<(usize, &'static str)> {
        let index = self.fitted.len();
        self.steps.get(index).map(|step| (index + 1, step.name))
    }

    /// Takes the slot's value of a row: through the steps that are done, to the fit of the step at hand. A row that one of them
    /// refuses is ERROR when it is served, and teaches nothing.
    pub(super) fn update(
        &mut self,
        value: Result<Value<'_>, Fault>,
        target: Value<'_>,
        scope: &Scope<'_>,
    ) -> Result<(), String> {
        let (Ok(value), Some((guard, fit))) = (value, &mut self.current) else { return Ok(()) };
        let made = self.applied.iter().try_fold(value, |value, step| step.apply(value, scope));
        match made.and_then(|value| guard.settle(value)) {
            Ok(value) => fit.update(value, target),
            Err(_refused) => Ok(()),
        }
    }

    /// Ends a pass.
    pub(super) fn finish_pass(&mut self) -> Result<(), String> {
        let Some((_, fit)) = &mut self.current else { return Ok(()) };
        if let Fitted::Done(fitted) = fit.finish()? {
            self.current = None;
            self.done(fitted)?;
            self.advance()?;
        }
        Ok(())
    }

    pub(super) fn fitted(&self) -> FittedSlot {
        let [min, max] = self.stats.range();
        let SlotStats { rows, nulls, errors, .. } = self.stats;
        FittedSlot { name: self.name.clone(), count: rows, nulls, errors, min, max, steps: self.fitted.clone() }
    }

    pub(super) fn save(&self, out: &mut Vec<u8>) {
        put_bytes(self.name.as_bytes(), out);
        self.stats.save(out);
        put_count(self.fitted.len(), out);
        self.fitted.iter().for_each(|fitted| put_bytes(fitted.to_string().as_bytes(), out));
        put_bytes(&self.current.as_ref().map_or_else(Vec::new, |(_, fit)| fit.save()), out);
    }

    /// Takes in the saved state of another part of the data in the same pass. With `adopt`, this fit has seen nothing yet and
    /// takes over the pass that the state is in.
    pub(super) fn merge(&mut self, reader: &mut Reader<'_>, first_pass: bool, adopt: bool) -> Result<(), String> {
        let name = reader.text().ok_or(TORN)?;
        let stats = SlotStats::read(reader).ok_or(TORN)?;
        let count = reader.count(4).ok_or(TORN)?;
        let fitted = (0..count)
            .map(|_| reader.bytes().and_then(|bytes| serde_json::from_slice(bytes).ok()))
            .collect::<Option<Vec<Json>>>()
            .ok_or(TORN)?;
        let state = reader.bytes().ok_or(TORN)?;
        if name != self.name || fitted.len() > self.steps.len() {
            return Err(TORN.to_owned());
        }
        if adopt {
            self.current = None;
            self.fitted.clear();
            self.applied.clear();
            fitted.into_iter().try_for_each(|fitted| self.done(fitted))?;
            self.advance()?;
        } else if self.fitted != fitted {
            return Err(TORN.to_owned());
        }
        if first_pass {
            self.stats.merge(&stats);
        } else if adopt {
            self.stats = stats;
        }
        match &mut self.current {
            Some((_, fit)) => fit.merge(state),
            None if state.is_empty() => Ok(()),
            None => Err(TORN.to_owned()),
        }
    }
}
