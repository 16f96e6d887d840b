//! Events: a batch of one source, each checked on its own, into the states of every window view that reads the source.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::RecordBatch;
use bumpalo::Bump;
use bytes::Bytes;
use unskew_engine::row::{Arrival, Options};
use unskew_engine::windows::{EntityEvents, EventIntake, EventView, Refused, TakenEvents};

use super::EventBatch;
use crate::clock::Micros;
use crate::error::Error;
use crate::lookup::defined::{ServedWindow, arrow_batches};
use crate::lookup::write::{BadRow, RowFault, RowFormat, WriteReport, batch};
use crate::lookup::{Lookup, time};
use crate::telemetry::events::{EventCounts, EventResult};
use crate::telemetry::trace::{self, Named};

/// The state of one entity in one view, and the events for it.
struct Target<'a> {
    view: usize,
    events: EntityEvents<'a, 'a>,
    refused: Vec<(usize, Refused)>,
}

impl Lookup {
    /// Stores the good events of a batch in the states of all window views of its source, and gives the bad ones back. `now`: the time of
    /// arrival.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a source that no window view reads or a body that can't be split into events; FAILED_PRECONDITION for a view
    /// whose stored states hold something else; UNAVAILABLE when the store can't say that it has any, or too many batches are worked on.
    pub async fn write_events(&self, batch: EventBatch, now: Micros, deadline: Instant) -> Result<WriteReport, Error> {
        let catalog = self.catalog();
        let views = catalog.windows_of(&batch.source).to_vec();
        if views.is_empty() {
            let there_is: Vec<_> = catalog.source_names().map(|name| format!("{name:?}")).collect();
            let there_is = if there_is.is_empty() {
                "has no window view".to_owned()
            } else {
                format!("takes events of {}", there_is.join(", "))
            };
            let message = format!("no window view reads a source {:?}; this gateway {there_is}", batch.source);
            return Err(Error::invalid("source", message));
        }
        trace::name(Named::Source, &batch.source);
        self.know_windows(&catalog, views.iter(), deadline).await?;
        let job = async move |lookup: Self| lookup.store_events(&views, &batch, now, deadline).await;
        let report = self.work(deadline, job).await?;
        report.trace();
        Ok(report)
    }

    async fn store_events(
        &self,
        views: &[Arc<ServedWindow>],
        batch: &EventBatch,
        now: Micros,
        deadline: Instant,
    ) -> Result<WriteReport, Error> {
        let options = Options {
            ignore_unknown: batch.ignore_unknown,
            max_key_bytes: self.limits.request.id_bytes,
            max_row_bytes: self.limits.row_bytes,
        };
        let intake = views.iter().map(|view| EventView { plan: view.plan.clone(), key: view.key.clone() });
        let intake = EventIntake::new(intake, options).map_err(|why| Error::invalid("source", why))?;
        let arrow = match batch.format {
            RowFormat::ArrowIpc => arrow_batches(&batch.body, self.limits.batch_rows)?,
            RowFormat::Ndjson | RowFormat::JsonArray => Vec::new(),
        };
        let arena = Bump::new();
        let mut taken = intake.room();
        let latest = now.saturating_add(i64::try_from(self.limits.max_future.as_micros()).unwrap_or(i64::MAX));
        let arrival = Arrival { now, latest };
        match batch.format {
            RowFormat::ArrowIpc => take_arrow(&intake, &arrow, arrival, &arena, &mut taken)?,
            RowFormat::Ndjson | RowFormat::JsonArray => {
                let mut count = 0;
                batch::rows(&batch.body, batch.format, |text| {
                    if count == self.limits.batch_rows {
                        return Err(batch::too_many(self.limits.batch_rows));
                    }
                    intake.json(count, text, arrival, &arena, &mut taken);
                    count += 1;
                    Ok(())
                })?;
            }
        }
        taken.group();
        let entities = taken.views().iter().enumerate().flat_map(|(view, events)| {
            events.entities().map(move |events| Target { view, events, refused: Vec::new() })
        });
        let mut targets: Vec<Target<'_>> = entities.collect();
        let keys: Vec<Bytes> = targets.iter().map(|target| Bytes::copy_from_slice(target.events.key())).collect();
        let derive = |at: usize, stored: Option<&[u8]>| -> Result<Option<Vec<u8>>, String> {
            let Some(target) = targets.get_mut(at) else { return Ok(None) };
            let Some(view) = views.get(target.view) else { return Ok(None) };
            let applied = view.plan.apply(stored, target.events, self.limits.state_bytes);
            let applied = applied.map_err(|bad| format!("the stored state can't be read (UNDECODABLE): {bad}"))?;
            target.refused = applied.refused;
            Ok(applied.value)
        };
        let failed = self.swap_all(&keys, deadline, derive).await?;
        Ok(self.report(views, &taken, &targets, failed))
    }

