//! The error codes and the table of what each is on every protocol.

/// What went wrong, as a client can act on it. Each has a page in `docs/errors/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The request is malformed; sending it again can't help.
    InvalidArgument,
    /// No such path or method.
    NotFound,
    /// The call needs an API key, and has none that is known.
    Unauthenticated,
    /// The API key is known, and not for this.
    PermissionDenied,
    /// The path exists, for another HTTP method.
    MethodNotAllowed,
    /// The body is in a format that the path does not read.
    UnsupportedMediaType,
    /// The request is larger than the configuration allows.
    RequestTooLarge,
    /// The reply would be larger than the configuration allows.
    ReplyTooLarge,
    /// What is asked for needs something that is not loaded: a fit, a fingerprint, a definition.
    FailedPrecondition,
    /// The gateway works on as many requests as it takes; nothing of this one was done.
    Overloaded,
    /// The API key has made as many requests as it may (`rate_limit`); nothing of this one was done.
    RateLimited,
    /// The deadline passed.
    DeadlineExceeded,
    /// The store did not answer, or the gateway is stopping; worth a retry.
    Unavailable,
    /// A fault of the gateway.
    Internal,
}

/// One row of the table: a code on every protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The stable name: in JSON, in gRPC metadata, in metrics and in the docs.
    pub name: &'static str,
    /// HTTP status.
    pub http: u16,
    /// Number of the gRPC code.
    pub grpc: i32,
    /// How long a client should wait before it tries again, in milliseconds, where the error does not know better; none: it should not.
    pub retry_after_ms: Option<u32>,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 14] = [
        Self::InvalidArgument,
        Self::NotFound,
        Self::Unauthenticated,
        Self::PermissionDenied,
        Self::MethodNotAllowed,
        Self::UnsupportedMediaType,
        Self::RequestTooLarge,
        Self::ReplyTooLarge,
        Self::FailedPrecondition,
        Self::Overloaded,
        Self::RateLimited,
        Self::DeadlineExceeded,
        Self::Unavailable,
        Self::Internal,
    ];

    /// What this code is on every protocol.
    #[must_use]
    pub const fn facts(self) -> Facts {
        let (name, http, grpc, retry_after_ms) = match self {
            Self::InvalidArgument => ("INVALID_ARGUMENT", 400, 3, None),
            Self::NotFound => ("NOT_FOUND", 404, 12, None),
            Self::Unauthenticated => ("UNAUTHENTICATED", 401, 16, None),
            Self::PermissionDenied => ("PERMISSION_DENIED", 403, 7, None),
            Self::MethodNotAllowed => ("METHOD_NOT_ALLOWED", 405, 12, None),
            Self::UnsupportedMediaType => ("UNSUPPORTED_MEDIA_TYPE", 415, 12, None),
            Self::RequestTooLarge => ("REQUEST_TOO_LARGE", 413, 8, None),
            Self::ReplyTooLarge => ("REPLY_TOO_LARGE", 422, 8, None),
            Self::FailedPrecondition => ("FAILED_PRECONDITION", 409, 9, None),
            Self::Overloaded => ("OVERLOADED", 429, 8, Some(100)),
            Self::RateLimited => ("RATE_LIMITED", 429, 8, Some(1000)),
            Self::DeadlineExceeded => ("DEADLINE_EXCEEDED", 504, 4, None),
            Self::Unavailable => ("UNAVAILABLE", 503, 14, Some(100)),
            Self::Internal => ("INTERNAL", 500, 13, None),
        };
        Facts { name, http, grpc, retry_after_ms }
    }
}
