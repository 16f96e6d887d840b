//! The one error of the gateway. A closed set of codes; one table says what each is over HTTP, over gRPC and in the metrics.

mod code;

pub use code::{Code, Facts};

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// gRPC metadata key of the stable name of an error code.
pub const ERROR_CODE: &str = "error-code";
/// gRPC metadata key, and header of REST, of the time after which a retry makes sense, in milliseconds.
pub const RETRY_AFTER_MS: &str = "retry-after-ms";

/// A field of a request at fault, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// The field as the client wrote it, for example `entity_ids`.
    pub field: String,
    /// What is wrong with it and what would be right.
    pub message: String,
}

/// Why a call failed: what the client is told.
#[derive(Clone, Debug)]
pub struct Error {
    code: Code,
    message: Cow<'static, str>,
    details: Vec<Detail>,
    /// Instead of that of the code.
    retry_after_ms: Option<u32>,
}

impl Error {
    /// An error with a message for the caller: lower case, what is wrong, where, and what would be right.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), details: Vec::new(), retry_after_ms: None }
    }

    /// A malformed request: the field at fault and why.
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            code: Code::InvalidArgument,
            message: Cow::Owned(format!("{field}: {message}")),
            details: vec![Detail { field: field.to_owned(), message }],
            retry_after_ms: None,
        }
    }

    /// The same with the time after which a retry makes sense.
    #[must_use]
    pub fn retry_after(mut self, time: Duration) -> Self {
        self.retry_after_ms = Some(u32::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX));
        self
    }

    /// The time after which a retry makes sense, in milliseconds; none: it makes none.
    #[must_use]
    pub fn retry_after_ms(&self) -> Option<u32> {
        self.retry_after_ms.or(self.code.facts().retry_after_ms)
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// What is wrong, in words.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The fields at fault.
    #[must_use]
    pub fn details(&self) -> &[Detail] {
        &self.details
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.facts().name, self.message)
    }
}

impl std::error::Error for Error {}
