//! What the store keeps of window views as a whole: what their states hold, and from when on they know all events.
//!
//! Under `windows:first` stand the window views that were defined when a gateway with definitions first used the store: those have seen every
//! event. Under `windows:{view}:v{version}` stands the record of one view, written before its first state.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::catalog::Catalog;
use super::window::ServedWindow;
use crate::clock::{self, Micros};
use crate::error::{Code, Error};
use crate::lookup::{Lookup, store_budget};
use crate::store::{Fetched, SwapOutcome, SwapRow};

/// The key of the views that were there first.
const FIRST: &str = "windows:first";
/// How often a record is tried again that another gateway writes at the same time.
const ATTEMPTS: usize = 8;

/// The views that were there first, each as `view:v1`.
#[derive(Debug, Serialize, Deserialize)]
struct First {
    views: Vec<String>,
}

/// The record of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    /// What its states hold.
    schema: [u8; 4],
    /// Microseconds since 1970-01-01 UTC; none: it always knew all events.
    complete_since: Option<Micros>,
}

fn name(view: &ServedWindow) -> String {
    format!("{}:v{}", view.name(), view.plan.view().version)
}

fn key(view: &ServedWindow) -> Bytes {
    format!("windows:{}", name(view)).into()
}

fn text<T: Serialize>(value: &T) -> Bytes {
    // Neither has a map with keys that are no text, the one thing that JSON refuses.
    serde_json::to_vec(value).unwrap_or_default().into()
}

impl Lookup {
    /// Sees to it that the records of window views are known, and there. Costs nothing for views that are complete.
    ///
    /// # Errors
    /// FAILED_PRECONDITION for a view whose stored states hold something else; UNAVAILABLE when the store does not answer.
    pub(in crate::lookup) async fn know_windows(
        &self,
        catalog: &Catalog,
        views: impl Iterator<Item = &Arc<ServedWindow>>,
        deadline: Instant,
    ) -> Result<(), Error> {
        let now = clock::now();
        let mut unsure: Vec<&Arc<ServedWindow>> = views.filter(|view| view.is_unsure(now)).collect();
        for _ in 0..ATTEMPTS {
            if unsure.is_empty() {
                return Ok(());
            }
            let budget = store_budget(self.limits.store_timeout, deadline);
            let keys = std::iter::once(Bytes::from_static(FIRST.as_bytes())).chain(unsure.iter().map(|view| key(view)));
            let fetched = self.store.fetch(keys.collect(), budget).await;
            let fetched = fetched.map_err(|error| self.unavailable(&error, deadline))?;
            let Some(first) = first_of(catalog, fetched.first())? else {
                self.note_first(catalog, deadline).await?;
                continue;
            };
            let mut missing = Vec::new();
            let mut left = Vec::new();
            for (view, stored) in unsure.iter().zip(fetched.iter().skip(1)) {
                match read::<Record>(stored) {
                    Some(record) if record.schema == view.plan.schema() => {
                        view.is_complete_since(record.complete_since.unwrap_or(i64::MIN), now);
                    }
                    Some(_) => return Err(changed(view)),
                    None => {
                        let complete_since = (!first.views.contains(&name(view))).then_some(now);
                        let record = Record { schema: view.plan.schema(), complete_since };
                        missing.push((key(view), text(&record)));
                        left.push(*view);
                    }
                }
            }
            self.create(missing, deadline).await?;
            unsure = left;
        }
        Err(Error::new(Code::Unavailable, "the records of window views can't be read or written in the store"))
    }

    /// Notes which window views are there, if no gateway with definitions has used the store before: those that come later are not complete.
    async fn first_use(&self, catalog: &Catalog, deadline: Instant) -> Result<(), Error> {
        let budget = store_budget(self.limits.store_timeout, deadline);
        let fetched = self.store.fetch(vec![FIRST.into()], budget).await;
        let fetched = fetched.map_err(|error| self.unavailable(&error, deadline))?;
        if first_of(catalog, fetched.first())?.is_none() {
            self.note_first(catalog, deadline).await?;
        }
        Ok(())
    }

    async fn note_first(&self, catalog: &Catalog, deadline: Instant) -> Result<(), Error> {
        let first = First { views: catalog.windows().map(|view| name(view)).collect() };
        self.create(vec![(FIRST.into(), text(&first))], deadline).await
    }

