//! From the state of a window view to the inputs of a service.

use std::sync::Arc;

use bumpalo::Bump;

use super::input::{InputRow, State};
use super::layout::{Layout, LayoutError, Origin};
use crate::definitions::{Service, ViewKind};
use crate::scope::{Fault, Scope};
use crate::status::Reason;
use crate::value::Value;
use crate::windows::{self, At, WindowPlan};

/// What a store has under the key of a window view's state.
#[derive(Clone, Copy, Debug)]
pub enum StoredState<'v> {
    /// A state.
    State(&'v windows::State<'v>),
    /// Something that can't be served, and why.
    Error(Reason, &'static str),
}

/// Computes the features of one window view that a service reads.
#[derive(Clone, Debug)]
pub struct WindowReader {
    plan: Arc<WindowPlan>,
    /// For each feature of the view, the input that it is.
    inputs: Vec<Option<usize>>,
    /// For each column of the source, the request column that stands for it.
    request: Vec<Option<usize>>,
}

const UNREADABLE: &str = "the stored state can't be read";

impl WindowReader {
    /// The reader of the view at a position of [`Service::views`]; none for a view of rows.
    ///
    /// # Errors
    /// A view that can't be computed: the definition was not validated.
    pub fn new(service: &Service, layout: &Layout, position: usize) -> Result<Option<Self>, LayoutError> {
        let Some(view) = service.views.get(position) else { return Ok(None) };
        match view.kind {
            ViewKind::Row(_) => return Ok(None),
            ViewKind::Window(_) => {}
        }
        let unknown = |name: String| LayoutError::Unknown { service: service.name.clone(), name };
        let plan = WindowPlan::new(view).map_err(unknown)?;
        let mut inputs = vec![None; plan.features().len()];
        for (index, input) in layout.inputs().iter().enumerate() {
            if let Origin::Feature { view, feature } = input.origin
                && view == position
                && let Some(place) = inputs.get_mut(feature)
            {
                *place = Some(index);
            }
        }
        let request = plan.request_columns(service);
        Ok(Some(Self { plan: Arc::new(plan), inputs, request }))
    }

    /// The view, compiled.
    #[must_use]
    pub const fn plan(&self) -> &Arc<WindowPlan> {
        &self.plan
    }

    /// Sets the inputs for a request at t, and gives the time of the newest event before t. `request` gives the value of the request column at a
    /// position of [`Service::request`]; `complete_since`: from when on the view knows all events.
    pub fn read<'v>(
        &'v self,
        stored: StoredState<'v>,
        (t, complete_since): (i64, i64),
        mut request: impl FnMut(usize) -> Value<'v>,
        arena: &'v Bump,
        out: &mut InputRow<'v>,
    ) -> Option<i64> {
        let state = match stored {
            StoredState::State(state) => state,
            StoredState::Error(reason, why) => {
                self.fail(State::error(reason, why), out);
                return None;
            }
        };
        let mut projection = Vec::new();
        if self.plan.include_request() {
            let columns = self.request.iter().map(|column| column.map_or(Value::Null, &mut request));
            let inputs = arena.alloc_slice_fill_iter(columns.collect::<Vec<_>>());
            if let Err(fault) = self.plan.project(&Scope { inputs, arena }, &mut projection) {
                self.fail(fault.into(), out);
                return None;
            }
        }
        let request = self.plan.include_request().then_some(projection.as_slice());
        let give = |feature: usize, value: Result<Value<'v>, Fault>| {
            if let Some(Some(input)) = self.inputs.get(feature) {
                match value {
                    Ok(value) => out.set(*input, value),
                    Err(fault) => out.put(*input, Value::Null, fault.into()),
                }
            }
        };
        if self.plan.evaluate(state, At { t, complete_since, request }, arena, give).is_err() {
            self.fail(State::error(Reason::Undecodable, UNREADABLE), out);
        }
        state.newest_before(t)
    }

    fn fail(&self, state: State, out: &mut InputRow<'_>) {
        self.inputs.iter().flatten().for_each(|input| out.put(*input, Value::Null, state));
    }
}
