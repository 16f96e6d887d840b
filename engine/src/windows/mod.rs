//! Windowed aggregations: one exact implementation for history, live events and the request.
//!
//! A [`WindowPlan`] is a window view, compiled. It projects an event to the values that the view reads; a [`State`] keeps the
//! projections of one entity's events; [`WindowPlan::evaluate`] gives every feature at a time t. What it gives depends on the set of
//! accepted events, t and the request's row alone: not on the order of arrival, repeats, splits, merges or threads.

mod accumulator;
mod bounds;
mod codec;
mod differences;
mod evaluate;
mod events;
mod finish;
mod intake;
mod multiset;
mod order;
mod passed;
mod plan;
mod prefix;
mod registers;
mod state;
mod strip;
mod sweep;
mod values;

pub use codec::{BadState, STATE_FORMAT, state_schema};
pub use evaluate::At;
pub use events::{Events, Head, Id};
pub use intake::{
    Applied, EntityEvents, EventIntake, EventView, LoadError, Loaded, LoadedState, Refused, TakenEvents, ViewEvents,
};
pub use plan::WindowPlan;
pub use state::{Accepted, State};
pub use strip::{Numbers, Strip};
pub use sweep::{Asked, Sink};
