//! A gateway with window views, and calls that write events and states to it.

use std::fs;
use std::ops::Deref;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{Field, Schema};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tonic::Status;
use tonic::transport::Channel;
use unskew_gateway::api::feature_store_client::FeatureStoreClient;
use unskew_gateway::api::{
    BadRow, WriteEventsRequest, WriteEventsResponse, WriteStatesRequest, WriteStatesResponse,
    write_events_request::Events as Body,
};

use crate::clients::{self, Answer};
use crate::failures;
use crate::stores::Store;
use crate::support::gateway::Gateway;

/// Arrow's media type.
pub const ARROW: &str = "application/vnd.apache.arrow.stream";
/// One JSON object a line.
pub const NDJSON: &str = "application/x-ndjson";

/// Sources with ids and exact windows, short and long, without ids, and with tiles.
pub const DEFINITIONS: &str = r#"
entities:
  customer: {keys: {customer_id: int64}}
  terminal: {keys: {region: string, terminal_id: int64}}
sources:
  payments:
    event_time: at
    event_id: id
    version: v
    columns: {id: string, v: int64, at: timestamp, customer_id: int64, region: string, terminal_id: int64, amount: float64, fraud: int32, note: string}
  plain: {event_time: at, event_id: none, columns: {at: timestamp, customer_id: int64, amount: int64}}
  named: {event_time: at, event_id: id, columns: {id: int64, at: timestamp, customer_id: int64, amount: int64}}
  tiled: {event_time: at, event_id: id, columns: {id: int64, at: timestamp, customer_id: int64, amount: int64}}
views:
  customer:
    entity: customer
    source: payments
    aggregations:
      total: {function: sum, column: amount, windows: [1h], empty: 0}
      nb: {function: count, windows: [1h]}
  terminal: {entity: terminal, source: payments, aggregations: {risk: {function: mean, column: fraud, windows: [7d]}}}
  plain:
    entity: customer
    source: plain
    aggregations: {total: {function: sum, column: amount, windows: [30d], empty: 0}, nb: {function: count, windows: [30d]}}
  named:
    entity: customer
    source: named
    aggregations: {total: {function: sum, column: amount, windows: [30d], empty: 0}, nb: {function: count, windows: [30d]}}
  tiled:
    entity: customer
    source: tiled
    resolution: 1h
    lateness: 2h
    aggregations: {total: {function: sum, column: amount, windows: [30d, lifetime], empty: 0}, nb: {function: count, windows: [30d]}}
services:
  model: {vector: [{input: customer.total_1h}, {input: customer.nb_1h}, {input: terminal.risk_7d}]}
  plain: {vector: [{input: plain.total_30d}, {input: plain.nb_30d}]}
  named: {vector: [{input: named.total_30d}, {input: named.nb_30d}]}
  tiled: {vector: [{input: tiled.total_30d}, {input: tiled.nb_30d}]}
"#;

/// Calls that write events to a gateway, and read what comes of them.
#[derive(Clone)]
pub struct Events {
    base: String,
    http: reqwest::Client,
    client: FeatureStoreClient<Channel>,
    timeout_ms: u32,
}

/// A gateway that serves [`DEFINITIONS`], and calls of it.
pub struct Served {
    pub gateway: Gateway,
    pub definitions: TempDir,
    pub events: Events,
}

impl Deref for Served {
    type Target = Events;

    fn deref(&self) -> &Events {
        &self.events
    }
}

impl Served {
    pub async fn start(store: &Store, settings: &[(&str, &str)]) -> Self {
        Self::with(DEFINITIONS, store, settings).await
    }

    /// With other definitions.
    pub async fn with(text: &str, store: &Store, settings: &[(&str, &str)]) -> Self {
        let definitions = tempfile::tempdir().unwrap();
        fs::write(definitions.path().join("definitions.yaml"), text).unwrap();
        let path = definitions.path().display().to_string();
        let settings: Vec<_> = settings.iter().copied().chain([("definitions.path", path.as_str())]).collect();
        let gateway = Gateway::start_with(&store.url(), &settings);
        clients::until_ready(&gateway, true).await;
        Self { events: Events::of(&gateway).await, definitions, gateway }
    }
}

impl Events {
    pub async fn of(gateway: &Gateway) -> Self {
        let client = clients::grpc(gateway).await;
        Self { base: gateway.url(""), http: clients::http1(), client, timeout_ms: 20_000 }
    }

    /// The same with another deadline of calls over REST.
    pub fn within(&self, timeout_ms: u32) -> Self {
        Self { timeout_ms, ..self.clone() }
    }

    /// `POST /v1/sources/{source}/events`.
    pub async fn post(&self, source: &str, media_type: &str, body: impl Into<reqwest::Body>) -> Answer {
        let (path, query) = source.split_once('?').unwrap_or((source, ""));
        let url = format!("{}/v1/sources/{path}/events?{query}", self.base);
        let request = self.http.post(url).header("content-type", media_type);
        let request = request.header("x-request-timeout-ms", self.timeout_ms);
        let response = request.body(body).send().await.unwrap();
        if response.status().is_success() {
            Ok(response.json().await.unwrap())
        } else {
            Err(failures::of_rest(response).await)
        }
    }

