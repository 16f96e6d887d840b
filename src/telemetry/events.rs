//! What is counted of events, by window view. The names of views come from definitions; no client chooses a label.

#![expect(clippy::disallowed_macros, reason = "metrics are declared here, beside those of `metrics.rs`")]

use metrics::{Counter, Unit};

const EVENTS: &str = "unskew_window_events_total";
const RETRIED: &str = "unskew_state_swaps_retried_total";

/// What became of an event in one view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventResult {
    /// The view has it, or a greater version of it.
    Accepted,
    /// The view has let go of events as old.
    Late,
    /// The state of the entity has no room for it.
    StateLimit,
    /// It lies too far ahead.
    Future,
    /// It is malformed.
    Bad,
    /// The store could not take it.
    Failed,
}

impl EventResult {
    const ALL: [Self; 6] = [Self::Accepted, Self::Late, Self::StateLimit, Self::Future, Self::Bad, Self::Failed];

    const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Late => "late",
            Self::StateLimit => "state_limit",
            Self::Future => "future",
            Self::Bad => "bad",
            Self::Failed => "failed",
        }
    }
}

/// Counts of one batch in one view.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventCounts([u64; EventResult::ALL.len()]);

impl EventCounts {
    /// Counts so many more.
    pub fn add(&mut self, result: EventResult, count: usize) {
        self.0[result as usize] += count as u64;
    }
}

/// The metrics of events.
pub struct EventMetrics {
    retried: Counter,
}

impl EventMetrics {
    /// Declares them.
    pub(super) fn declare() -> Self {
        metrics::describe_counter!(EVENTS, Unit::Count, "Events by window view that reads them, by result.");
        metrics::describe_counter!(
            RETRIED,
            Unit::Count,
            "States that were computed again because another writer was faster."
        );
        Self { retried: metrics::counter!(RETRIED) }
    }

    /// What became of the events of a batch in a defined view.
    pub fn written(&self, view: &str, counts: &EventCounts) {
        for result in EventResult::ALL {
            let count = counts.0[result as usize];
            if count > 0 {
                metrics::counter!(EVENTS, "view" => view.to_owned(), "result" => result.name()).increment(count);
            }
        }
    }

    /// States were computed again.
    pub fn retried(&self, count: u64) {
        if count > 0 {
            self.retried.increment(count);
        }
    }
}
