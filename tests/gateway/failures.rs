//! What a failed call tells, read from both protocols and checked against the table of codes.

use std::collections::HashMap;

use http::HeaderMap;
use serde_json::Value;
use unskew_gateway::error::Code;

/// A failed call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub code: Code,
    pub message: String,
    /// Milliseconds after which to try again.
    pub retry_after_ms: Option<u32>,
    /// The fields at fault; gRPC tells them in the message alone.
    pub fields: Vec<String>,
}

/// The code of this stable name.
pub fn code(name: &str) -> Code {
    let found = Code::ALL.into_iter().find(|code| code.facts().name == name);
    found.unwrap_or_else(|| panic!("{name:?} is no code of the table"))
}

/// The failure that a response of REST tells.
pub async fn of_rest(response: reqwest::Response) -> Failure {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.text().await.unwrap();
    let body: Value = serde_json::from_str(&body).unwrap_or_else(|_| panic!("{status}: no JSON: {body:?}"));
    let error = &body["error"];
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(1), "{body}");
    let members: Vec<_> = error.as_object().expect("an error").keys().collect();
    assert_eq!(members, ["code", "details", "message"], "{body}");
    let retry_after_ms = hint(headers.get("retry-after-ms").map(|value| value.to_str().unwrap()));
    let failure = Failure {
        code: code(error["code"].as_str().unwrap()),
        retry_after_ms,
        message: error["message"].as_str().unwrap().to_owned(),
        fields: details(&error["details"]),
    };
    let facts = failure.code.facts();
    assert_eq!(status, facts.http, "{body}");
    assert_eq!(headers["content-type"], "application/json", "{body}");
    let retry_after = headers.get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(retry_after, retry_after_ms.map(|ms| ms.div_ceil(1000).to_string()), "{body}");
    check_hint(failure.code, retry_after_ms);
    assert!(headers.contains_key("x-request-id"), "{headers:?}");
    assert!(!failure.message.is_empty());
    failure
}

fn details(details: &Value) -> Vec<String> {
    let detail = |detail: &Value| {
        assert!(detail["message"].as_str().is_some_and(|message| !message.is_empty()), "{detail}");
        detail["field"].as_str().unwrap().to_owned()
    };
    details.as_array().expect("details").iter().map(detail).collect()
}

/// The failure that a status of gRPC tells.
pub fn of_grpc(status: &tonic::Status) -> Failure {
    let metadata = status.metadata();
    let text = |key: &str| metadata.get(key).map(|value| value.to_str().unwrap().to_owned());
    let name = text("error-code").unwrap_or_else(|| panic!("no error-code: {status:?}"));
    let retry_after_ms = hint(text("retry-after-ms").as_deref());
    check_grpc(&name, status.code() as i32, retry_after_ms);
    Failure { code: code(&name), message: status.message().to_owned(), retry_after_ms, fields: Vec::new() }
}

/// The failure in the headers of a gRPC response without messages.
pub fn of_grpc_headers(headers: &HeaderMap) -> Failure {
    let headers: HashMap<_, _> = headers.iter().map(|(key, value)| (key.as_str(), value.to_str().unwrap())).collect();
    let number = headers.get("grpc-status").unwrap_or_else(|| panic!("no grpc-status: {headers:?}"));
    let name = headers.get("error-code").unwrap_or_else(|| panic!("no error-code: {headers:?}"));
    let retry_after_ms = hint(headers.get("retry-after-ms").copied());
    check_grpc(name, number.parse().unwrap(), retry_after_ms);
    assert_eq!(headers["content-type"], "application/grpc");
    assert!(headers.contains_key("x-request-id"), "{headers:?}");
    let message = headers.get("grpc-message").copied().unwrap_or_default();
    let message = percent_encoding::percent_decode_str(message).decode_utf8().unwrap().into_owned();
    Failure { code: code(name), message, retry_after_ms, fields: Vec::new() }
}

fn hint(text: Option<&str>) -> Option<u32> {
    text.map(|text| text.parse().unwrap())
}

/// That of the table, but where the gateway knows better.
fn check_hint(code: Code, retry_after_ms: Option<u32>) {
    if code == Code::RateLimited {
        assert!(retry_after_ms.is_some_and(|ms| ms > 0), "{retry_after_ms:?}");
    } else {
        assert_eq!(retry_after_ms, code.facts().retry_after_ms, "{code:?}");
    }
}

fn check_grpc(name: &str, number: i32, retry_after_ms: Option<u32>) {
    let facts = code(name).facts();
    assert_eq!(number, facts.grpc, "{name}");
    check_hint(code(name), retry_after_ms);
}
