//! Our error as a gRPC status: the code's number, and its stable name and retry hint in the metadata.

use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

use crate::error::{ERROR_CODE, Error, RETRY_AFTER_MS};

/// The status of an error.
#[must_use]
pub fn of(error: &Error) -> Status {
    let facts = error.code().facts();
    let mut metadata = MetadataMap::new();
    metadata.insert(ERROR_CODE, MetadataValue::from_static(facts.name));
    if let Some(milliseconds) = error.retry_after_ms() {
        metadata.insert(RETRY_AFTER_MS, MetadataValue::from(milliseconds));
    }
    Status::with_metadata(Code::from_i32(facts.grpc), error.message(), metadata)
}