    /// Says from when on a view knows all events: a bulk load has brought them. None: it always did.
    ///
    /// # Errors
    /// UNAVAILABLE when the store does not answer, FAILED_PRECONDITION when the states hold something else.
    pub(in crate::lookup) async fn set_complete_since(
        &self,
        view: &Arc<ServedWindow>,
        complete_since: Option<Micros>,
        deadline: Instant,
    ) -> Result<(), Error> {
        let record = Record { schema: view.plan.schema(), complete_since };
        for _ in 0..ATTEMPTS {
            let budget = store_budget(self.limits.store_timeout, deadline);
            let fetched = self.store.fetch(vec![key(view)], budget).await;
            let fetched = fetched.map_err(|error| self.unavailable(&error, deadline))?;
            let expected = match fetched.into_iter().next() {
                Some(Fetched::Value(stored)) => Some(stored),
                Some(Fetched::Missing | Fetched::Damaged(_) | Fetched::Failed(_)) | None => None,
            };
            let known = expected.as_ref().and_then(|stored| serde_json::from_slice::<Record>(stored).ok());
            if known.is_some_and(|known| known.schema != record.schema) {
                return Err(changed(view));
            }
            let row = SwapRow { key: key(view), expected, value: text(&record) };
            if self.swap_one(row, deadline).await? {
                view.is_complete_since(complete_since.unwrap_or(i64::MIN), clock::now());
                return Ok(());
            }
        }
        Err(Error::new(Code::Unavailable, "the record of the window view is being written by others; try again"))
    }

    /// Writes what is not there yet; another gateway may be faster.
    async fn create(&self, records: Vec<(Bytes, Bytes)>, deadline: Instant) -> Result<(), Error> {
        for (key, value) in records {
            self.swap_one(SwapRow { key, expected: None, value }, deadline).await?;
        }
        Ok(())
    }

    async fn swap_one(&self, row: SwapRow, deadline: Instant) -> Result<bool, Error> {
        let budget = store_budget(self.limits.write_timeout, deadline);
        let outcomes = self.store.swap(vec![row], budget).await.map_err(|error| self.unavailable(&error, deadline))?;
        match outcomes.into_iter().next() {
            Some(SwapOutcome::Stored) => Ok(true),
            Some(SwapOutcome::Changed) | None => Ok(false),
            Some(SwapOutcome::Failed(why)) => {
                let message = format!("the store did not take the record of a window view: {why}");
                Err(Error::new(Code::Unavailable, message))
            }
        }
    }

    /// Sees to it that the records of all window views are known, within `wait`; where the store does not answer, the first request does.
    ///
    /// # Errors
    /// The views whose stored states hold something else, in words.
    pub(super) async fn compare_windows(&self, wait: Duration) -> Result<(), String> {
        let catalog = self.catalog();
        let deadline = Instant::now() + wait;
        let known = match self.first_use(&catalog, deadline).await {
            Ok(()) => self.know_windows(&catalog, catalog.windows(), deadline).await,
            Err(error) => Err(error),
        };
        match known {
            Ok(()) => Ok(()),
            Err(error) if error.code() == Code::FailedPrecondition => Err(error.message().to_owned()),
            Err(error) => {
                tracing::warn!(cause = %error.message(), "window views are not compared with the store; the first request to each does");
                Ok(())
            }
        }
    }
}

/// The views that were there first; none: the store does not say yet.
fn first_of(catalog: &Catalog, stored: Option<&Fetched>) -> Result<Option<First>, Error> {
    match stored {
        Some(Fetched::Missing) | None => Ok(None),
        Some(stored) => match read(stored) {
            Some(first) => Ok(Some(first)),
            // It is damaged: no view can be said to be complete.
            None if catalog.windows().next().is_some() => {
                let message =
                    format!("the store's record `{FIRST}` can't be read: check the store, or remove the record");
                Err(Error::new(Code::Unavailable, message))
            }
            None => Ok(Some(First { views: Vec::new() })),
        },
    }
}

fn read<T: for<'de> Deserialize<'de>>(stored: &Fetched) -> Option<T> {
    match stored {
        Fetched::Value(text) => serde_json::from_slice(text).ok(),
        Fetched::Missing | Fetched::Damaged(_) | Fetched::Failed(_) => None,
    }
}

fn changed(view: &ServedWindow) -> Error {
    let (name, next) = (view.name(), view.plan.view().version.saturating_add(1));
    let message = format!(
        "the view `{name}` has states of windows stored that hold other columns, conditions, ids or tiles than it is defined with now; raise its \
         `version` to {next}: it then begins without states"
    );
    Error::new(Code::FailedPrecondition, message)
}