    fn report(
        &self,
        views: &[Arc<ServedWindow>],
        taken: &TakenEvents<'_>,
        targets: &[Target<'_>],
        failed: Vec<Option<String>>,
    ) -> WriteReport {
        let mut counts: Vec<EventCounts> = vec![EventCounts::default(); views.len()];
        let mut bad: Vec<BadRow> = taken.bad().iter().cloned().map(BadRow::from).collect();
        for bad in &bad {
            let result = if bad.fault == RowFault::Future { EventResult::Future } else { EventResult::Bad };
            counts.iter_mut().for_each(|counts| counts.add(result, 1));
        }
        let (mut late, mut refused) = (HashSet::new(), HashSet::new());
        for (target, failed) in targets.iter().zip(failed) {
            let (Some(view), Some(counts)) = (views.get(target.view), counts.get_mut(target.view)) else { continue };
            if let Some(message) = failed {
                counts.add(EventResult::Failed, target.events.len());
                for row in target.events.rows() {
                    refused.insert(row);
                    let field = view.name().to_owned();
                    bad.push(BadRow { row, fault: RowFault::Store, field, message: message.clone() });
                }
                continue;
            }
            counts.add(EventResult::Accepted, target.events.len() - target.refused.len());
            for (at, why) in &target.refused {
                let (Some(row), Some(time)) = (target.events.row(*at), target.events.time(*at)) else { continue };
                let refusal = self.refusal(view, row, time, *why);
                refused.insert(row);
                if refusal.fault == RowFault::Late {
                    late.insert(row);
                }
                let result = if refusal.fault == RowFault::Late { EventResult::Late } else { EventResult::StateLimit };
                counts.add(result, 1);
                bad.push(refusal);
            }
        }
        for (view, counts) in views.iter().zip(&counts) {
            self.metrics.events.written(view.name(), counts);
        }
        // Stable: the views of one row stay in their order.
        bad.sort_by_key(|bad| bad.row);
        WriteReport { accepted: taken.rows().len() - refused.len(), late: late.len(), bad }
    }

    fn refusal(&self, view: &ServedWindow, row: usize, event_time: Micros, why: Refused) -> BadRow {
        let name = view.name();
        let (fault, message) = match why {
            Refused::Late(until) => {
                let (time, until) = (time::format(event_time), time::format(until));
                let message = format!(
                    "{time} is at or before {until}, up to which the view `{name}` has let go of the entity's events, or sealed them"
                );
                (RowFault::Late, message)
            }
            Refused::TooLarge(bytes) => {
                let limit = self.limits.state_bytes;
                let message = format!(
                    "the entity's state in the view `{name}` would have {bytes} bytes, at most {limit} are allowed (limits.max_state_bytes)"
                );
                (RowFault::StateLimit, message)
            }
        };
        BadRow { row, fault, field: name.to_owned(), message }
    }
}

fn take_arrow<'v>(
    intake: &'v EventIntake,
    batches: &'v [RecordBatch],
    arrival: Arrival,
    arena: &'v Bump,
    taken: &mut TakenEvents<'v>,
) -> Result<(), Error> {
    let mut first = 0;
    for batch in batches {
        let done = intake.arrow(first, batch, arrival, arena, taken);
        done.map_err(|why| Error::invalid("arrow_ipc", why))?;
        first += batch.num_rows();
    }
    Ok(())
}
