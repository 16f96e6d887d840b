//! A service's plan: from the inputs of a row to its vector.

use std::sync::Arc;

use bumpalo::Bump;
use serde_json::Value as Json;

use super::input::{InputRow, State};
use super::layout::{Layout, LayoutError};
use super::slot::{Slot, round};
use super::view::ViewReader;
use super::window::WindowReader;
use crate::definitions::{Service, fingerprint};
use crate::dtype::{DType, Scalar};
use crate::scope::Scope;
use crate::transforms::{Applied, Output};
use crate::value::Value;

/// A service, fitted and ready.
#[derive(Debug)]
pub struct Plan {
    service: Arc<Service>,
    layout: Layout,
    slots: Vec<Slot>,
    /// The slots that are numbers by way of functions of one input, in order.
    numbers: Vec<NumberSlot>,
    /// All other slots and where their positions begin, in order.
    others: Vec<(usize, usize)>,
    readers: Vec<ViewReader>,
    windows: Vec<Option<WindowReader>>,
    width: usize,
    fingerprint: [u8; 32],
}

/// What a row needs to know of a slot that is a number: little, since it walks over all of them.
#[derive(Clone, Copy, Debug)]
struct NumberSlot {
    /// Its position among the slots.
    slot: usize,
    /// Its position in the vector.
    at: usize,
    input: usize,
    has_steps: bool,
}

/// Why a plan can't be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// This version can't compute the service.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A step has to be fitted first.
    #[error("service `{service}` is not fitted: slot `{slot}` has the step `{step}`, whose parameters come from data")]
    NotFitted {
        /// The service.
        service: String,
        /// The slot.
        slot: String,
        /// The step.
        step: &'static str,
    },
    /// The fitted parameters of a step are not what it takes.
    #[error("service `{service}`, slot `{slot}`, step `{step}`: {why}")]
    BadFit {
        /// The service.
        service: String,
        /// The slot.
        slot: String,
        /// The step.
        step: &'static str,
        /// What is wrong with them.
        why: String,
    },
}

/// The first slot of a row that has no finite number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incomplete {
    /// Its position among the slots.
    pub slot: usize,
    /// Why.
    pub state: State,
}

impl Plan {
    /// The plan of a service with its fitted parameters: for each slot a list with an entry for each step, null for one that has nothing to
    /// fit. None: a service that needs no fit.
    ///
    /// # Errors
    /// A service that can't be computed, is not fitted, or whose parameters are not its own.
    pub fn new(service: Arc<Service>, fitted: Option<&Json>) -> Result<Self, PlanError> {
        let layout = Layout::new(&service)?;
        let mut slots = Vec::with_capacity(service.slots.len());
        for (position, (definition, read)) in service.slots.iter().zip(layout.slots()).enumerate() {
            let mut steps = Vec::with_capacity(definition.steps.len());
            for (at, (step, others)) in definition.steps.iter().zip(&read.others).enumerate() {
                let parameters = fitted.and_then(|slots| slots.get(position)?.get(at)).unwrap_or(&Json::Null);
                if parameters.is_null() && step.step.fit(step.input).is_some() {
                    let (service, slot) = (service.name.clone(), definition.name.clone());
                    return Err(PlanError::NotFitted { service, slot, step: step.name });
                }
                steps.push(Applied::new(step, others, parameters).map_err(|why| PlanError::BadFit {
                    service: service.name.clone(),
                    slot: definition.name.clone(),
                    step: step.name,
                    why,
                })?);
            }
            let output = definition.steps.last().map_or(Output::One(read.dtype), |step| step.output.clone());
            let width = match (output, steps.last()) {
                (Output::One(DType::Vector(length)), _) => length as usize,
                (Output::One(_), _) | (Output::Wide, None) => 1,
                (Output::Wide, Some(step)) => step.width(),
            };
            let (name, source, reads) = (definition.name.clone(), read.source.clone(), read.reads.clone());
            // Without a step an int is rounded to float32 once, not by way of float64.
            let is_float = matches!(read.dtype, DType::Scalar(Scalar::Float32 | Scalar::Float64));
            let is_number =
                if steps.is_empty() { is_float } else { steps.iter().all(|step| step.function().is_some()) };
            slots.push(Slot { name, source, steps, reads, width, is_number });
        }
        let width = slots.iter().map(|slot| slot.width).sum();
        let readers = (0..service.views.len()).map(|view| ViewReader::new(&service, &layout, view)).collect();
        let windows = (0..service.views.len()).map(|view| WindowReader::new(&service, &layout, view));
        let windows = windows.collect::<Result<_, _>>()?;
        let fingerprint = fingerprint(&service, fitted);
        let (mut numbers, mut others, mut at) = (Vec::new(), Vec::new(), 0);
        for (position, slot) in slots.iter().enumerate() {
            match slot.number_input() {
                Some(input) => {
                    numbers.push(NumberSlot { slot: position, at, input, has_steps: !slot.steps.is_empty() });
                }
                None => others.push((position, at)),
            }
            at += slot.width;
        }
        Ok(Self { service, layout, slots, numbers, others, readers, windows, width, fingerprint })
    }

