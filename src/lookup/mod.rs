//! The one core that both protocols call: check the request, fetch its rows in one round trip, decode them straight into the reply.
//! It knows neither axum nor tonic.

mod backup;
pub mod defined;
pub mod events;
mod in_flight;
pub mod key;
mod members;
mod names;
mod reply;
mod request;
mod row;
pub mod scan;
mod status;
mod strings;
mod tally;
pub mod time;
pub mod write;

pub use crate::store::Backup;
pub use crate::telemetry::labels::Protocol;
pub use names::Names;
pub use reply::ReplySink;
pub use request::{Asked, RequestLimits};
pub use status::{Reason, RowStatus, Status};
pub use strings::StringList;
pub use tally::Tally;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use crate::clock::Micros;
use crate::error::{Code, Error};
use crate::store::{Fetched, OnlineStore, StoreError};
use crate::telemetry::metrics::{Metrics, Stage};
use crate::telemetry::rate_limit::RateLimit;
use defined::{Catalog, DefinedRows};
use events::{Claims, Work};
use in_flight::KeysInFlight;
use request::Request;
use row::RowDecoder;

/// Limits of the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How large a request may be.
    pub request: RequestLimits,
    /// Bytes of one reply.
    pub reply_bytes: usize,
    /// Bytes of one stored row.
    pub row_bytes: usize,
    /// Rows of one batch.
    pub batch_rows: usize,
    /// Bytes of the state of one entity in one window view.
    pub state_bytes: usize,
    /// Batches of events or states that are worked on at the same time.
    pub batches: usize,
    /// Keys that are looked up at the same time.
    pub keys_in_flight: usize,
    /// The longest wait for the store in a read.
    pub store_timeout: Duration,
    /// The longest wait for the store in a write.
    pub write_timeout: Duration,
    /// How far ahead of its arrival a row's event time may lie.
    pub max_future: Duration,
}

/// The core: a store and the limits.
#[derive(Clone)]
pub struct Lookup {
    store: Arc<dyn OnlineStore>,
    catalog: Arc<ArcSwap<Catalog>>,
    /// Where the definitions are read from.
    definitions: Option<Arc<Path>>,
    limits: Limits,
    metrics: &'static Metrics,
    work: Work,
    claims: Arc<Claims>,
    in_flight: KeysInFlight,
}

impl std::fmt::Debug for Lookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lookup")
            .field("store", &self.store.name())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// The stored rows of a request, not yet decoded.
#[derive(Debug)]
pub struct Rows {
    request: Request,
    fetched: Vec<Fetched>,
    /// What is asked of defined views.
    defined: Option<Box<DefinedRows>>,
    limits: Limits,
    metrics: &'static Metrics,
}

/// The part of what remains of a deadline that the store may take, so that its silence is told before the client gives up.
fn store_budget(limit: Duration, deadline: Instant) -> Duration {
    limit.min(deadline.saturating_duration_since(Instant::now()).mul_f64(0.8))
}

impl Lookup {
    /// A core over this store.
    #[must_use]
    pub fn new(store: Arc<dyn OnlineStore>, limits: Limits, metrics: &'static Metrics) -> Self {
        let (work, claims) = (Work::new(limits.batches), Arc::default());
        let in_flight = KeysInFlight::new(limits.keys_in_flight);
        Self { store, catalog: Arc::default(), definitions: None, limits, metrics, work, claims, in_flight }
    }

    /// Serves the definitions of a directory, or of one file.
    ///
    /// # Errors
    /// All that is wrong with them, as a compiler prints it.
    pub fn with_definitions(mut self, path: &Path) -> Result<Self, String> {
        self.catalog.store(Arc::new(Catalog::load(path, None, self.limits.request.id_bytes)?));
        self.definitions = Some(path.into());
        Ok(self)
    }

    /// The definitions that are served.
    #[must_use]
    pub fn catalog(&self) -> Arc<Catalog> {
        self.catalog.load_full()
    }

    /// Whether there are definitions beside the built-in view.
    #[must_use]
    pub fn has_definitions(&self) -> bool {
        self.definitions.is_some()
    }

