//! What the OpenAPI document says of bodies that are written without these types; the scenario tests hold both together.

use std::collections::HashMap;

use serde_json::Value;
use utoipa::ToSchema;

/// Features by entity.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documentation of a body that is written token by token")]
pub(super) struct OnlineFeaturesResponse {
    /// By entity id: an entry for every id asked for.
    results: HashMap<String, FeatureSet>,
    /// The time t that was used, RFC 3339.
    #[schema(format = DateTime)]
    as_of: String,
}

/// The features of one entity.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documentation of a body that is written token by token")]
pub(super) struct FeatureSet {
    /// The values that are PRESENT, and a null for those that are NULL.
    features: HashMap<String, Value>,
    /// Status of each feature that is not PRESENT; a feature asked for and not listed is PRESENT.
    #[schema(nullable = false)]
    statuses: Option<HashMap<String, FeatureStatus>>,
    /// Event time of the row, RFC 3339; absent when it is unknown.
    #[schema(nullable = false, format = DateTime)]
    event_time: Option<String>,
    /// Event times of the rows of defined views that were read, by view; RFC 3339.
    #[schema(nullable = false)]
    event_times: Option<HashMap<String, String>>,
    /// Status of the row as a whole; absent: PRESENT. MISSING: there is no such entity, or it was deleted.
    #[schema(nullable = false)]
    status: Option<FeatureStatus>,
}

/// The status of a value or a row.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documentation of a body that is written token by token")]
pub(super) struct FeatureStatus {
    status: StatusName,
    /// Set when the status is ERROR.
    #[schema(nullable = false)]
    reason: Option<ReasonName>,
    /// What is wrong, in words; set on the status of a row that is ERROR.
    #[schema(nullable = false)]
    message: Option<String>,
}

/// Null, missing and error are different answers.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(dead_code, reason = "documentation of a body that is written token by token")]
pub(super) enum StatusName {
    Present,
    Null,
    Missing,
    Expired,
    Error,
}

/// Why a status is ERROR.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(dead_code, reason = "documentation of a body that is written token by token")]
pub(super) enum ReasonName {
    Store,
    Undecodable,
    BadKey,
    NewerThanAsOf,
    Overflow,
    Refused,
}

/// The body of every failed call.
#[derive(ToSchema)]
#[schema(as = Error)]
#[expect(dead_code, reason = "documentation of a body that middleware writes")]
pub(super) struct ErrorBody {
    error: ErrorObject,
}

/// What went wrong.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documentation of a body that middleware writes")]
pub(super) struct ErrorObject {
    /// A stable code, the same on both protocols; each has a page in the documentation.
    #[schema(example = "INVALID_ARGUMENT")]
    code: String,
    /// What is wrong, where, and what would be right.
    message: String,
    /// The fields at fault.
    details: Vec<ErrorDetail>,
}

/// A field at fault.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documentation of a body that middleware writes")]
pub(super) struct ErrorDetail {
    field: String,
    message: String,
}
