//! Clients of both protocols, and the one form that their answers are compared in.

use std::collections::HashMap;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use prost_types::value::Kind;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tonic::transport::{Channel, Endpoint};
use unskew_gateway::api::feature_store_client::FeatureStoreClient;
use unskew_gateway::api::{
    FeatureSet, FeatureStatus, OnlineFeaturesRequest, OnlineFeaturesResponse, Reason, Status, WriteRowsRequest,
    WriteRowsResponse, write_rows_request::Rows,
};
use unskew_gateway::lookup::time;

use crate::failures::{self, Failure};
use crate::support::gateway::Gateway;

/// A reply in the common form, or how the call failed.
pub type Answer = Result<Value, Failure>;

/// A request for features, as JSON has it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    #[serde(default)]
    pub entity_ids: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub feature_names: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all_statuses: bool,
}

impl Request {
    /// All features of these entities.
    pub fn of(entity_ids: &[&str]) -> Self {
        Self { entity_ids: entity_ids.iter().map(|&id| id.to_owned()).collect(), ..Self::default() }
    }

    /// These features only.
    pub fn named(mut self, feature_names: &[&str]) -> Self {
        self.feature_names = feature_names.iter().map(|&name| name.to_owned()).collect();
        self
    }

    /// The same in protobuf.
    pub fn message(&self) -> OnlineFeaturesRequest {
        OnlineFeaturesRequest {
            entity_ids: self.entity_ids.clone(),
            feature_names: self.feature_names.clone(),
            as_of: self.as_of.as_deref().map(|text| time::parse(text).unwrap()),
            all_statuses: self.all_statuses,
        }
    }
}

/// A gRPC client with a connection of its own.
pub async fn grpc(gateway: &Gateway) -> FeatureStoreClient<Channel> {
    FeatureStoreClient::new(channel(gateway).await)
}

/// A connection for gRPC.
pub async fn channel(gateway: &Gateway) -> Channel {
    Endpoint::new(gateway.url("")).unwrap().connect().await.expect("a connection")
}

/// A client of REST over HTTP/1.1.
pub fn http1() -> reqwest::Client {
    builder().http1_only().timeout(Duration::from_secs(30)).build().unwrap()
}

/// A client of REST over HTTP/2 by prior knowledge.
pub fn http2() -> reqwest::Client {
    builder().http2_prior_knowledge().timeout(Duration::from_secs(30)).build().unwrap()
}

fn builder() -> reqwest::ClientBuilder {
    // Wanted even for plain text.
    unskew_gateway::tls::install_provider();
    reqwest::Client::builder()
}

/// `POST /v1/online-features`.
pub async fn post(http: &reqwest::Client, gateway: &Gateway, request: &Request) -> Answer {
    post_to(http, &gateway.url("/v1/online-features"), request).await
}

/// The same by its URL.
pub async fn post_to(http: &reqwest::Client, url: &str, request: &Request) -> Answer {
    answer(http.post(url).json(request).send().await.unwrap()).await
}

/// `GET /v1/online-features/{entity_id}`, for the first entity.
pub async fn get(http: &reqwest::Client, gateway: &Gateway, request: &Request) -> Answer {
    let id = utf8_percent_encode(&request.entity_ids[0], NON_ALPHANUMERIC);
    let mut parameters = Vec::new();
    if !request.feature_names.is_empty() {
        parameters.push(format!("feature_names={}", escape(&request.feature_names.join(","))));
    }
    parameters.extend(request.as_of.iter().map(|as_of| format!("as_of={}", escape(as_of))));
    if request.all_statuses {
        parameters.push("all_statuses=true".to_owned());
    }
    let url = gateway.url(&format!("/v1/online-features/{id}?{}", parameters.join("&")));
    answer(http.get(url).send().await.unwrap()).await
}

fn escape(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

async fn answer(response: reqwest::Response) -> Answer {
    if !response.status().is_success() {
        return Err(failures::of_rest(response).await);
    }
    assert_eq!(response.headers()["content-type"], "application/json");
    let text = response.text().await.unwrap();
    Ok(plain(&serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))))
}

/// `GetOnlineFeatures`.
pub async fn ask(client: &mut FeatureStoreClient<Channel>, request: &Request) -> Answer {
    ask_message(client, tonic::Request::new(request.message())).await
}

/// The same with metadata.
pub async fn ask_message(
    client: &mut FeatureStoreClient<Channel>,
    request: tonic::Request<OnlineFeaturesRequest>,
) -> Answer {
    match client.get_online_features(request).await {
        Ok(reply) => Ok(reply_as_json(reply.into_inner())),
        Err(status) => Err(failures::of_grpc(&status)),
    }
}

/// Numbers as their float64 in text, so that -0.0 is not 0.0 and no comparison rounds.
pub fn plain(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::String(format!("number {:?}", number.as_f64().unwrap())),
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
    }
}

