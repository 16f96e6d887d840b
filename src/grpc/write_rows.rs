//! `WriteRows`: one batch a message, one answer a batch, sent once the store has its good rows.

use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use tokio::sync::watch;
use tonic::{Code, Request, Status, Streaming};

use super::status;
use crate::api::{BadRow, WriteRowsRequest, WriteRowsResponse, write_rows_request::Rows};
use crate::clock;
use crate::deadline::Deadline;
use crate::error::{self, Error};
use crate::lookup::Lookup;
use crate::lookup::write::{self, Batch, RowFormat, WriteReport};

/// Answers to the batches of one stream.
pub(super) type Answers = Pin<Box<dyn Stream<Item = Result<WriteRowsResponse, Status>> + Send>>;

/// A batch of a stream without a deadline waits for the store for at most this long; `store.write_timeout` is mostly shorter.
const BATCH_DEADLINE: Duration = Duration::from_secs(60);

struct State {
    lookup: Lookup,
    batches: Streaming<WriteRowsRequest>,
    deadline: Option<Deadline>,
    stopping: watch::Receiver<bool>,
    batch: i64,
}

/// Stores the batches one after the other, in the order in which they come. A gateway that stops ends the stream between two batches.
pub(super) fn answers(
    lookup: Lookup,
    request: Request<Streaming<WriteRowsRequest>>,
    stopping: watch::Receiver<bool>,
) -> Answers {
    let deadline = Deadline::asked(request.extensions());
    let state = State { lookup, batches: request.into_inner(), deadline, stopping, batch: 0 };
    stream::try_unfold(state, |mut state| async move {
        let read = tokio::select! {
            biased;
            _ = state.stopping.wait_for(|stopping| *stopping) => return Err(stopped(state.batch)),
            read = state.batches.message() => read,
        };
        let Some(batch) = read.map_err(|error| read_error(error, state.batch))? else { return Ok(None) };
        let deadline = state.deadline.unwrap_or_else(|| Deadline::new(BATCH_DEADLINE, false));
        let (body, format) = match batch.rows {
            Some(Rows::Ndjson(ndjson)) => (ndjson, RowFormat::Ndjson),
            Some(Rows::ArrowIpc(arrow)) => (arrow, RowFormat::ArrowIpc),
            None => return Err(status::of(&Error::invalid("rows", "the batch has no rows: set ndjson or arrow_ipc"))),
        };
        let rows = Batch { view: &batch.view, body: body.into(), format, ignore_unknown: batch.ignore_unknown };
        let report =
            state.lookup.write_rows(rows, clock::now(), deadline.at()).await.map_err(|error| status::of(&error))?;
        let answer = answer(state.batch, report);
        state.batch += 1;
        Ok(Some((answer, state)))
    })
    .boxed()
}

/// All batches before this one are answered, so that the client knows where to go on.
fn stopped(batch: i64) -> Status {
    let message = format!("the gateway is stopping: send batch {batch} and what follows on another connection");
    status::of(&Error::new(error::Code::Unavailable, message))
}

fn answer(batch: i64, report: WriteReport) -> WriteRowsResponse {
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let bad = |bad: write::BadRow| BadRow {
        row: count(bad.row),
        code: bad.fault.name().to_owned(),
        field: bad.field,
        message: bad.message,
    };
    WriteRowsResponse {
        batch,
        accepted: count(report.accepted),
        late: 0,
        bad: report.bad.into_iter().map(bad).collect(),
    }
}

/// What tonic answers to a message that it can't read, with our code: above the limit it says OUT_OF_RANGE, cut or compressed INTERNAL.
fn read_error(status: Status, batch: i64) -> Status {
    let said = status.message();
    if status.code() == Code::OutOfRange {
        let message = format!("batch {batch}: {said} (limits.max_request_bytes)");
        return status::of(&Error::new(error::Code::RequestTooLarge, message));
    }
    if status.code() == Code::Internal {
        return status::of(&Error::new(error::Code::InvalidArgument, format!("batch {batch}: {said}")));
    }
    status
}
