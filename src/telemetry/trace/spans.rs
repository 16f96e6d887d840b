//! The spans of a request, as OTLP has them, by the semantic conventions of OpenTelemetry 1.45 for RPC and HTTP. The path and the
//! query of a request are left out, for they can hold entity ids; its route is there.

use std::time::Instant;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};

use super::ids::Ids;
use super::recording::{Count, Finished};
use crate::telemetry::labels::{METHODS, Outcome, Protocol};

const UNKNOWN: &str = "_OTHER";
/// The trace is recorded; whether the parent is of another process is known.
const FLAGS: u32 = 0x0101;
const PARENT_IS_REMOTE: u32 = 0x0200;
const UNKNOWN_METHOD: usize = 0;

/// The span of the request and those of its stages.
pub(super) fn of(finished: &Finished, ids: &Ids) -> Vec<Span> {
    let identity = &finished.identity;
    let trace_id = identity.trace.to_be_bytes().to_vec();
    let request = Span {
        trace_id: trace_id.clone(),
        span_id: identity.span.to_be_bytes().to_vec(),
        trace_state: identity.state.clone(),
        parent_span_id: identity.parent.map(|parent| parent.to_be_bytes().to_vec()).unwrap_or_default(),
        flags: FLAGS | identity.parent.map_or(0, |_| PARENT_IS_REMOTE),
        name: name(finished),
        kind: SpanKind::Server.into(),
        start_time_unix_nano: nanos(finished, finished.start),
        end_time_unix_nano: nanos(finished, finished.end.at),
        attributes: attributes(finished),
        status: Some(status(finished)),
        ..Span::default()
    };
    let stages = finished.seen.stages.iter().map(|timed| Span {
        trace_id: trace_id.clone(),
        span_id: ids.span().to_be_bytes().to_vec(),
        trace_state: identity.state.clone(),
        parent_span_id: identity.span.to_be_bytes().to_vec(),
        flags: FLAGS,
        name: timed.stage.name().to_owned(),
        kind: SpanKind::Internal.into(),
        start_time_unix_nano: nanos(finished, timed.from),
        end_time_unix_nano: nanos(finished, timed.to),
        ..Span::default()
    });
    std::iter::once(request).chain(stages).collect()
}

/// A time by the wall clock: that of the arrival, and what passed since by the clock that never jumps.
fn nanos(finished: &Finished, at: Instant) -> u64 {
    let passed = at.saturating_duration_since(finished.start).as_nanos();
    let received = u64::try_from(finished.received).unwrap_or_default().saturating_mul(1000);
    received.saturating_add(u64::try_from(passed).unwrap_or_default())
}

/// The method of gRPC without its first slash, or the route of REST; none: neither is known.
fn method(finished: &Finished) -> Option<&'static str> {
    let at = finished.call.method;
    METHODS.get(at).filter(|_| at != UNKNOWN_METHOD).copied()
}

fn name(finished: &Finished) -> String {
    match (finished.call.protocol, method(finished)) {
        (Protocol::Grpc, Some(method)) => method.trim_start_matches('/').to_owned(),
        (Protocol::Grpc, None) => "grpc".to_owned(),
        (Protocol::Rest, route) => {
            let method = finished.call.http_method.unwrap_or("HTTP");
            route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"))
        }
    }
}

fn attributes(finished: &Finished) -> Vec<KeyValue> {
    let call = &finished.call;
    let mut attributes = vec![
        text("network.protocol.name", "http"),
        text("network.protocol.version", call.http_version),
        text("unskew.code", finished.end.outcome.name()),
    ];
    match call.protocol {
        Protocol::Grpc => {
            attributes.push(text("rpc.system.name", "grpc"));
            let method = method(finished).map_or(UNKNOWN, |method| method.trim_start_matches('/'));
            attributes.push(text("rpc.method", method));
            attributes.push(text("rpc.response.status_code", grpc_code(finished.end.outcome)));
        }
        Protocol::Rest => {
            attributes.push(text("http.request.method", call.http_method.unwrap_or(UNKNOWN)));
            if let Some(route) = method(finished) {
                attributes.push(text("http.route", route));
            }
            if finished.end.status != 0 {
                attributes.push(number("http.response.status_code", finished.end.status.into()));
            }
        }
    }
    if is_fault(finished) {
        attributes.push(text("error.type", finished.end.outcome.name()));
    }
    for (what, name) in &finished.seen.names {
        attributes.push(text(what.name(), name));
    }
    for (what, count) in Count::ALL.into_iter().zip(finished.seen.counts) {
        if let Some(count) = count {
            attributes.push(number(what.name(), count));
        }
    }
    attributes
}

/// Whether the server is at fault, or could not tell: the conventions leave what the client did wrong unset.
fn is_fault(finished: &Finished) -> bool {
    match (finished.end.outcome, finished.call.protocol) {
        (Outcome::Ok | Outcome::Cancelled, _) => false,
        (Outcome::Failed(code), Protocol::Rest) => code.facts().http >= 500,
        // DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE.
        (Outcome::Failed(code), Protocol::Grpc) => [4, 12, 13, 14].contains(&code.facts().grpc),
    }
}

/// No message: it can name an entity.
fn status(finished: &Finished) -> Status {
    let code = if is_fault(finished) { StatusCode::Error } else { StatusCode::Unset };
    Status { message: String::new(), code: code.into() }
}

/// The name of the status of gRPC.
fn grpc_code(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "OK",
        Outcome::Cancelled => "CANCELLED",
        Outcome::Failed(code) => match code.facts().grpc {
            3 => "INVALID_ARGUMENT",
            4 => "DEADLINE_EXCEEDED",
            7 => "PERMISSION_DENIED",
            8 => "RESOURCE_EXHAUSTED",
            9 => "FAILED_PRECONDITION",
            12 => "UNIMPLEMENTED",
            13 => "INTERNAL",
            14 => "UNAVAILABLE",
            16 => "UNAUTHENTICATED",
            _ => "UNKNOWN",
        },
    }
}

/// An attribute that is a text.
pub(super) fn text(key: &'static str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn number(key: &'static str, value: u64) -> KeyValue {
    attribute(key, Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)))
}

fn attribute(key: &'static str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