fn reply_as_json(reply: OnlineFeaturesResponse) -> Value {
    let results: Map<_, _> = reply.results.into_iter().map(|(id, set)| (id, set_as_json(set))).collect();
    json!({"results": results, "as_of": time::format(reply.as_of)})
}

fn set_as_json(set: FeatureSet) -> Value {
    let features: Map<_, _> = set.features.into_iter().map(|(name, value)| (name, value_as_json(value))).collect();
    let mut row = Map::from_iter([("features".to_owned(), Value::Object(features))]);
    if !set.statuses.is_empty() {
        row.insert("statuses".to_owned(), statuses_as_json(set.statuses));
    }
    if let Some(event_time) = set.event_time {
        row.insert("event_time".to_owned(), Value::String(time::format(event_time)));
    }
    if !set.event_times.is_empty() {
        let times = set.event_times.into_iter().map(|(view, at)| (view, Value::String(time::format(at))));
        row.insert("event_times".to_owned(), Value::Object(times.collect()));
    }
    if let Some(status) = set.status {
        row.insert("status".to_owned(), status_as_json(&status));
    }
    Value::Object(row)
}

fn statuses_as_json(statuses: HashMap<String, FeatureStatus>) -> Value {
    statuses.into_iter().map(|(name, status)| (name, status_as_json(&status))).collect()
}

fn status_as_json(status: &FeatureStatus) -> Value {
    let name = |name: &str| Value::String(name.split_once('_').unwrap().1.to_owned());
    let mut object = Map::new();
    object.insert("status".to_owned(), name(Status::try_from(status.status).unwrap().as_str_name()));
    let reason = Reason::try_from(status.reason).unwrap();
    if reason != Reason::None {
        object.insert("reason".to_owned(), name(reason.as_str_name()));
    }
    if !status.message.is_empty() {
        object.insert("message".to_owned(), Value::String(status.message.clone()));
    }
    Value::Object(object)
}

fn value_as_json(value: prost_types::Value) -> Value {
    match value.kind.expect("a value") {
        Kind::NullValue(_) => Value::Null,
        Kind::NumberValue(number) => Value::String(format!("number {number:?}")),
        Kind::StringValue(text) => Value::String(text),
        Kind::BoolValue(truth) => Value::Bool(truth),
        Kind::StructValue(object) => {
            object.fields.into_iter().map(|(name, value)| (name, value_as_json(value))).collect()
        }
        Kind::ListValue(list) => list.values.into_iter().map(value_as_json).collect(),
    }
}

/// Writes a batch of NDJSON over REST.
pub async fn write_rest(http: &reqwest::Client, gateway: &Gateway, ndjson: impl Into<reqwest::Body>) -> Answer {
    let request = http.post(gateway.url("/v1/views/default/rows")).header("content-type", "application/x-ndjson");
    let response = request.body(ndjson).send().await.unwrap();
    if !response.status().is_success() {
        return Err(failures::of_rest(response).await);
    }
    Ok(response.json().await.unwrap())
}

/// A batch for the built-in view.
pub fn batch(ndjson: impl Into<Vec<u8>>) -> WriteRowsRequest {
    WriteRowsRequest { view: String::new(), rows: Some(Rows::Ndjson(ndjson.into())), ignore_unknown: false }
}

/// Writes batches over one stream of gRPC, and gives the answers, or the failure that ended it.
pub async fn write_grpc(client: &mut FeatureStoreClient<Channel>, batches: Vec<WriteRowsRequest>) -> Vec<Answer> {
    let mut answers = Vec::new();
    match client.write_rows(tokio_stream::iter(batches)).await {
        Err(status) => answers.push(Err(failures::of_grpc(&status))),
        Ok(stream) => {
            let mut stream = stream.into_inner();
            loop {
                match stream.message().await {
                    Ok(Some(answer)) => answers.push(Ok(report_as_json(answer))),
                    Ok(None) => break,
                    Err(status) => {
                        answers.push(Err(failures::of_grpc(&status)));
                        break;
                    }
                }
            }
        }
    }
    answers
}

fn report_as_json(report: WriteRowsResponse) -> Value {
    let bad = |bad: unskew_gateway::api::BadRow| json!({"row": bad.row, "code": bad.code, "field": bad.field, "message": bad.message});
    let bad: Vec<_> = report.bad.into_iter().map(bad).collect();
    json!({"batch": report.batch, "accepted": report.accepted, "late": report.late, "bad": bad})
}

/// Asks again until `/readyz` says yes, or no.
pub async fn until_ready(gateway: &Gateway, ready: bool) {
    let http = http1();
    let start = std::time::Instant::now();
    while http.get(gateway.url("/readyz")).send().await.unwrap().status().is_success() != ready {
        assert!(start.elapsed() < Duration::from_secs(20), "readyz did not become {ready}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
