//! `POST /v1/feature-vectors` and `POST /v1/explain`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Request, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::router::Gateway;
use super::{body, schema};
use crate::clock::{self, Micros};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::lookup::defined::columns::{Cells, Column};
use crate::lookup::defined::{Explained, Vectors, VectorsAsked, hex};
use crate::lookup::{Status, time};

/// Which rows of which service.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FeatureVectorsRequest)]
pub(super) struct FeatureVectorsBody {
    #[schema(example = "fraud_model")]
    service: String,
    /// The key columns of every entity that the service reads: one value a row.
    #[serde(default)]
    #[schema(example = json!({"customer_id": [1, 2]}))]
    entities: BTreeMap<String, Vec<serde_json::Value>>,
    /// The request columns of the service: one value a row.
    #[serde(default)]
    #[schema(example = json!({"tx_amount": [57.16, 12.0]}))]
    request: BTreeMap<String, Vec<serde_json::Value>>,
    /// The fingerprint that the model was trained with, 64 hexadecimal digits; absent: the default of the service.
    fingerprint: Option<String>,
    /// The time t, RFC 3339: one for all rows, or a list with one for each. Without it t is the time of arrival, or the request column that the
    /// service names as its time, beside which it is refused.
    #[serde(default)]
    #[schema(value_type = Option<Times>)]
    as_of: Times,
    /// Adds the names of the columns.
    #[serde(default)]
    names: bool,
    /// Adds the event time of every row that was read.
    #[serde(default)]
    event_times: bool,
    /// Adds the status of every slot of every row.
    #[serde(default)]
    slot_statuses: bool,
}

/// One time or several.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(untagged)]
enum Times {
    #[default]
    None,
    One(String),
    Each(Vec<String>),
}

/// One row of a service.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ExplainRequest)]
pub(super) struct ExplainBody {
    #[schema(example = "fraud_model")]
    service: String,
    /// The key columns of every entity that the service reads.
    #[serde(default)]
    #[schema(example = json!({"customer_id": 1}))]
    entities: BTreeMap<String, serde_json::Value>,
    /// The request columns of the service.
    #[serde(default)]
    request: BTreeMap<String, serde_json::Value>,
    /// The fingerprint that the model was trained with, 64 hexadecimal digits; absent: the default of the service.
    fingerprint: Option<String>,
    /// The time t, RFC 3339.
    #[schema(format = DateTime)]
    as_of: Option<String>,
}

/// Vectors, row by row.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FeatureVectorsResponse {
    rows: usize,
    columns: usize,
    /// A list for each row; a position without a finite number is null.
    vectors: Vec<Vec<Option<f64>>>,
    /// The rows that are not complete; all others are.
    incomplete: Vec<IncompleteRow>,
    /// The fingerprint of what was served.
    fingerprint: String,
    /// The oldest event time of a row that was read, RFC 3339; absent when none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    oldest_event_time: Option<String>,
    /// If asked for: what every column is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    names: Option<Vec<String>>,
    /// If asked for: for each view, the event time of each row that was read, or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    event_times: Option<BTreeMap<String, Vec<Option<String>>>>,
    /// If asked for: for each slot, its status in each row.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    slot_statuses: Option<Vec<SlotStatuses>>,
}

/// The statuses of one slot.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SlotStatuses {
    slot: String,
    /// One a row.
    #[schema(value_type = Vec<schema::StatusName>)]
    statuses: Vec<&'static str>,
}

/// A row with a slot that has no finite number.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IncompleteRow {
    row: usize,
    /// The first such slot.
    slot: String,
    #[schema(value_type = schema::StatusName)]
    status: &'static str,
    /// Set when the status is ERROR.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::ReasonName, nullable = false)]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    #[schema(required = false)]
    message: &'static str,
}

/// One row in words.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExplainResponse {
    service: String,
    fingerprint: String,
    /// The time t that was used, RFC 3339.
    #[schema(format = DateTime)]
    as_of: String,
    inputs: Vec<ExplainedInput>,
    slots: Vec<ExplainedSlot>,
}

/// One input of a row.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExplainedInput {
    /// A request column, or `view.feature`.
    name: String,
    dtype: String,
    /// The value, as text.
    value: String,
    #[schema(value_type = schema::StatusName)]
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::ReasonName, nullable = false)]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    message: String,
    /// Of a feature: its view.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    view: String,
    /// Of a feature: the key that was read.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    key: String,
    /// Of a feature: the event time of its row, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    event_time: Option<String>,
    /// Of a feature: t less the event time, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    age_seconds: Option<f64>,
}

