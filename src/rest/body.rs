//! Request bodies: their size, their format, their JSON.

use std::error::Error as StdError;

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::error::{Code, Error};

/// Reads a whole body of at most `limit` bytes.
pub(super) async fn read(body: Body, limit: usize) -> Result<Bytes, Error> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if is_too_large(error.as_ref()) => {
            let message = format!("the body is larger than {limit} bytes (limits.max_request_bytes)");
            Err(Error::new(Code::RequestTooLarge, message))
        }
        Err(error) => Err(Error::invalid("body", format!("could not be read to its end: {error}"))),
    }
}

fn is_too_large(error: &(dyn StdError + 'static)) -> bool {
    error.is::<LengthLimitError>() || error.source().is_some_and(is_too_large)
}

/// The media type of the body, without parameters, in lower case; empty when there is none.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Reads a body of this JSON form.
pub(super) fn json<T: DeserializeOwned>(headers: &HeaderMap, body: &Bytes) -> Result<T, Error> {
    let media_type = media_type(headers);
    if media_type != "application/json" {
        return Err(unsupported(&media_type, "application/json"));
    }
    serde_json::from_slice(body).map_err(|error| Error::invalid("body", error.to_string()))
}

/// The error for another media type.
pub(super) fn unsupported(media_type: &str, wanted: &str) -> Error {
    Error::new(
        Code::UnsupportedMediaType,
        format!("content-type is {media_type:?}, this path reads {wanted} (with curl: -H 'content-type: {wanted}')"),
    )
}
