//! What is counted of spans: the gateway's own, on their way to the collector.

#![expect(clippy::disallowed_macros, reason = "metrics are declared here, beside those of `metrics.rs`")]

use metrics::{Counter, Unit};

const SPANS: &str = "unskew_spans_total";

/// What became of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanResult {
    /// The collector has it.
    Exported,
    /// There was no room for it in the queue.
    Dropped,
    /// The collector did not take it, or was away for too long.
    Failed,
}

impl SpanResult {
    const ALL: [Self; 3] = [Self::Exported, Self::Dropped, Self::Failed];

    const fn name(self) -> &'static str {
        match self {
            Self::Exported => "exported",
            Self::Dropped => "dropped",
            Self::Failed => "failed",
        }
    }
}

/// The metrics of spans.
pub struct SpanMetrics([Counter; SpanResult::ALL.len()]);

impl std::fmt::Debug for SpanMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpanMetrics").finish_non_exhaustive()
    }
}

impl SpanMetrics {
    /// Declares them.
    pub(super) fn declare() -> Self {
        metrics::describe_counter!(SPANS, Unit::Count, "Spans of traced requests, by what became of them.");
        Self(SpanResult::ALL.map(|result| metrics::counter!(SPANS, "result" => result.name())))
    }

    /// So many more spans ended so.
    pub fn count(&self, result: SpanResult, count: u64) {
        if count > 0 {
            self.0[result as usize].increment(count);
        }
    }
}
