//! One row of a service in words.

use std::time::Instant;

use bumpalo::Bump;
use unskew_engine::dtype::DType;
use unskew_engine::plan::{InputRow, Origin, SlotTrace, State};
use unskew_engine::value;

use super::rows::Decoded;
use super::vectors::{Checked, VectorsAsked};
use crate::clock::Micros;
use crate::error::Error;
use crate::lookup::{Lookup, store_budget};
use crate::telemetry::metrics::Stage;
use crate::telemetry::trace::{self, Named};

/// What a row read, and what became of it.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The service.
    pub service: String,
    /// The fingerprint of the plan that computed it.
    pub fingerprint: [u8; 32],
    /// The time t that was used.
    pub as_of: Micros,
    /// Every input.
    pub inputs: Vec<ExplainedInput>,
    /// Every slot.
    pub slots: Vec<SlotTrace>,
}

/// One input.
#[derive(Clone, Debug)]
pub struct ExplainedInput {
    /// A request column, or `view.feature`.
    pub name: String,
    /// Its type.
    pub dtype: DType,
    /// Its value, as text.
    pub value: String,
    /// Its status.
    pub state: State,
    /// What is wrong, in words.
    pub message: String,
    /// Of a feature: its view; else empty.
    pub view: String,
    /// Of a feature: the key that was read; else empty.
    pub key: String,
    /// Of a feature: the event time of its row.
    pub event_time: Option<Micros>,
    /// t less the event time.
    pub age: Option<Micros>,
}

impl Lookup {
    /// Explains the one row of a request. `now`: the time of arrival.
    ///
    /// # Errors
    /// Those of [`Lookup::vectors`], and INVALID_ARGUMENT for more than one row.
    pub async fn explain(&self, asked: VectorsAsked, now: Micros, deadline: Instant) -> Result<Explained, Error> {
        let start = Instant::now();
        let catalog = self.catalog();
        let plan = catalog.plan(&asked.service, asked.fingerprint.as_deref())?.clone();
        let checked = Checked::new(&plan, &asked, now, 1)?;
        let arena = Bump::new();
        let wanted = checked.wanted(&catalog, &arena);
        let keys: Vec<String> = (0..plan.readers().len()).map(|view| wanted.key(view, 0)).collect();
        let planned = Instant::now();
        self.metrics.stage(Stage::Decode, start, planned);
        trace::name(Named::Service, &plan.service().name);
        let budget = store_budget(self.limits.store_timeout, deadline);
        let stored = self.stored_rows(&catalog, wanted, budget, deadline).await?;
        let fetched = Instant::now();
        self.metrics.stage(Stage::Store, planned, fetched);
        let t = checked.time(0, &arena)?;
        let states: Vec<_> = (0..plan.readers().len()).map(|view| stored.states(view)).collect();
        let mut inputs = InputRow::new(plan.layout().inputs().len());
        checked.set_request(0, &mut inputs, &arena)?;
        let mut read = Vec::with_capacity(plan.readers().len());
        checked.set_views(0, (t, &arena), (&stored, &states), &mut inputs, |view, event_time| {
            let why = match states.get(view).and_then(|states| states.first()) {
                Some(Decoded::Error(_, _, why)) => why.clone(),
                Some(Decoded::State(_)) => None,
                None => stored.get(view, 0, &arena).1,
            };
            read.push((event_time, why));
        })?;
        let explain = |(index, input): (usize, &unskew_engine::plan::Input)| {
            let state = inputs.state(index);
            let (view, key, event_time, detail) = match input.origin {
                Origin::Request(_) => (String::new(), String::new(), None, None),
                Origin::Feature { view, .. } => {
                    (plan.service().views[view].name.clone(), keys[view].clone(), read[view].0, read[view].1.clone())
                }
            };
            ExplainedInput {
                name: input.name.clone(),
                dtype: input.dtype,
                value: value::text(inputs.values()[index]),
                state,
                message: if state.reason.is_some() {
                    detail.unwrap_or_else(|| state.why.to_owned())
                } else {
                    String::new()
                },
                view,
                key,
                event_time,
                age: event_time.map(|time| t.saturating_sub(time)),
            }
        };
        let explained = Explained {
            service: plan.service().name.clone(),
            fingerprint: plan.fingerprint(),
            as_of: t,
            inputs: plan.layout().inputs().iter().enumerate().map(explain).collect(),
            slots: plan.explain(&inputs, &arena),
        };
        self.metrics.stage(Stage::Encode, fetched, Instant::now());
        Ok(explained)
    }
}