    /// Reads the definitions again and serves them from now on; requests under way finish with those they began with.
    ///
    /// # Errors
    /// FAILED_PRECONDITION with all that is wrong with them; those before are served on.
    pub async fn reload(&self) -> Result<(), Error> {
        let Some(path) = self.definitions.clone() else {
            let message = "no definitions are configured: set definitions.path";
            return Err(Error::new(Code::FailedPrecondition, message));
        };
        let (catalog, max_key_bytes) = (self.catalog.clone(), self.limits.request.id_bytes);
        // Off the threads that serve: it reads files.
        let reload = move || {
            let before = catalog.load_full();
            catalog.store(Arc::new(Catalog::load(&path, Some(&before), max_key_bytes)?));
            Ok(())
        };
        let loaded = tokio::task::spawn_blocking(reload).await.map_err(|error| error.to_string()).and_then(|done| done);
        match &loaded {
            Ok(()) => tracing::info!("definitions are loaded"),
            Err(cause) => tracing::error!(cause, "definitions are not loaded, the ones before stay"),
        }
        loaded.map_err(|cause: String| Error::new(Code::FailedPrecondition, cause))
    }

    /// Reads the rows of a request in one round trip. `now`: the time of arrival.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a malformed request; OVERLOADED beside too many keys; UNAVAILABLE or DEADLINE_EXCEEDED when the store answered for no key.
    pub async fn fetch(&self, asked: Asked, now: Micros, deadline: Instant) -> Result<Rows, Error> {
        let start = Instant::now();
        let (request, names) = Request::check(asked, &self.limits.request, now, &self.catalog.load())?;
        let keys = if request.has_built_in() {
            key::of_all(request.entity_ids.list(), self.limits.request.id_bytes)
        } else {
            Vec::new()
        };
        let planned = Instant::now();
        self.metrics.stage(Stage::Decode, start, planned);
        if let Some(names) = names {
            return self.fetch_defined(request, names, keys, deadline).await;
        }
        let fetched = if keys.is_empty() {
            Vec::new()
        } else {
            let _permit = self.in_flight.take(keys.len())?;
            let budget = store_budget(self.limits.store_timeout, deadline);
            let fetched = self.store.fetch(keys, budget).await;
            self.metrics.stage(Stage::Store, planned, Instant::now());
            fetched.map_err(|error| self.unavailable(&error, deadline))?
        };
        Ok(Rows { request, fetched, defined: None, limits: self.limits, metrics: self.metrics })
    }

    /// Whether the store would answer now.
    ///
    /// # Errors
    /// UNAVAILABLE when it would not.
    pub async fn ready(&self) -> Result<(), Error> {
        self.store.ping(self.limits.store_timeout).await.map_err(|error| {
            self.metrics.store_error(error.kind);
            Error::new(Code::Unavailable, error.to_string())
        })
    }

    /// The metrics with the figures of the store, for Prometheus.
    #[must_use]
    pub fn render_metrics(&self) -> String {
        self.metrics.render(self.store.gauges(), self.work.gauges())
    }

    /// What the client is told of a store that did not answer.
    fn unavailable(&self, error: &StoreError, deadline: Instant) -> Error {
        static LIMIT: RateLimit = RateLimit::per_second(1);
        self.metrics.store_error(error.kind);
        if let Some(suppressed) = LIMIT.pass() {
            tracing::warn!(store = self.store.name(), kind = error.kind.name(), cause = %error.message, suppressed, "store did not answer");
        }
        if Instant::now() >= deadline {
            return Error::new(
                Code::DeadlineExceeded,
                format!("the deadline passed while waiting for the store; {error}"),
            );
        }
        Error::new(Code::Unavailable, error.to_string())
    }
}

impl Rows {
    /// The time t of the request.
    #[must_use]
    pub fn as_of(&self) -> Micros {
        self.request.as_of
    }

