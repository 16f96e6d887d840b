//! One call, decoded or sized: what `scripts/bench` compares with the rows it loaded, and with the bytes that a run of h2load
//! received, before it trusts any timing.

use std::collections::BTreeMap;
use std::fs;

use prost::Message;
use prost_types::value::Kind;
use serde::Serialize;
use serde_json::{Number, Value};

use crate::call::Method;
use crate::error::BenchError;
use crate::messages::{FRAME_HEADER, OnlineFeaturesRequest, OnlineFeaturesResponse, frame};
use crate::options::{Fetch, Probe};

/// The features of each entity.
pub(crate) type Features = BTreeMap<String, BTreeMap<String, Value>>;

/// Makes the call.
pub(crate) async fn run(options: &Fetch) -> Result<Features, BenchError> {
    let method = Method::new(&options.address, "GetOnlineFeatures")?;
    let connection = method.open().await?;
    let request = OnlineFeaturesRequest {
        entity_ids: options.ids.clone(),
        feature_names: options.names.clone(),
        ..Default::default()
    };
    let reply = method
        .fetch(connection, frame(&request))
        .await
        .map_err(|source| BenchError::Call { address: options.address.clone(), source })?;
    let reply = OnlineFeaturesResponse::decode(&reply[FRAME_HEADER..])?;
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
pub(crate) async fn probe(options: &Probe) -> Result<Size, BenchError> {
    let body = fs::read(&options.body)
        .map_err(|source| BenchError::Io { doing: format!("reading {}", options.body.display()), source })?;
    let method = Method::new(&options.address, &options.method)?;
    let connection = method.open().await?;
    let reply_bytes = method
        .measure(connection, body.into())
        .await
        .map_err(|source| BenchError::Call { address: options.address.clone(), source })?;
    Ok(Size { reply_bytes })
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