/// One slot of a row.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExplainedSlot {
    name: String,
    /// The inputs it reads.
    reads: Vec<String>,
    /// The value before the first step, as text, or what is wrong.
    source: String,
    steps: Vec<ExplainedStep>,
    /// Its positions of the vector; null where there is no finite number.
    positions: Vec<Option<f64>>,
    #[schema(value_type = schema::StatusName)]
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::ReasonName, nullable = false)]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    #[schema(required = false)]
    message: &'static str,
}

/// What a step made of the value.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExplainedStep {
    name: &'static str,
    /// The value after it, as text, or what is wrong.
    value: String,
}

/// The vectors of a service: what a model takes.
#[utoipa::path(
    post,
    path = "/v1/feature-vectors",
    tag = "vectors",
    operation_id = "getFeatureVectors",
    request_body = FeatureVectorsBody,
    params(("x-request-timeout-ms" = Option<i64>, Header, nullable = false, minimum = 1, maximum = 4_294_967_295_i64, description = "The deadline of the request, in milliseconds.")),
    responses(
        (status = 200, body = FeatureVectorsResponse, description = "A vector for every row; `incomplete` lists those with a slot that has no value."),
        (status = 400, body = schema::ErrorBody, description = "INVALID_ARGUMENT"),
        (status = 409, body = schema::ErrorBody, description = "FAILED_PRECONDITION"),
        (status = 413, body = schema::ErrorBody, description = "REQUEST_TOO_LARGE"),
        (status = 415, body = schema::ErrorBody, description = "UNSUPPORTED_MEDIA_TYPE"),
        (status = 422, body = schema::ErrorBody, description = "REPLY_TOO_LARGE"),
        (status = 429, body = schema::ErrorBody, description = "OVERLOADED, or RATE_LIMITED; see Retry-After"),
        (status = 503, body = schema::ErrorBody, description = "UNAVAILABLE; see Retry-After"),
        (status = 504, body = schema::ErrorBody, description = "DEADLINE_EXCEEDED"),
    )
)]
pub(super) async fn post(
    State(gateway): State<Gateway>,
    request: Request,
) -> Result<Json<FeatureVectorsResponse>, Error> {
    let (parts, body) = request.into_parts();
    let body: FeatureVectorsBody = body::json(&parts.headers, &body::read(body, gateway.max_request_bytes).await?)?;
    let names = body.names;
    let asked = VectorsAsked {
        service: body.service,
        entities: columns(body.entities),
        request: columns(body.request),
        fingerprint: body.fingerprint.as_deref().map(fingerprint).transpose()?,
        as_of: match body.as_of {
            Times::None => Vec::new(),
            Times::One(text) => vec![as_of(&text)?],
            Times::Each(texts) => texts.iter().map(|text| as_of(text)).collect::<Result<_, _>>()?,
        },
        names,
        event_times: body.event_times,
        slot_statuses: body.slot_statuses,
    };
    let deadline = Deadline::of(&parts.extensions);
    let vectors = gateway.lookup.vectors(asked, clock::now(), deadline.at()).await?;
    Ok(Json(reply(&vectors, names)))
}

/// One row of a service in words: every input, and every slot step by step.
#[utoipa::path(
    post,
    path = "/v1/explain",
    tag = "vectors",
    operation_id = "explain",
    request_body = ExplainBody,
    params(("x-request-timeout-ms" = Option<i64>, Header, nullable = false, minimum = 1, maximum = 4_294_967_295_i64, description = "The deadline of the request, in milliseconds.")),
    responses(
        (status = 200, body = ExplainResponse, description = "What the row read, and what became of it."),
        (status = 400, body = schema::ErrorBody, description = "INVALID_ARGUMENT"),
        (status = 409, body = schema::ErrorBody, description = "FAILED_PRECONDITION"),
        (status = 413, body = schema::ErrorBody, description = "REQUEST_TOO_LARGE"),
        (status = 415, body = schema::ErrorBody, description = "UNSUPPORTED_MEDIA_TYPE"),
        (status = 429, body = schema::ErrorBody, description = "OVERLOADED, or RATE_LIMITED; see Retry-After"),
        (status = 503, body = schema::ErrorBody, description = "UNAVAILABLE; see Retry-After"),
        (status = 504, body = schema::ErrorBody, description = "DEADLINE_EXCEEDED"),
    )
)]
pub(super) async fn explain(State(gateway): State<Gateway>, request: Request) -> Result<Json<ExplainResponse>, Error> {
    let (parts, body) = request.into_parts();
    let body: ExplainBody = body::json(&parts.headers, &body::read(body, gateway.max_request_bytes).await?)?;
    let one = |columns: BTreeMap<String, serde_json::Value>| {
        self::columns(columns.into_iter().map(|(name, value)| (name, vec![value])).collect())
    };
    let asked = VectorsAsked {
        service: body.service,
        entities: one(body.entities),
        request: one(body.request),
        fingerprint: body.fingerprint.as_deref().map(fingerprint).transpose()?,
        as_of: body.as_of.as_deref().map(as_of).transpose()?.into_iter().collect(),
        ..VectorsAsked::default()
    };
    let deadline = Deadline::of(&parts.extensions);
    Ok(Json(explained(gateway.lookup.explain(asked, clock::now(), deadline.at()).await?)))
}