    /// The service.
    #[must_use]
    pub fn service(&self) -> &Arc<Service> {
        &self.service
    }

    /// Its inputs.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What reads the rows of each of [`Service::views`].
    #[must_use]
    pub fn readers(&self) -> &[ViewReader] {
        &self.readers
    }

    /// What computes each of [`Service::views`] that is a window view.
    #[must_use]
    pub fn windows(&self) -> &[Option<WindowReader>] {
        &self.windows
    }

    /// Positions of the vector.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// How many slots there are.
    #[must_use]
    pub fn slot_count(&self) -> usize {
        self.slots.len()
    }

    /// How many positions a slot has.
    #[must_use]
    pub fn slot_width(&self, slot: usize) -> usize {
        self.slots.get(slot).map_or(0, |slot| slot.width)
    }

    /// The name of a slot.
    #[must_use]
    pub fn slot_name(&self, slot: usize) -> &str {
        self.slots.get(slot).map_or("", |slot| &slot.name)
    }

    pub(super) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// What each position of the vector is: the slot's name, with a suffix where a step widens it (`home_region[north]`, `hour.sin`, `embedding[3]`).
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::with_capacity(self.width);
        for slot in &self.slots {
            match slot.steps.last().filter(|step| step.is_wide()) {
                Some(step) => names.extend((0..slot.width).map(|at| format!("{}{}", slot.name, step.suffix(at)))),
                None if slot.width == 1 => names.push(slot.name.clone()),
                None => names.extend((0..slot.width).map(|at| format!("{}[{at}]", slot.name))),
            }
        }
        names
    }

    /// The fingerprint of the service with these parameters.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// Computes a row: `out` has [`Plan::width`] positions, `states`, if given, one for each slot. The arena is the row's own.
    ///
    /// # Errors
    /// The first slot without a finite number; its positions hold the quiet NaN, all others are filled.
    pub fn evaluate<'v>(
        &'v self,
        row: &'v InputRow<'v>,
        arena: &'v Bump,
        out: &mut [f32],
        mut states: Option<&mut [State]>,
    ) -> Result<(), Incomplete> {
        let scope = Scope { inputs: row.values(), arena };
        let mut first: Option<Incomplete> = None;
        let wants_states = states.is_some();
        let mut note = |slot: &Slot, position: usize, incomplete: Option<State>| {
            if let Some(place) = states.as_deref_mut().and_then(|states| states.get_mut(position)) {
                *place = incomplete.unwrap_or_else(|| slot.state(row));
            }
            if let Some(state) = incomplete
                && first.is_none_or(|first| position < first.slot)
            {
                first = Some(Incomplete { slot: position, state });
            }
        };
        for number in &self.numbers {
            let Some(place) = out.get_mut(number.at) else { continue };
            if let (Some(Value::Float(value)), false) = (row.values().get(number.input), number.has_steps)
                && round(*value, place)
                && !wants_states
            {
                continue;
            }
            let Some(slot) = self.slots.get(number.slot) else { continue };
            let place = std::slice::from_mut(place);
            let incomplete = if slot.fill_number(&scope, place) { None } else { slot.fill(row, &scope, place) };
            note(slot, number.slot, incomplete);
        }
        for (position, at) in &self.others {
            let Some(slot) = self.slots.get(*position) else { continue };
            let Some(positions) = out.get_mut(*at..at + slot.width) else { continue };
            note(slot, *position, slot.fill(row, &scope, positions));
        }
        first.map_or(Ok(()), Err)
    }
}
