//! One row in words: what each slot read, and what every step made of it.

use bumpalo::Bump;

use super::input::{InputRow, State};
use super::vector::Plan;
use crate::scope::Scope;
use crate::value;

/// What became of one slot.
#[derive(Clone, Debug)]
pub struct SlotTrace {
    /// Its name.
    pub name: String,
    /// The inputs it reads, by their index in the layout.
    pub reads: Vec<usize>,
    /// The value before the first step, as text.
    pub source: Result<String, String>,
    /// What each step gave, up to the first that refused.
    pub steps: Vec<StepTrace>,
    /// Its positions of the vector; NaN where there is no value.
    pub positions: Vec<f32>,
    /// Its status.
    pub state: State,
}

/// What became of a value in one step.
#[derive(Clone, Debug)]
pub struct StepTrace {
    /// The name of the transform.
    pub name: &'static str,
    /// The value after it, as text, or why there is none.
    pub value: Result<String, String>,
}

impl Plan {
    /// Explains a row, slot by slot, by the same kernels as [`Plan::evaluate`].
    #[must_use]
    pub fn explain(&self, row: &InputRow<'_>, arena: &Bump) -> Vec<SlotTrace> {
        let scope = Scope { inputs: row.values(), arena };
        let mut traces = Vec::with_capacity(self.slots().len());
        for (slot, definition) in self.slots().iter().zip(&self.service().slots) {
            let mut positions = vec![0.0; slot.width];
            let state = slot.fill(row, &scope, &mut positions).unwrap_or_else(|| slot.state(row));
            let faulted = row.fault(&slot.reads);
            let source = match faulted {
                Some(fault) => Err(fault),
                None => slot.source.value(&scope),
            };
            let mut steps = Vec::new();
            let mut value = source;
            for (step, named) in slot.steps.iter().zip(&definition.steps) {
                let Ok(before) = value else { break };
                if step.is_wide() {
                    let shown = positions.iter().map(|number| value::number_text(f64::from(*number)));
                    let shown = format!("[{}]", shown.collect::<Vec<_>>().join(", "));
                    let filled = step.fill(before, &scope, &mut vec![0.0; slot.width]);
                    let value = filled
                        .map(|filled| if filled { shown } else { "null".to_owned() })
                        .map_err(|fault| fault.why.to_owned());
                    steps.push(StepTrace { name: named.name, value });
                    break;
                }
                value = step.apply(before, &scope);
                let value = value.map(value::text).map_err(|fault| fault.why.to_owned());
                steps.push(StepTrace { name: named.name, value });
            }
            traces.push(SlotTrace {
                name: slot.name.clone(),
                reads: slot.reads.clone(),
                source: source.map(value::text).map_err(|fault| fault.why.to_owned()),
                steps,
                positions,
                state,
            });
        }
        traces
    }
}
