//! Distributed tracing: which requests are traced, what is noted of them, and the spans that become of it.
//!
//! Whether a request is traced is decided before anything is made for it. What is noted goes through the task that serves it, so that the
//! core needs to know nothing of protocols; spans are made when it has ended, by the exporter.

mod context;
mod export;
mod ids;
mod recording;
mod spans;

use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, HeaderValue};
use tokio::task::futures::TaskLocalFuture;
use tokio::task_local;

use self::context::Parent;
use self::ids::Ids;
use self::recording::{Identity, Outlet, Traced};
use super::metrics::{Metrics, Stage};
use crate::clock;
use crate::config::{SampleRatio, Telemetry};

pub use self::context::{TRACEPARENT, TRACESTATE};
pub use self::export::Exporter;
pub use self::recording::{Call, Count, Named, Recording};

task_local! {
    /// Of the request that the task serves.
    static CURRENT: Arc<Recording>;
}

/// Decides which requests are traced.
#[derive(Debug)]
pub struct Tracer {
    ids: Arc<Ids>,
    /// None: no request is.
    spans: Option<(Outlet, SampleRatio)>,
    server_timing: bool,
}

/// What there is to do for a request.
#[derive(Debug, Default)]
pub struct Begun {
    /// The `traceparent` of the reply: the span of the gateway.
    pub answer: Option<HeaderValue>,
    /// Where to note; none: nothing is noted.
    pub recording: Option<Arc<Recording>>,
}

impl Tracer {
    /// Begins to export, if the configuration says so. None: neither spans nor times are wanted. Needs a runtime of tokio.
    ///
    /// # Errors
    /// When the way to the collector can't be set up; in words.
    pub fn start(config: &Telemetry, metrics: &'static Metrics) -> Result<(Option<Self>, Option<Exporter>), String> {
        let ids = Arc::new(Ids::default());
        let exporter = Exporter::start(&config.tracing, &ids, metrics)?;
        let server_timing = config.server_timing;
        if exporter.is_none() && !server_timing {
            return Ok((None, None));
        }
        let spans = exporter.as_ref().map(|exporter| (exporter.outlet(), config.tracing.sample_ratio));
        Ok((Some(Self { ids, spans, server_timing }), exporter))
    }

    /// Whether replies tell their times.
    #[must_use]
    pub fn server_timing(&self) -> bool {
        self.server_timing
    }

    /// What there is to do for a request with these headers. The client decides whether it is traced, by its `traceparent`; else its
    /// trace is new, and the ratio decides.
    #[must_use]
    pub fn begin(&self, call: Call, headers: &HeaderMap) -> Begun {
        let Some((outlet, ratio)) = &self.spans else {
            return Begun { answer: None, recording: Some(Arc::new(Recording::new(call, None))) };
        };
        let parent = Parent::of(headers);
        let trace = parent.map_or_else(|| self.ids.trace(), |parent| parent.trace);
        let sampled = parent.map_or_else(|| ratio.takes(trace), |parent| parent.sampled);
        let span = self.ids.span();
        let answer = context::header(trace, span, sampled);
        let traced = sampled.then(|| {
            // Without its parent it means nothing.
            let state = parent.map(|_| context::state(headers)).unwrap_or_default();
            let identity = Identity { trace, span, parent: parent.map(|parent| parent.span), state };
            Traced { identity, received: clock::now(), outlet: outlet.clone() }
        });
        let wanted = sampled || self.server_timing;
        Begun { answer, recording: wanted.then(|| Arc::new(Recording::new(call, traced))) }
    }
}

/// Notes what `future` does.
pub fn within<F: Future>(recording: Arc<Recording>, future: F) -> TaskLocalFuture<Arc<Recording>, F> {
    CURRENT.scope(recording, future)
}

/// Notes what `work` does.
pub fn within_sync<T>(recording: &Arc<Recording>, work: impl FnOnce() -> T) -> T {
    CURRENT.sync_scope(recording.clone(), work)
}

/// Where the request is noted that the task serves, to go on in another task.
#[must_use]
pub fn current() -> Option<Arc<Recording>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// A stage of the request that the task serves.
#[inline]
pub fn stage(stage: Stage, from: Instant, to: Instant) {
    note(|recording| recording.stage(stage, from, to));
}

/// So many more of something in the request that the task serves.
#[inline]
pub fn count(what: Count, count: u64) {
    note(|recording| recording.count(what, count));
}

/// The request that the task serves is about this. Only for names of the definitions: others could hold anything.
#[inline]
pub fn name(what: Named, name: &str) {
    note(|recording| recording.name(what, name));
}

/// Notes something of the request that the task serves.
#[inline]
pub(super) fn note(note: impl FnOnce(&Recording)) {
    // There is none for most requests.
    let _ = CURRENT.try_with(|recording| note(recording));
}

#[cfg(test)]
mod tests;
