//! `POST /v1/views/{view}/rows`.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::router::Gateway;
use super::{body, schema};
use crate::clock;
use crate::deadline::Deadline;
use crate::error::Error;
use crate::lookup::write::{Batch, RowFormat, WriteReport};

const ARROW: &str = "application/vnd.apache.arrow.stream";
const NDJSON: [&str; 3] = ["application/x-ndjson", "application/ndjson", "application/jsonl"];

/// What became of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WriteRowsResponse {
    /// Position of the batch in its stream; REST sends one.
    batch: u64,
    /// Rows that the store has now, or that lost to a newer row of their entity; events that every window view of their source has now, or
    /// a greater version of them.
    accepted: u64,
    /// Events that are LATE for at least one view; rows are never late.
    late: u64,
    /// Rows that were refused.
    bad: Vec<BadRow>,
}

/// A row that was refused.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BadRow {
    /// Position of the row in its batch, from 0, blank lines not counted.
    row: u64,
    /// A stable code: INVALID_ROW, BAD_KEY, FUTURE, TOO_LARGE, STORE; of events LATE and STATE_LIMIT too.
    code: &'static str,
    /// The member at fault, or the window view that refuses the event; empty when it is the row as a whole.
    field: String,
    message: String,
}

/// A row: of the built-in view an entity, optionally a time, and features of any JSON; of a defined view the key columns of its entity,
/// `event_time`, and its features.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documentation of a body that is read token by token")]
pub(super) struct Row {
    #[schema(example = "user_1", min_length = 1)]
    entity_id: String,
    /// RFC 3339 with Z or an offset; absent: the time of arrival.
    #[schema(nullable = false, format = DateTime)]
    event_time: Option<String>,
    #[serde(flatten)]
    features: std::collections::HashMap<String, serde_json::Value>,
}

/// Writes rows. Good rows are stored, bad ones are returned; the answer is sent once the store has the good ones.
#[utoipa::path(
    post,
    path = "/v1/views/{view}/rows",
    tag = "rows",
    operation_id = "writeRows",
    params(
        ("view" = String, Path, description = "The view; `default` is built in.", example = "default"),
        ("ignore_unknown" = Option<bool>, Query, nullable = false, description = "Leaves out members that a defined view does not have, instead of refusing the row."),
        ("x-request-timeout-ms" = Option<i64>, Header, nullable = false, minimum = 1, maximum = 4_294_967_295_i64, description = "The deadline of the request, in milliseconds."),
    ),
    request_body(content((Vec<Row> = "application/json"), (String = "application/x-ndjson"), (Vec<u8> = "application/vnd.apache.arrow.stream")), description = "A JSON array of rows, one JSON object a line, or, for a defined view, a stream of Arrow."),
    responses(
        (status = 200, body = WriteRowsResponse, description = "Stored; see `bad` for rows that were refused."),
        (status = 400, body = schema::ErrorBody, description = "INVALID_ARGUMENT"),
        (status = 413, body = schema::ErrorBody, description = "REQUEST_TOO_LARGE"),
        (status = 415, body = schema::ErrorBody, description = "UNSUPPORTED_MEDIA_TYPE"),
        (status = 429, body = schema::ErrorBody, description = "OVERLOADED, or RATE_LIMITED; see Retry-After"),
        (status = 503, body = schema::ErrorBody, description = "UNAVAILABLE; see Retry-After"),
        (status = 504, body = schema::ErrorBody, description = "DEADLINE_EXCEEDED"),
    )
)]
pub(super) async fn post(
    State(gateway): State<Gateway>,
    view: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<WriteRowsResponse>, Error> {
    let Path(view) = view.map_err(|error| Error::invalid("view", error.body_text()))?;
    let ignore_unknown = ignore_unknown(request.uri())?;
    let format = format(request.headers())?;
    let deadline = Deadline::of(request.extensions());
    let body = body::read(request.into_body(), gateway.max_request_bytes).await?;
    let batch = Batch { view: &view, body, format, ignore_unknown };
    let report = gateway.lookup.write_rows(batch, clock::now(), deadline.at()).await?;
    Ok(Json(response(report)))
}

/// The form of the body of a write.
pub(super) fn format(headers: &http::HeaderMap) -> Result<RowFormat, Error> {
    let media_type = body::media_type(headers);
    if media_type == "application/json" {
        Ok(RowFormat::JsonArray)
    } else if NDJSON.contains(&media_type.as_str()) {
        Ok(RowFormat::Ndjson)
    } else if media_type == ARROW {
        Ok(RowFormat::ArrowIpc)
    } else {
        let wanted = "application/json, application/x-ndjson or application/vnd.apache.arrow.stream";
        Err(body::unsupported(&media_type, wanted))
    }
}

/// Whether members that are not defined are left out.
pub(super) fn ignore_unknown(uri: &http::Uri) -> Result<bool, Error> {
    match uri.query() {
        None | Some("" | "ignore_unknown=false") => Ok(false),
        Some("ignore_unknown=true") => Ok(true),
        Some(query) => {
            Err(Error::invalid("query", format!("{query:?} is not ignore_unknown=true or ignore_unknown=false")))
        }
    }
}

/// The answer to a batch.
pub(super) fn response(report: WriteReport) -> WriteRowsResponse {
    let bad = |bad: crate::lookup::write::BadRow| BadRow {
        row: bad.row as u64,
        code: bad.fault.name(),
        field: bad.field,
        message: bad.message,
    };
    WriteRowsResponse {
        batch: 0,
        accepted: report.accepted as u64,
        late: report.late as u64,
        bad: report.bad.into_iter().map(bad).collect(),
    }
}