fn columns(columns: BTreeMap<String, Vec<serde_json::Value>>) -> Vec<Column> {
    columns.into_iter().map(|(name, values)| Column { name, cells: Cells::Json(values), nulls: Vec::new() }).collect()
}

fn as_of(text: &str) -> Result<Micros, Error> {
    time::parse(text).map_err(|message| Error::invalid("as_of", message))
}

fn fingerprint(text: &str) -> Result<Vec<u8>, Error> {
    let digit = |at: usize| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(digit).collect();
    match bytes {
        Some(bytes) if text.len() == 64 => Ok(bytes),
        Some(_) | None => Err(Error::invalid("fingerprint", "must be 64 hexadecimal digits")),
    }
}

/// A float32 as JSON: its shortest text, unless a reader that takes it for a float64 first would round to another float32.
#[expect(clippy::cast_possible_truncation, reason = "what such a reader does")]
fn finite(number: f32) -> Option<f64> {
    let short = number.to_string().parse().unwrap_or_else(|_| f64::from(number));
    let number = if short as f32 == number { short } else { f64::from(number) };
    number.is_finite().then_some(number)
}

fn reply(vectors: &Vectors, names: bool) -> FeatureVectorsResponse {
    let plan = &vectors.plan;
    let number = |bytes: &[u8]| bytes.first_chunk().copied().map(f32::from_le_bytes).and_then(finite);
    let width = plan.width().max(1) * 4;
    let slots = plan.slot_count();
    let status = |byte: u8| Status::ALL.into_iter().find(|status| *status as u8 == byte).map_or("ERROR", Status::name);
    let statuses = |slot: usize| SlotStatuses {
        slot: plan.slot_name(slot).to_owned(),
        statuses: vectors.slot_statuses.iter().skip(slot).step_by(slots).map(|byte| status(*byte)).collect(),
    };
    FeatureVectorsResponse {
        rows: vectors.rows,
        columns: plan.width(),
        vectors: vectors.bytes.chunks_exact(width).map(|row| row.chunks_exact(4).map(number).collect()).collect(),
        incomplete: vectors
            .incomplete
            .iter()
            .map(|row| IncompleteRow {
                row: row.row,
                slot: plan.slot_name(row.slot).to_owned(),
                status: row.status.name(),
                reason: row.reason.map(|reason| reason.name()),
                message: row.why,
            })
            .collect(),
        fingerprint: hex(&plan.fingerprint()),
        oldest_event_time: vectors.oldest.map(time::format),
        names: names.then(|| plan.names()),
        event_times: (!vectors.event_times.is_empty()).then(|| {
            let times = |times: &[Option<Micros>]| times.iter().map(|time| time.map(time::format)).collect();
            vectors.event_times.iter().map(|view| (view.view.clone(), times(&view.event_times))).collect()
        }),
        slot_statuses: (!vectors.slot_statuses.is_empty()).then(|| (0..slots).map(statuses).collect()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "an age of more than 285 years may lose microseconds")]
fn explained(explained: Explained) -> ExplainResponse {
    let names: Vec<String> = explained.inputs.iter().map(|input| input.name.clone()).collect();
    let inputs = explained.inputs.into_iter().map(|input| ExplainedInput {
        name: input.name,
        dtype: input.dtype.to_string(),
        value: input.value,
        status: input.state.status.name(),
        reason: input.state.reason.map(|reason| reason.name()),
        message: input.message,
        view: input.view,
        key: input.key,
        event_time: input.event_time.map(time::format),
        age_seconds: input.age.map(|age| age as f64 / 1e6),
    });
    let text = |value: Result<String, String>| value.unwrap_or_else(|why| why);
    let slots = explained.slots.into_iter().map(|slot| ExplainedSlot {
        name: slot.name,
        reads: slot.reads.iter().filter_map(|&read| names.get(read).cloned()).collect(),
        source: text(slot.source),
        steps: slot.steps.into_iter().map(|step| ExplainedStep { name: step.name, value: text(step.value) }).collect(),
        positions: slot.positions.into_iter().map(finite).collect(),
        status: slot.state.status.name(),
        reason: slot.state.reason.map(|reason| reason.name()),
        message: slot.state.why,
    });
    ExplainResponse {
        service: explained.service,
        fingerprint: hex(&explained.fingerprint),
        as_of: time::format(explained.as_of),
        inputs: inputs.collect(),
        slots: slots.collect(),
    }
}
