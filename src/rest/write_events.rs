//! `POST /v1/sources/{source}/events`.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use utoipa::ToSchema;

use super::router::Gateway;
use super::write_rows::{self, WriteRowsResponse};
use super::{body, schema};
use crate::clock;
use crate::deadline::Deadline;
use crate::error::Error;
use crate::lookup::events::EventBatch;

/// An event: the columns of its source by their names.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documentation of a body that is read token by token")]
pub(super) struct Event {
    #[serde(flatten)]
    columns: std::collections::HashMap<String, serde_json::Value>,
}

/// Writes events to every window view of a source. Good events are stored, bad ones are returned; the answer is sent once the store has the
/// good ones. A batch that is sent again changes nothing, unless the source's events have no ids.
#[utoipa::path(
    post,
    path = "/v1/sources/{source}/events",
    tag = "rows",
    operation_id = "writeEvents",
    params(
        ("source" = String, Path, description = "A source that window views read.", example = "transactions"),
        ("ignore_unknown" = Option<bool>, Query, nullable = false, description = "Leaves out members that the source does not have, instead of refusing the event."),
        ("x-request-timeout-ms" = Option<i64>, Header, nullable = false, minimum = 1, maximum = 4_294_967_295_i64, description = "The deadline of the request, in milliseconds."),
    ),
    request_body(content((Vec<Event> = "application/json"), (String = "application/x-ndjson"), (Vec<u8> = "application/vnd.apache.arrow.stream")), description = "A JSON array of events, one JSON object a line, or a stream of Arrow."),
    responses(
        (status = 200, body = WriteRowsResponse, description = "Stored; see `bad` for events that were refused."),
        (status = 400, body = schema::ErrorBody, description = "INVALID_ARGUMENT"),
        (status = 409, body = schema::ErrorBody, description = "FAILED_PRECONDITION"),
        (status = 413, body = schema::ErrorBody, description = "REQUEST_TOO_LARGE"),
        (status = 415, body = schema::ErrorBody, description = "UNSUPPORTED_MEDIA_TYPE"),
        (status = 429, body = schema::ErrorBody, description = "OVERLOADED, or RATE_LIMITED; see Retry-After"),
        (status = 503, body = schema::ErrorBody, description = "UNAVAILABLE; see Retry-After"),
        (status = 504, body = schema::ErrorBody, description = "DEADLINE_EXCEEDED"),
    )
)]
pub(super) async fn post(
    State(gateway): State<Gateway>,
    source: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<WriteRowsResponse>, Error> {
    let Path(source) = source.map_err(|error| Error::invalid("source", error.body_text()))?;
    let ignore_unknown = write_rows::ignore_unknown(request.uri())?;
    let format = write_rows::format(request.headers())?;
    let deadline = Deadline::of(request.extensions());
    let body = body::read(request.into_body(), gateway.max_request_bytes).await?;
    let batch = EventBatch { source, body, format, ignore_unknown };
    let report = gateway.lookup.write_events(batch, clock::now(), deadline.at()).await?;
    Ok(Json(write_rows::response(report)))
}
