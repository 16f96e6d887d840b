//! `POST /v1/online-features` and `GET /v1/online-features/{entity_id}`.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{Extensions, HeaderMap, Uri};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use utoipa::ToSchema;

use super::names::JsonStrings;
use super::reply::JsonReply;
use super::router::Gateway;
use super::{body, schema};
use crate::clock;
use crate::deadline::Deadline;
use crate::error::Error;
use crate::lookup::{Asked, StringList, time};

/// Bytes of a reply for each entity beside its values.
const BYTES_PER_ENTITY: usize = 128;

/// Which features of which entities.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OnlineFeaturesRequest)]
pub(super) struct OnlineFeaturesBody {
    /// At least one. Duplicates are read and answered once. A malformed or over-long id is that entity's error BAD_KEY.
    #[schema(value_type = Vec<String>, min_items = 1, example = json!(["user_1", "user_2"]))]
    entity_ids: JsonStrings,
    /// The features wanted, in any order; none named: all that each entity has.
    #[serde(default)]
    #[schema(value_type = Vec<String>, required = false, example = json!(["feature_a"]))]
    feature_names: JsonStrings,
    /// The time t of the request, RFC 3339. Without it t is the time of arrival.
    #[serde(default)]
    #[schema(format = DateTime)]
    as_of: Option<String>,
    /// Lists the status of every feature, PRESENT ones too.
    #[serde(default)]
    all_statuses: bool,
}

/// Features of several entities, read from the store in one round trip.
#[utoipa::path(
    post,
    path = "/v1/online-features",
    tag = "features",
    operation_id = "getOnlineFeatures",
    request_body = OnlineFeaturesBody,
    params(("x-request-timeout-ms" = Option<i64>, Header, nullable = false, minimum = 1, maximum = 4_294_967_295_i64, description = "The deadline of the request, in milliseconds.")),
    responses(
        (status = 200, body = schema::OnlineFeaturesResponse, description = "An entry for every id; each has its own status."),
        (status = 400, body = schema::ErrorBody, description = "INVALID_ARGUMENT"),
        (status = 413, body = schema::ErrorBody, description = "REQUEST_TOO_LARGE"),
        (status = 415, body = schema::ErrorBody, description = "UNSUPPORTED_MEDIA_TYPE"),
        (status = 422, body = schema::ErrorBody, description = "REPLY_TOO_LARGE"),
        (status = 429, body = schema::ErrorBody, description = "OVERLOADED, or RATE_LIMITED; see Retry-After"),
        (status = 503, body = schema::ErrorBody, description = "UNAVAILABLE; see Retry-After"),
        (status = 504, body = schema::ErrorBody, description = "DEADLINE_EXCEEDED"),
    )
)]
pub(super) async fn post(State(gateway): State<Gateway>, request: Request) -> Result<Response, Error> {
    let (parts, body) = request.into_parts();
    let asked = asked_in_body(&parts.headers, &body::read(body, gateway.max_request_bytes).await?)?;
    answer(&gateway, asked, &parts.extensions).await
}

fn asked_in_body(headers: &HeaderMap, body: &bytes::Bytes) -> Result<Asked, Error> {
    let body: OnlineFeaturesBody = body::json(headers, body)?;
    Ok(Asked {
        entity_ids: body.entity_ids.0,
        feature_names: body.feature_names.0,
        as_of: body.as_of.as_deref().map(as_of).transpose()?,
        all_statuses: body.all_statuses,
    })
}

/// Features of one entity.
#[utoipa::path(
    get,
    path = "/v1/online-features/{entity_id}",
    tag = "features",
    operation_id = "getOnlineFeaturesOfOne",
    params(
        ("entity_id" = String, Path, min_length = 1, description = "The entity, percent-encoded."),
        ("feature_names" = Option<String>, Query, nullable = false, description = "Names with commas between them; none: all. Use POST for names that hold a comma.", example = "feature_a,feature_b"),
        ("as_of" = Option<String>, Query, nullable = false, format = DateTime, description = "The time t of the request, RFC 3339."),
        ("all_statuses" = Option<bool>, Query, nullable = false, description = "Lists the status of every feature, PRESENT ones too."),
        ("x-request-timeout-ms" = Option<i64>, Header, nullable = false, minimum = 1, maximum = 4_294_967_295_i64, description = "The deadline of the request, in milliseconds."),
    ),
    responses(
        (status = 200, body = schema::OnlineFeaturesResponse, description = "The same form as for several entities."),
        (status = 400, body = schema::ErrorBody, description = "INVALID_ARGUMENT"),
        (status = 422, body = schema::ErrorBody, description = "REPLY_TOO_LARGE"),
        (status = 429, body = schema::ErrorBody, description = "OVERLOADED, or RATE_LIMITED; see Retry-After"),
        (status = 503, body = schema::ErrorBody, description = "UNAVAILABLE; see Retry-After"),
        (status = 504, body = schema::ErrorBody, description = "DEADLINE_EXCEEDED"),
    )
)]
pub(super) async fn get(
    State(gateway): State<Gateway>,
    entity_id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Error> {
    let Path(entity_id) = entity_id.map_err(|error| Error::invalid("entity_id", error.body_text()))?;
    let mut asked = asked_in_query(request.uri())?;
    asked.entity_ids.push(&entity_id);
    answer(&gateway, asked, request.extensions()).await
}

fn asked_in_query(uri: &Uri) -> Result<Asked, Error> {
    // The decoder of the form would put a replacement character there, and ask for another feature.
    if percent_decode_str(uri.query().unwrap_or_default()).decode_utf8().is_err() {
        return Err(Error::invalid("query", "is not valid UTF-8 behind its percent-encoding"));
    }
    let query: Query<Vec<(String, String)>> =
        Query::try_from_uri(uri).map_err(|error| Error::invalid("query", error.body_text()))?;
    let mut asked = Asked { feature_names: StringList::default(), ..Asked::default() };
    for (name, value) in &query.0 {
        match name.as_str() {
            "feature_names" => {
                value.split(',').filter(|name| !name.is_empty()).for_each(|name| asked.feature_names.push(name))
            }
            "as_of" => asked.as_of = Some(as_of(value)?),
            "all_statuses" => {
                asked.all_statuses = value.parse().map_err(|_| Error::invalid(name, "must be true or false"))?;
            }
            _ => {
                return Err(Error::invalid(name, "no such parameter; there are feature_names, as_of and all_statuses"));
            }
        }
    }
    Ok(asked)
}

fn as_of(text: &str) -> Result<clock::Micros, Error> {
    time::parse(text).map_err(|message| Error::invalid("as_of", message))
}

async fn answer(gateway: &Gateway, asked: Asked, extensions: &Extensions) -> Result<Response, Error> {
    let deadline = Deadline::of(extensions);
    let rows = gateway.lookup.fetch(asked, clock::now(), deadline.at()).await?;
    let mut reply = JsonReply::with_capacity(rows.stored_bytes() + rows.len() * BYTES_PER_ENTITY);
    rows.write(&mut reply)?;
    Ok(([(CONTENT_TYPE, "application/json")], reply.finish(rows.as_of())).into_response())
}
