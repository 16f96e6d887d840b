//! A defined window view as it is served: compiled, and from when on it knows all events.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use unskew_engine::keys::EntityKey;
use unskew_engine::windows::WindowPlan;

use crate::clock::Micros;

/// A window view, ready.
#[derive(Debug)]
pub(in crate::lookup) struct ServedWindow {
    pub(in crate::lookup) plan: Arc<WindowPlan>,
    pub(in crate::lookup) key: EntityKey,
    complete_since: AtomicI64,
    /// When the store was last asked for it; the least time: never.
    asked: AtomicI64,
}

/// How long a view that is not complete is served before the store is asked again: a bulk load through another gateway makes it complete.
const ASK_AGAIN: Micros = 1_000_000;

impl ServedWindow {
    /// `known`: the same view of the definitions before.
    pub(super) fn new(plan: Arc<WindowPlan>, key: EntityKey, known: Option<&Self>) -> Self {
        let known = known.filter(|known| known.plan.schema() == plan.schema());
        let since = known.map_or(i64::MAX, |known| known.complete_since.load(Ordering::Relaxed));
        let asked = known.map_or(i64::MIN, |known| known.asked.load(Ordering::Relaxed));
        Self { plan, key, complete_since: AtomicI64::new(since), asked: AtomicI64::new(asked) }
    }

    /// The name of the view.
    pub(in crate::lookup) fn name(&self) -> &str {
        &self.plan.view().name
    }

    /// From when on the view knows all events; the least time: it always did.
    pub(in crate::lookup) fn complete_since(&self) -> Micros {
        self.complete_since.load(Ordering::Relaxed)
    }

    /// Whether the store has to be asked for it, at this time.
    pub(super) fn is_unsure(&self, now: Micros) -> bool {
        self.complete_since() > i64::MIN && now.saturating_sub(self.asked.load(Ordering::Relaxed)) > ASK_AGAIN
    }

    /// Takes in what the store says.
    pub(in crate::lookup) fn is_complete_since(&self, time: Micros, now: Micros) {
        self.complete_since.store(time, Ordering::Relaxed);
        self.asked.store(now, Ordering::Relaxed);
    }
}
