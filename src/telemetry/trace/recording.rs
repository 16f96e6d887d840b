//! What is noted of one request while it is served. Counts and names of definitions alone: never a key, an entity id or a value.

use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::clock::Micros;
use crate::lookup::{Status, Tally};
use crate::telemetry::labels::{Outcome, Protocol};
use crate::telemetry::metrics::Stage;
use crate::telemetry::spans::{SpanMetrics, SpanResult};

/// The most stages of one request that become spans: a stream of writes has some for each batch.
const MAX_STAGES: usize = 64;

/// A request, as far as it is known when it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its protocol.
    pub protocol: Protocol,
    /// The position of its method among [`crate::telemetry::labels::METHODS`].
    pub method: usize,
    /// The HTTP method, if it is a known one.
    pub http_method: Option<&'static str>,
    /// The version of HTTP.
    pub http_version: &'static str,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Entities that were looked up.
    Entities,
    /// Those that were there.
    EntitiesPresent,
    /// Those that could not be served.
    EntityErrors,
    /// Features that were looked up.
    Features,
    /// Those that have a value.
    FeaturesPresent,
    /// Vectors.
    Vectors,
    /// Those that lack a number.
    IncompleteVectors,
    /// Rows, events or states that were stored.
    Accepted,
    /// Events that came too late for a view.
    Late,
    /// Rows, events or states that were refused.
    Refused,
}

impl Count {
    /// Every one.
    pub(super) const ALL: [Self; 10] = [
        Self::Entities,
        Self::EntitiesPresent,
        Self::EntityErrors,
        Self::Features,
        Self::FeaturesPresent,
        Self::Vectors,
        Self::IncompleteVectors,
        Self::Accepted,
        Self::Late,
        Self::Refused,
    ];

    /// The attribute.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Entities => "unskew.entities.count",
            Self::EntitiesPresent => "unskew.entities.present",
            Self::EntityErrors => "unskew.entities.errors",
            Self::Features => "unskew.features.count",
            Self::FeaturesPresent => "unskew.features.present",
            Self::Vectors => "unskew.vectors.count",
            Self::IncompleteVectors => "unskew.vectors.incomplete",
            Self::Accepted => "unskew.rows.accepted",
            Self::Late => "unskew.rows.late",
            Self::Refused => "unskew.rows.refused",
        }
    }
}

/// What has a name in the definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// A service.
    Service,
    /// A view.
    View,
    /// A source.
    Source,
}

impl Named {
    /// The attribute.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Service => "unskew.service",
            Self::View => "unskew.view",
            Self::Source => "unskew.source",
        }
    }
}

/// A stage of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timed {
    pub(super) stage: Stage,
    pub(super) from: Instant,
    pub(super) to: Instant,
}

/// What is known of a request, under way or at its end.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) stages: Vec<Timed>,
    pub(super) counts: [Option<u64>; Count::ALL.len()],
    pub(super) names: Vec<(Named, String)>,
    pub(super) end: Option<End>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) outcome: Outcome,
    pub(super) status: u16,
    pub(super) at: Instant,
}

/// Whose span a request is.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) trace: u128,
    pub(super) span: u64,
    /// The client's span.
    pub(super) parent: Option<u64>,
    pub(super) state: String,
}

/// A request that ended, for the exporter.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) identity: Identity,
    pub(super) call: Call,
    /// When it began, by both clocks.
    pub(super) start: Instant,
    pub(super) received: Micros,
    pub(super) end: End,
    pub(super) seen: Seen,
}

impl Finished {
    /// How many spans it makes.
    pub(super) fn spans(&self) -> u64 {
        self.seen.stages.len() as u64 + 1
    }
}

/// The way to the exporter.
#[derive(Clone, Debug)]
pub(super) struct Outlet {
    pub(super) queue: mpsc::Sender<Finished>,
    pub(super) metrics: &'static SpanMetrics,
}

/// A request that is traced.
#[derive(Debug)]
pub(super) struct Traced {
    pub(super) identity: Identity,
    pub(super) received: Micros,
    pub(super) outlet: Outlet,
}

/// What is noted of one request. When the last who holds it lets go, its spans go to the exporter.
#[derive(Debug)]
pub struct Recording {
    call: Call,
    start: Instant,
    /// None: only the times are wanted.
    traced: Option<Traced>,
    seen: Mutex<Seen>,
}

impl Recording {
    pub(super) fn new(call: Call, traced: Option<Traced>) -> Self {
        Self { call, start: Instant::now(), traced, seen: Mutex::default() }
    }

    /// The ids of trace and span; none where the request is not traced.
    #[must_use]
    pub fn ids(&self) -> Option<(u128, u64)> {
        self.traced.as_ref().map(|traced| (traced.identity.trace, traced.identity.span))
    }

    /// The request ended so, now.
    pub fn ended(&self, outcome: Outcome, status: u16) {
        self.seen().end = Some(End { outcome, status, at: Instant::now() });
    }

    pub(super) fn stage(&self, stage: Stage, from: Instant, to: Instant) {
        let mut seen = self.seen();
        if seen.stages.len() < MAX_STAGES {
            seen.stages.push(Timed { stage, from, to });
        }
    }

    pub(super) fn count(&self, what: Count, count: u64) {
        let place = &mut self.seen().counts[what as usize];
        *place = Some(place.unwrap_or_default() + count);
    }

    pub(super) fn name(&self, what: Named, name: &str) {
        let mut seen = self.seen();
        // The batches of a stream can go to several views.
        if !seen.names.iter().any(|(known, text)| *known == what && text == name) && seen.names.len() < MAX_STAGES {
            seen.names.push((what, name.to_owned()));
        }
    }

    /// What a request for features found.
    pub(in crate::telemetry) fn looked_up(&self, tally: &Tally) {
        let (entities, features) = (tally.entities_by_status(), tally.features_by_status());
        self.count(Count::Entities, entities.iter().sum());
        self.count(Count::EntitiesPresent, entities[Status::Present as usize]);
        self.count(Count::EntityErrors, entities[Status::Error as usize]);
        self.count(Count::Features, features.iter().sum());
        self.count(Count::FeaturesPresent, features[Status::Present as usize]);
    }

    /// The value of `server-timing`: the time up to now and that of each stage, in milliseconds.
    #[must_use]
    pub fn server_timing(&self) -> String {
        let mut text = format!("total;dur={:.3}", milliseconds(self.start.elapsed()));
        let seen = self.seen();
        for stage in Stage::ALL {
            let mut times = seen.stages.iter().filter(|timed| timed.stage == stage).peekable();
            if times.peek().is_some() {
                let sum = times.map(|timed| timed.to.saturating_duration_since(timed.from)).sum();
                // Writing to a text can't fail.
                let _ = write!(text, ", {};dur={:.3}", stage.name(), milliseconds(sum));
            }
        }
        text
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let Some(Traced { identity, received, outlet }) = self.traced.take() else { return };
        let seen = std::mem::take(self.seen.get_mut().unwrap_or_else(PoisonError::into_inner));
        // Who did not live to see the end went away before.
        let end = seen.end.unwrap_or_else(|| End { outcome: Outcome::Cancelled, status: 0, at: Instant::now() });
        let finished = Finished { identity, call: self.call, start: self.start, received, end, seen };
        let spans = finished.spans();
        if outlet.queue.try_send(finished).is_err() {
            outlet.metrics.count(SpanResult::Dropped, spans);
        }
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