    /// How many entities the reply has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.request.entity_ids.len()
    }

    /// Whether there is none; never, for a request that was checked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.request.entity_ids.is_empty()
    }

    /// Bytes of all stored values: a hint for the size of the reply.
    #[must_use]
    pub fn stored_bytes(&self) -> usize {
        let built_in: usize =
            self.fetched.iter().map(|fetched| if let Fetched::Value(value) = fetched { value.len() } else { 0 }).sum();
        built_in + self.defined.as_ref().map_or(0, |defined| defined.bytes())
    }

    /// Decodes every row into the reply.
    ///
    /// # Errors
    /// REPLY_TOO_LARGE when it would be larger than the configuration allows.
    pub fn write<S: ReplySink>(&self, sink: &mut S) -> Result<(), Error> {
        let start = Instant::now();
        let mut tally = Tally::default();
        let request = &self.request;
        let mut decoder = RowDecoder::new(request.wanted.as_ref(), S::PROTOCOL, request.all_statuses, request.as_of);
        let mut fetched = self.fetched.iter();
        for (position, entity_id) in request.entity_ids.list().iter().enumerate() {
            sink.begin_row(entity_id);
            let defined = self.defined.as_ref().map(|defined| defined.write(position, request.as_of, sink));
            let (status, event_time) = match (&defined, key::fault(entity_id, self.limits.request.id_bytes)) {
                (Some(defined), _) if !request.has_built_in() => (defined.row(), None),
                (_, Some(fault)) => {
                    let status = RowStatus::Error(Reason::BadKey, fault);
                    (decoder.without_features(status, sink, &mut tally), None)
                }
                (_, None) => self.row(entity_id, fetched.next(), &mut decoder, sink, &mut tally),
            };
            if let Some(defined) = &defined {
                defined.write(request.all_statuses, sink, &mut tally);
            }
            tally.entity(&status);
            sink.end_row(&status, event_time, defined.as_ref().map_or(&[], |defined| defined.times()));
            if sink.written() > self.limits.reply_bytes {
                return Err(self.too_large());
            }
        }
        self.metrics.looked_up(&tally);
        self.metrics.stage(Stage::Encode, start, Instant::now());
        Ok(())
    }

    #[inline]
    fn row<S: ReplySink>(
        &self,
        entity_id: &str,
        fetched: Option<&Fetched>,
        decoder: &mut RowDecoder<'_>,
        sink: &mut S,
        tally: &mut Tally,
    ) -> (RowStatus, Option<Micros>) {
        let (status, event_time) = match fetched {
            Some(Fetched::Value(value)) => decoder.decode(value, sink, tally),
            Some(Fetched::Missing) => (decoder.without_features(RowStatus::Missing, sink, tally), None),
            Some(Fetched::Damaged(cause)) => {
                let status = RowStatus::Error(Reason::Undecodable, (*cause).to_owned());
                (decoder.without_features(status, sink, tally), None)
            }
            Some(Fetched::Failed(cause)) => {
                let status = RowStatus::Error(Reason::Store, (*cause).to_owned());
                (decoder.without_features(status, sink, tally), None)
            }
            None => {
                let status = RowStatus::Error(Reason::Store, "the store gave no answer for this key".to_owned());
                (decoder.without_features(status, sink, tally), None)
            }
        };
        if let RowStatus::Error(reason @ (Reason::Undecodable | Reason::Store), cause) = &status {
            warn_of_row(entity_id, *reason, cause);
        }
        (status, event_time)
    }

    fn too_large(&self) -> Error {
        let limit = self.limits.reply_bytes;
        let message = format!(
            "the reply is larger than {limit} bytes (limits.max_reply_bytes): ask for fewer entities or name the features"
        );
        Error::new(Code::ReplyTooLarge, message)
    }
}

/// A row that can't be served is somebody's fault to find: the key and the cause, but not a line for every request.
#[cold]
fn warn_of_row(entity_id: &str, reason: Reason, cause: &str) {
    static LIMIT: RateLimit = RateLimit::per_second(10);
    if let Some(suppressed) = LIMIT.pass() {
        let key = format!("{}{entity_id}", key::PREFIX);
        tracing::warn!(key, reason = reason.name(), cause, suppressed, "row can't be served");
    }
}

#[cfg(test)]
pub(crate) mod tests;