    /// The answer to NDJSON from a gateway that may be gone.
    pub async fn acknowledged(&self, source: &str, ndjson: String) -> Option<Json> {
        let request = self.http.post(format!("{}/v1/sources/{source}/events", self.base));
        let response = request.header("content-type", NDJSON).body(ndjson).send().await.ok()?;
        response.json().await.ok()
    }

    /// The same as NDJSON.
    pub async fn rest(&self, source: &str, ndjson: String) -> Answer {
        self.post(source, NDJSON, ndjson).await
    }

    /// `WriteEvents`: the answers, or the failure that ended the stream.
    pub async fn grpc(&self, batches: Vec<WriteEventsRequest>) -> Vec<Answer> {
        let mut answers = Vec::new();
        let stream = match self.client.clone().write_events(tokio_stream::iter(batches)).await {
            Ok(stream) => stream,
            Err(status) => return vec![failed(&status)],
        };
        let mut stream = stream.into_inner();
        loop {
            match stream.message().await {
                Ok(Some(answer)) => answers.push(Ok(events_as_json(answer))),
                Ok(None) => return answers,
                Err(status) => {
                    answers.push(failed(&status));
                    return answers;
                }
            }
        }
    }

    /// `WriteStates` with one batch.
    pub async fn load(&self, batch: WriteStatesRequest) -> Answer {
        let stream = self.client.clone().write_states(tokio_stream::iter([batch])).await;
        let answer = match stream {
            Ok(stream) => stream.into_inner().message().await,
            Err(status) => Err(status),
        };
        match answer {
            Ok(answer) => Ok(states_as_json(answer.unwrap())),
            Err(status) => failed(&status),
        }
    }

    /// The reply for a customer, the terminal `a|b` 7, and a time.
    pub async fn ask(&self, customer: i64, as_of: &str) -> Json {
        let entities = json!({"customer_id": [customer], "region": ["a|b"], "terminal_id": [7]});
        self.vectors(&json!({"service": "model", "entities": entities, "as_of": as_of})).await
    }

    /// Its vector.
    pub async fn model(&self, customer: i64, as_of: &str) -> Vec<Option<f64>> {
        numbers(&self.ask(customer, as_of).await)
    }

    /// The vector of a customer in a service of one entity.
    pub async fn of_customer(&self, service: &str, customer: i64, as_of: &str) -> Vec<Option<f64>> {
        let entities = json!({"customer_id": [customer]});
        numbers(&self.vectors(&json!({"service": service, "entities": entities, "as_of": as_of})).await)
    }

    async fn vectors(&self, body: &Json) -> Json {
        let response = self.http.post(format!("{}/v1/feature-vectors", self.base)).json(body).send().await.unwrap();
        assert!(response.status().is_success(), "{:?}", failures::of_rest(response).await);
        response.json().await.unwrap()
    }
}

fn numbers(reply: &Json) -> Vec<Option<f64>> {
    reply["vectors"][0].as_array().unwrap().iter().map(Json::as_f64).collect()
}

fn failed(status: &Status) -> Answer {
    Err(failures::of_grpc(status))
}

/// A batch of NDJSON.
pub fn batch(source: &str, ndjson: impl Into<Vec<u8>>) -> WriteEventsRequest {
    WriteEventsRequest { source: source.to_owned(), events: Some(Body::Ndjson(ndjson.into())), ignore_unknown: false }
}

/// A batch of Arrow.
pub fn arrow_batch(source: &str, arrow: Vec<u8>) -> WriteEventsRequest {
    WriteEventsRequest { source: source.to_owned(), events: Some(Body::ArrowIpc(arrow)), ignore_unknown: false }
}

/// Events, one a line.
pub fn ndjson(events: &[Json]) -> String {
    events.iter().map(|event| format!("{event}\n")).collect()
}

/// A stream of one batch.
pub fn arrow(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

/// The batch with a column by another name.
pub fn renamed(batch: &RecordBatch, from: &str, to: &str) -> RecordBatch {
    let schema = batch.schema();
    let fields = schema.fields().iter().map(|field| {
        let name = if field.name() == from { to } else { field.name() };
        Field::new(name, field.data_type().clone(), true)
    });
    RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), batch.columns().to_vec()).unwrap()
}

/// A report without the words of its bad rows, which must be there.
pub fn without_words(mut report: Json) -> Json {
    for bad in report["bad"].as_array_mut().unwrap() {
        let message = bad.as_object_mut().unwrap().remove("message").unwrap();
        assert!(message.as_str().is_some_and(|message| !message.is_empty()));
    }
    report
}

fn bad_as_json(bad: Vec<BadRow>) -> Vec<Json> {
    let one = |bad: BadRow| json!({"row": bad.row, "code": bad.code, "field": bad.field, "message": bad.message});
    bad.into_iter().map(one).collect()
}

fn events_as_json(report: WriteEventsResponse) -> Json {
    let WriteEventsResponse { batch, accepted, late, bad } = report;
    json!({"batch": batch, "accepted": accepted, "late": late, "bad": bad_as_json(bad)})
}

fn states_as_json(report: WriteStatesResponse) -> Json {
    let WriteStatesResponse { batch, accepted, late, bad } = report;
    json!({"batch": batch, "accepted": accepted, "late": late, "bad": bad_as_json(bad)})
}
