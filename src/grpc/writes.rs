//! The methods that write: one batch a message, one answer a batch, sent once the store has its good rows.

use std::pin::Pin;
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt, stream};
use tonic::{Code, Request, Status, Streaming};

use super::status;
use super::streams::{self, Streams};
use crate::api::{
    BadRow, WriteEventsRequest, WriteEventsResponse, WriteRowsRequest, WriteRowsResponse, WriteStatesRequest,
    WriteStatesResponse, write_events_request::Events, write_rows_request::Rows,
};
use crate::clock;
use crate::deadline::Deadline;
use crate::ending::Ending;
use crate::error::{self, Error};
use crate::lookup::Lookup;
use crate::lookup::events::{EventBatch, StateBatch};
use crate::lookup::write::{self, Batch, RowFormat, WriteReport};

/// Answers to the batches of one stream.
pub(super) type Answers<A> = Pin<Box<dyn Stream<Item = Result<A, Status>> + Send>>;

/// A batch of a stream without a deadline waits for the store for at most this long; `store.write_timeout` is mostly shorter.
const BATCH_DEADLINE: Duration = Duration::from_secs(60);

/// A batch as a method takes it.
pub(super) trait Written: Send + 'static {
    /// What its method answers.
    type Answer: Send + 'static;
    /// The path of its method.
    const METHOD: &'static str;

    /// Stores it.
    fn write(self, lookup: &Lookup, deadline: Instant) -> impl Future<Output = Result<WriteReport, Error>> + Send;

    /// The answer to the batch at this position of its stream.
    fn answer(batch: i64, report: WriteReport) -> Self::Answer;
}

impl Written for WriteRowsRequest {
    type Answer = WriteRowsResponse;
    const METHOD: &'static str = "/feature_store.FeatureStore/WriteRows";

    async fn write(self, lookup: &Lookup, deadline: Instant) -> Result<WriteReport, Error> {
        let (body, format) = match self.rows {
            Some(Rows::Ndjson(ndjson)) => (ndjson, RowFormat::Ndjson),
            Some(Rows::ArrowIpc(arrow)) => (arrow, RowFormat::ArrowIpc),
            None => return Err(Error::invalid("rows", "the batch has no rows: set ndjson or arrow_ipc")),
        };
        let rows = Batch { view: &self.view, body: body.into(), format, ignore_unknown: self.ignore_unknown };
        lookup.write_rows(rows, clock::now(), deadline).await
    }

    fn answer(batch: i64, report: WriteReport) -> WriteRowsResponse {
        let WriteReport { accepted, late, bad } = report;
        WriteRowsResponse { batch, accepted: count(accepted), late: count(late), bad: named(bad) }
    }
}

impl Written for WriteEventsRequest {
    type Answer = WriteEventsResponse;
    const METHOD: &'static str = "/feature_store.FeatureStore/WriteEvents";

    async fn write(self, lookup: &Lookup, deadline: Instant) -> Result<WriteReport, Error> {
        let (body, format) = match self.events {
            Some(Events::Ndjson(ndjson)) => (ndjson, RowFormat::Ndjson),
            Some(Events::ArrowIpc(arrow)) => (arrow, RowFormat::ArrowIpc),
            None => return Err(Error::invalid("events", "the batch has no events: set ndjson or arrow_ipc")),
        };
        let events = EventBatch { source: self.source, body: body.into(), format, ignore_unknown: self.ignore_unknown };
        lookup.write_events(events, clock::now(), deadline).await
    }

    fn answer(batch: i64, report: WriteReport) -> WriteEventsResponse {
        let WriteReport { accepted, late, bad } = report;
        WriteEventsResponse { batch, accepted: count(accepted), late: count(late), bad: named(bad) }
    }
}

impl Written for WriteStatesRequest {
    type Answer = WriteStatesResponse;
    const METHOD: &'static str = "/feature_store.FeatureStore/WriteStates";

    async fn write(self, lookup: &Lookup, deadline: Instant) -> Result<WriteReport, Error> {
        let Self { view, cut, arrow_ipc, complete_since, done } = self;
        let states = StateBatch { view, cut, arrow: arrow_ipc.into(), complete_since, is_last: done };
        lookup.write_states(states, deadline).await
    }

    fn answer(batch: i64, report: WriteReport) -> WriteStatesResponse {
        let WriteReport { accepted, late, bad } = report;
        WriteStatesResponse { batch, accepted: count(accepted), late: count(late), bad: named(bad) }
    }
}

struct State<B> {
    lookup: Lookup,
    batches: Streaming<B>,
    deadline: Option<Deadline>,
    streams: Streams,
    /// What began the stream.
    request: http::Request<()>,
    ending: Ending,
    batch: i64,
}

/// Stores the batches one after the other, in the order in which they come. A gateway that stops ends the stream between two batches, and so
/// does the end of its connection.
pub(super) fn answers<B: Written>(
    lookup: Lookup,
    request: Request<Streaming<B>>,
    streams: Streams,
) -> Answers<B::Answer> {
    let deadline = Deadline::asked(request.extensions());
    let ending = Ending::of(request.extensions());
    let asked = streams::asked(B::METHOD, request.metadata());
    let state = State { lookup, batches: request.into_inner(), deadline, streams, request: asked, ending, batch: 0 };
    stream::try_unfold(state, |mut state| async move {
        let read = tokio::select! {
            biased;
            _ = state.streams.stopping.wait_for(|stopping| *stopping) => return Err(ended("the gateway is stopping", state.batch)),
            () = state.ending.told() => return Err(ended("the connection is old (server.max_connection_age)", state.batch)),
            read = state.batches.message() => read,
        };
        let Some(batch) = read.map_err(|error| read_error(error, state.batch))? else { return Ok(None) };
        let deadline = state.deadline.unwrap_or_else(|| Deadline::new(BATCH_DEADLINE, false));
        let admitted = state.streams.admit(&state.request, state.batch, deadline.at()).await;
        let _place = admitted.map_err(|error| status::of(&error))?;
        let report = batch.write(&state.lookup, deadline.at()).await.map_err(|error| status::of(&error))?;
        let answer = B::answer(state.batch, report);
        state.batch += 1;
        Ok(Some((answer, state)))
    })
    .boxed()
}

/// All batches before this one are answered, so that the client knows where to go on.
fn ended(why: &str, batch: i64) -> Status {
    let message = format!("{why}: send batch {batch} and what follows on another connection");
    status::of(&Error::new(error::Code::Unavailable, message))
}

fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn named(bad: Vec<write::BadRow>) -> Vec<BadRow> {
    let bad = bad.into_iter().map(|bad| BadRow {
        row: count(bad.row),
        code: bad.fault.name().to_owned(),
        field: bad.field,
        message: bad.message,
    });
    bad.collect()
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
