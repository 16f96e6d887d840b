//! A panic in a handler is that request's INTERNAL error; the process goes on.

use std::any::Any;

use axum::body::Body;
use axum::response::IntoResponse;
use http::Response;
use tower_http::catch_panic::{CatchPanicLayer, ResponseForPanic};

use crate::error::{Code, Error};

/// Turns a panic into an error.
#[derive(Clone, Copy, Debug)]
pub struct PanicResponse;

impl ResponseForPanic for PanicResponse {
    type ResponseBody = Body;

    fn response_for_panic(&mut self, panic: Box<dyn Any + Send + 'static>) -> Response<Body> {
        let cause = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        tracing::error!(cause, "a handler panicked");
        Error::new(Code::Internal, "the gateway failed to serve this request; its log says why").into_response()
    }
}

/// The layer.
#[must_use]
pub fn layer() -> CatchPanicLayer<PanicResponse> {
    CatchPanicLayer::custom(PanicResponse)
}
