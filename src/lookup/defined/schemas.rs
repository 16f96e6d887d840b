//! The schemas that the store keeps beside the rows: written before the first row of each, and compared before a view changes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use unskew_engine::keys;
use unskew_engine::row::{ChangedFeature, Schema, SchemaId};

use super::view::ServedView;
use crate::error::{Code, Error};
use crate::lookup::{Lookup, store_budget};
use crate::store::{Fetched, PutOutcome, PutRow};

/// Until the store is asked again whether it is there.
const RETRY: Duration = Duration::from_millis(20);

impl Lookup {
    /// The schema of an id, if the store has it.
    ///
    /// # Errors
    /// UNAVAILABLE or DEADLINE_EXCEEDED when the store does not answer.
    pub(super) async fn schema(
        &self,
        view: &ServedView,
        id: SchemaId,
        deadline: Instant,
    ) -> Result<Option<Arc<Schema>>, Error> {
        let key = Bytes::from(keys::schema_key(&view.view.name, id));
        let budget = store_budget(self.limits.store_timeout, deadline);
        let fetched = self.store.fetch(vec![key], budget).await.map_err(|error| self.unavailable(&error, deadline))?;
        let found = match fetched.first() {
            Some(Fetched::Value(text)) => Schema::parse(text, id),
            Some(Fetched::Missing | Fetched::Damaged(_) | Fetched::Failed(_)) | None => {
                Err("it is not there".to_owned())
            }
        };
        Ok(found.map(Arc::new).map_err(|cause| tracing::warn!(view = view.view.name, schema = %id, cause, "schema of stored rows can't be read")).ok())
    }

    /// Compares the row views with the rows that the store has: definitions may have changed while no gateway ran. Where the store does not answer,
    /// within `wait`, the first write to a view compares it.
    ///
    /// # Errors
    /// The features that are stored as another type, in words.
    pub async fn compare_with_store(&self, wait: Duration) -> Result<(), String> {
        let catalog = self.catalog();
        let views: Vec<_> = catalog.views().filter(|view| !view.is_json()).collect();
        if catalog.is_empty() {
            return Ok(());
        }
        // A pool connects lazily.
        let limit = Instant::now() + wait;
        while self.store.ping(wait).await.is_err() && Instant::now() < limit {
            tokio::time::sleep(RETRY).await;
        }
        self.compare_windows(wait).await?;
        let keys: Vec<_> = views.iter().map(|view| view_key(view)).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let fetched = match self.store.fetch(keys, wait).await {
            Ok(fetched) => fetched,
            Err(error) => {
                tracing::warn!(cause = %error, "definitions are not compared with the stored rows; the first write to each view compares it");
                return Ok(());
            }
        };
        let changed = views.iter().zip(&fetched).filter_map(|(view, stored)| {
            let changed = read(stored).map(|stored| view.schema.with(&stored))?.err()?;
            Some(describe(view, &changed))
        });
        let changed: Vec<_> = changed.collect();
        if changed.is_empty() { Ok(()) } else { Err(changed.join("\n")) }
    }

    /// Sees to it that the store has the schema of a view before the first row that is written with it.
    ///
    /// # Errors
    /// FAILED_PRECONDITION when rows are stored that it can't read; UNAVAILABLE when the store does not answer or did not take it.
    pub(in crate::lookup) async fn store_schema(&self, view: &Arc<ServedView>, deadline: Instant) -> Result<(), Error> {
        if view.is_json() || view.is_schema_stored() {
            return Ok(());
        }
        let schema = &view.schema;
        let budget = store_budget(self.limits.store_timeout, deadline);
        let fetched = self.store.fetch(vec![view_key(view)], budget).await;
        let fetched = fetched.map_err(|error| self.unavailable(&error, deadline))?;
        let of_view = match fetched.first().and_then(read) {
            Some(stored) => schema
                .with(&stored)
                .map_err(|changed| Error::new(Code::FailedPrecondition, describe(view, &changed)))?,
            None => Schema::clone(schema),
        };
        let row = |key: Bytes, schema: &Schema| PutRow {
            key,
            event_time: 0,
            created: 0,
            value: Bytes::copy_from_slice(schema.text().as_bytes()),
        };
        let rows =
            vec![row(keys::schema_key(schema.view(), schema.id()).into(), schema), row(view_key(view), &of_view)];
        let budget = store_budget(self.limits.write_timeout, deadline);
        let outcomes = self.store.put(rows, budget).await.map_err(|error| self.unavailable(&error, deadline))?;
        for outcome in outcomes {
            if let PutOutcome::Failed(why) = outcome {
                let message = format!("the store did not take the schema of the view: {why}");
                return Err(Error::new(Code::Unavailable, message));
            }
        }
        view.schema_is_stored();
        Ok(())
    }
}

fn view_key(view: &ServedView) -> Bytes {
    keys::view_schema_key(&view.view.name, view.view.version).into()
}

/// The schema of all rows of a view; none where the store has none that can be read.
fn read(fetched: &Fetched) -> Option<Schema> {
    match fetched {
        Fetched::Value(text) => Schema::read(text).ok(),
        Fetched::Missing | Fetched::Damaged(_) | Fetched::Failed(_) => None,
    }
}

fn describe(view: &ServedView, changed: &[ChangedFeature]) -> String {
    let (name, next) = (&view.view.name, view.view.version.saturating_add(1));
    let changed: Vec<_> = changed.iter().map(ToString::to_string).collect();
    format!(
        "the view `{name}` has rows stored, and they can't be read as it is defined now: {}; raise its `version` to {next}: it then begins \
         without rows",
        changed.join(", ")
    )
}
