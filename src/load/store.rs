//! Delivery straight into the store.

use std::time::{Duration, Instant};

use super::LoadError;
use super::backoff::Backoff;
use super::batch::{BadRow, Batch};
use super::intake::Intake;
use super::options::Options;
use super::report::Report;
use crate::clock;
use crate::error::{Code, Error};
use crate::lookup::Lookup;
use crate::lookup::write::{self, RowFormat, WriteReport};

/// The longest wait for one batch; `store.write_timeout` is mostly shorter.
const BATCH_DEADLINE: Duration = Duration::from_secs(60);

/// Writes batch after batch, by the same checks as the gateway.
pub(super) async fn deliver(
    lookup: &Lookup,
    options: &Options,
    intake: &mut Intake,
    report: &mut Report,
) -> Result<(), LoadError> {
    let mut backoff = Backoff::new(options.retry_for);
    let mut parts = Vec::new();
    loop {
        let batch = match parts.pop() {
            Some(part) => part,
            None if report.must_stop() => {
                intake.stop();
                return Ok(());
            }
            None => match intake.next().await {
                Some(batch) => batch,
                None => return Ok(()),
            },
        };
        match write(lookup, &options.view, &batch).await {
            Ok(written) => {
                backoff.reset();
                answered(batch, written, report);
            }
            Err(error) if error.code() == Code::RequestTooLarge => match batch.split() {
                Ok((first, second)) => parts.extend([second, first]),
                Err(batch) => too_large(batch, error.message(), report),
            },
            Err(error) if matches!(error.code(), Code::Unavailable | Code::DeadlineExceeded) => {
                again(&mut backoff, error.message(), report).await?;
                parts.push(batch);
            }
            Err(error) => return Err(LoadError::new(error.to_string())),
        }
    }
}

async fn write(lookup: &Lookup, view: &str, batch: &Batch) -> Result<WriteReport, Error> {
    let rows = batch.ndjson.clone().into();
    let batch = write::Batch { view, body: rows, format: RowFormat::Ndjson, ignore_unknown: false };
    lookup.write_rows(batch, clock::now(), Instant::now() + BATCH_DEADLINE).await
}

fn answered(batch: Batch, written: WriteReport, report: &mut Report) {
    let refused = written
        .bad
        .into_iter()
        .map(|bad| batch.refused(bad.row, bad.fault.name().to_owned(), bad.field, bad.message))
        .collect();
    report.answered(batch, written.accepted as u64, refused);
}

/// A batch of one row that the target's limits don't allow.
pub(super) fn too_large(batch: Batch, message: &str, report: &mut Report) {
    let refused = batch.positions.iter().map(|position| BadRow::too_large(*position, message)).collect();
    report.answered(batch, 0, refused);
}

/// Waits before the next attempt, or gives up.
pub(super) async fn again(backoff: &mut Backoff, cause: &str, report: &mut Report) -> Result<(), LoadError> {
    let is_first = !backoff.is_waiting();
    let Some(pause) = backoff.pause(Instant::now()) else {
        return Err(LoadError::new(format!("{cause} (tried again for {:?}, --retry-for)", backoff.limit())));
    };
    if is_first {
        report.tell(&format!("{cause}: trying again for {:?}", backoff.limit()));
    }
    tokio::time::sleep(pause).await;
    Ok(())
}
