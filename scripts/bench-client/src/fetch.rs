//! One call, decoded or sized: what `scripts/bench` compares with the rows it loaded, and with the bytes that a run of h2load
//! received, before it trusts any timing.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use prost_types::value::Kind;
use serde::Serialize;
use serde_json::{Number, Value};

use crate::client::{Client, Method};
use crate::error::BenchError;
use crate::http2::{CallError, Reply};
use crate::messages::{FRAME_HEADER, OnlineFeaturesRequest, OnlineFeaturesResponse, frame};
use crate::options::{Fetch, Probe};

/// The features of each entity.
pub(crate) type Features = BTreeMap<String, BTreeMap<String, Value>>;

/// The wait for the reply.
const LONGEST: Duration = Duration::from_secs(20);

/// Makes the call.
pub(crate) fn run(options: &Fetch) -> Result<Features, BenchError> {
    let request = OnlineFeaturesRequest {
        entity_ids: options.ids.clone(),
        feature_names: options.names.clone(),
        ..Default::default()
    };
    let reply = call(&options.address, "GetOnlineFeatures", frame(&request))?;
    let reply = OnlineFeaturesResponse::decode(&reply.bytes[FRAME_HEADER..])?;
    let features = |set: BTreeMap<String, prost_types::Value>| set.into_iter().map(|(name, value)| (name, json(value)));
    Ok(reply.results.into_iter().map(|(id, set)| (id, features(set.features).collect())).collect())
}

/// The size of a reply.
#[derive(Debug, Serialize)]
pub(crate) struct Size {
    /// With its frame.
    reply_bytes: usize,
}

/// Makes the call of the file.
pub(crate) fn probe(options: &Probe) -> Result<Size, BenchError> {
    let body = fs::read(&options.body)
        .map_err(|source| BenchError::Io { doing: format!("reading {}", options.body.display()), source })?;
    let reply = call(&options.address, &options.method, body.into())?;
    Ok(Size { reply_bytes: reply.length })
}

/// Makes one call with the framed message.
fn call(address: &str, method: &str, body: Bytes) -> Result<Reply, BenchError> {
    let mut client = Client::connect(&Method::new(address, method)?, 1, true)?;
    client.send(0, body, ());
    let mut outcome = Err(CallError::Unanswered(LONGEST.as_secs()));
    client.drain(LONGEST, |call| outcome = call.outcome)?;
    outcome.map_err(|source| BenchError::Call { address: address.to_owned(), source })
}

fn json(value: prost_types::Value) -> Value {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::NumberValue(number)) => Number::from_f64(number).map_or(Value::Null, Value::Number),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::BoolValue(flag)) => Value::Bool(flag),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(json).collect(),
        Some(Kind::StructValue(object)) => {
            Value::Object(object.fields.into_iter().map(|(name, value)| (name, json(value))).collect())
        }
    }
}
