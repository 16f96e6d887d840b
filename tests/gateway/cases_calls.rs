//! Requests for vectors over REST and gRPC, and their replies in the one form that golden cases are compared in.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use tonic::transport::Channel;
use unskew_engine::definitions::{Definitions, hex};
use unskew_engine::dtype::{DType, Scalar};
use unskew_engine::row::{base64, time};
use unskew_gateway::api::column::Values;
use unskew_gateway::api::feature_store_client::FeatureStoreClient;
use unskew_gateway::api::{
    Blobs, Bools, Column, ExplainRequest, ExplainResponse, FeatureVectorsRequest, FeatureVectorsResponse, Floats, Ints,
    Reason, Status, Texts,
};

use crate::case_format::{Answer, Incomplete, Request};
use crate::clients;
use crate::failures::{self, Failure};
use crate::support::gateway::Gateway;

/// Clients of a gateway, and the definitions that it serves.
pub struct Callers {
    pub http: reqwest::Client,
    pub grpc: FeatureStoreClient<Channel>,
    pub gateway: Gateway,
    definitions: Definitions,
}

impl Callers {
    pub async fn new(gateway: Gateway, definitions: Definitions) -> Self {
        Self { http: clients::http1(), grpc: clients::grpc(&gateway).await, gateway, definitions }
    }

    /// `POST /v1/feature-vectors`. Columns are sent as the case has them.
    pub async fn rest(&self, request: &Request) -> Result<Answer, Failure> {
        let columns = |columns: &BTreeMap<String, Json>| {
            let columns: Vec<_> =
                columns.iter().map(|(name, column)| format!("{}:{}", json!(name), Request::column(column))).collect();
            format!("{{{}}}", columns.join(","))
        };
        let mut members = vec![
            format!("\"service\":{}", json!(request.service)),
            format!("\"entities\":{}", columns(&request.entities)),
            format!("\"request\":{}", columns(&request.request)),
            "\"names\":true,\"event_times\":true,\"slot_statuses\":true".to_owned(),
        ];
        members.extend(request.as_of.as_ref().map(|as_of| format!("\"as_of\":{as_of}")));
        members.extend(request.fingerprint.as_ref().map(|text| format!("\"fingerprint\":{}", json!(text))));
        let body = format!("{{{}}}", members.join(","));
        let post = self.http.post(self.gateway.url("/v1/feature-vectors")).header("content-type", "application/json");
        let response = post.body(body).send().await.unwrap();
        if !response.status().is_success() {
            return Err(failures::of_rest(response).await);
        }
        Ok(of_rest(&serde_json::from_str(&response.text().await.unwrap()).unwrap()))
    }

    /// `GetFeatureVectors`. Columns are sent in the form that their declared type suggests.
    pub async fn grpc(&self, request: &Request) -> Result<Answer, Failure> {
        let [entities, columns] = self.columns(request, None);
        let message = FeatureVectorsRequest {
            service: request.service.clone(),
            entities,
            request: columns,
            fingerprint: request.fingerprint.as_deref().map(bytes).unwrap_or_default(),
            as_of: request.times().iter().map(|text| time::parse(text).unwrap()).collect(),
            names: true,
            event_times: true,
            slot_statuses: true,
        };
        match self.grpc.clone().get_feature_vectors(message).await {
            Ok(reply) => Ok(of_grpc(reply.into_inner())),
            Err(status) => Err(failures::of_grpc(&status)),
        }
    }

    /// `Explain` of one row of the request.
    pub async fn explain(&self, request: &Request, row: usize) -> Result<ExplainResponse, Failure> {
        let [entities, columns] = self.columns(request, Some(row));
        let times = request.times();
        let message = ExplainRequest {
            service: request.service.clone(),
            entities,
            request: columns,
            fingerprint: request.fingerprint.as_deref().map(bytes).unwrap_or_default(),
            as_of: times.get(row).or(times.first()).map(|text| time::parse(text).unwrap()),
        };
        match self.grpc.clone().explain(message).await {
            Ok(reply) => Ok(reply.into_inner()),
            Err(status) => Err(failures::of_grpc(&status)),
        }
    }

    /// The type of `view.feature`.
    pub fn dtype(&self, input: &str) -> DType {
        let (view, feature) = input.split_once('.').unwrap();
        self.definitions.views[view].feature(feature).unwrap().1
    }

    /// The columns of keys and those of the request; of one row, or of all.
    fn columns(&self, request: &Request, row: Option<usize>) -> [Vec<Column>; 2] {
        let service = self.definitions.services.get(&request.service);
        let keys = service.iter().flat_map(|service| &service.entities).flat_map(|entity| &entity.keys);
        let declared = service.iter().flat_map(|service| &service.request);
        let keys: BTreeMap<&str, DType> = keys.map(|column| (column.name.as_str(), column.dtype)).collect();
        let declared: BTreeMap<&str, DType> = declared.map(|column| (column.name.as_str(), column.dtype)).collect();
        [(&request.entities, &keys), (&request.request, &declared)].map(|(columns, types)| {
            let column = |(name, values): (&String, &Json)| {
                let values: Vec<Json> = serde_json::from_str(&Request::column(values)).unwrap();
                let of_row = row.map(|row| values.iter().skip(row).take(1).cloned().collect());
                column(name, &of_row.unwrap_or(values), types.get(name.as_str()).copied())
            };
            columns.iter().map(column).collect()
        })
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn column(name: &str, values: &[Json], dtype: Option<DType>) -> Column {
    let nulls = (0_u32..).zip(values).filter(|(_, value)| value.is_null()).map(|(row, _)| row).collect();
    let typed = typed(values, dtype);
    match typed {
        Some(typed) => Column { name: name.to_owned(), values: Some(typed), nulls },
        None => {
            let json = Texts { values: values.iter().map(Json::to_string).collect() };
            Column { name: name.to_owned(), values: Some(Values::Json(json)), nulls: Vec::new() }
        }
    }
}

/// The values in the form of their type; none if one is of another kind, so that it goes as JSON.
fn typed(values: &[Json], dtype: Option<DType>) -> Option<Values> {
    let scalar = dtype.and_then(DType::scalar);
    /// Null is what `nulls` says.
    fn each<T: Default>(values: &[Json], read: impl Fn(&Json) -> Option<T>) -> Option<Vec<T>> {
        values.iter().map(|value| if value.is_null() { Some(T::default()) } else { read(value) }).collect()
    }
    match scalar? {
        Scalar::Bool => each(values, Json::as_bool).map(|values| Values::Bools(Bools { values })),
        Scalar::Int32 | Scalar::Int64 => each(values, Json::as_i64).map(|values| Values::Ints(Ints { values })),
        Scalar::Float32 | Scalar::Float64 => each(values, Json::as_f64).map(|values| Values::Floats(Floats { values })),
        Scalar::String => {
            each(values, |text| text.as_str().map(str::to_owned)).map(|values| Values::Texts(Texts { values }))
        }
        Scalar::Bytes => each(values, |text| base64::decode(text.as_str()?.as_bytes()).ok())
            .map(|values| Values::Blobs(Blobs { values })),
        Scalar::Timestamp => {
            each(values, |text| time::parse(text.as_str()?).ok()).map(|values| Values::Timestamps(Ints { values }))
        }
    }
}

fn of_rest(reply: &Json) -> Answer {
    let list = |json: &Json| json.as_array().unwrap().clone();
    let text = |json: &Json| json.as_str().unwrap().to_owned();
    let bits = |json: &Json| json.as_f64().map_or(0x7fc0_0000, |number| (number as f32).to_bits());
    let incomplete = |row: &Json| Incomplete {
        row: usize::try_from(row["row"].as_u64().unwrap()).unwrap(),
        slot: text(&row["slot"]),
        status: text(&row["status"]),
        reason: row["reason"].as_str().map(str::to_owned),
        message: row["message"].as_str().unwrap_or_default().to_owned(),
    };
    let statuses = |slot: &Json| (text(&slot["slot"]), list(&slot["statuses"]).iter().map(text).collect());
    let times = |(view, times): (&String, &Json)| {
        let time = |time: &Json| time.as_str().map(|text| time::parse(text).unwrap());
        (view.clone(), list(times).iter().map(time).collect())
    };
    let vectors: Vec<Vec<u32>> =
        list(&reply["vectors"]).iter().map(|row| list(row).iter().map(bits).collect()).collect();
    assert_eq!(reply["rows"], vectors.len());
    assert!(vectors.iter().all(|row| reply["columns"] == row.len()));
    Answer {
        vectors,
        names: list(&reply["names"]).iter().map(text).collect(),
        incomplete: list(&reply["incomplete"]).iter().map(incomplete).collect(),
        statuses: list(&reply["slot_statuses"]).iter().map(statuses).collect(),
        event_times: reply["event_times"].as_object().into_iter().flatten().map(times).collect(),
        fingerprint: text(&reply["fingerprint"]),
    }
}

fn of_grpc(reply: FeatureVectorsResponse) -> Answer {
    let (rows, columns) = (usize::try_from(reply.rows).unwrap(), usize::try_from(reply.columns).unwrap());
    let numbers: Vec<u32> =
        reply.vectors.chunks_exact(4).map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap())).collect();
    assert_eq!((numbers.len(), reply.vectors.len() % 4), (rows * columns, 0));
    assert_eq!(reply.slot_statuses.len(), rows * reply.slots.len());
    let slots = reply.slots.iter().enumerate().map(|(slot, name)| {
        let statuses = reply.slot_statuses.iter().skip(slot).step_by(reply.slots.len());
        (name.clone(), statuses.map(|byte| status_name((*byte).into())).collect())
    });
    let time = |time: i64| (time != i64::MIN).then_some(time);
    Answer {
        vectors: numbers.chunks(columns.max(1)).map(<[u32]>::to_vec).collect(),
        statuses: slots.collect(),
        names: reply.names,
        incomplete: reply
            .incomplete
            .into_iter()
            .map(|row| Incomplete {
                row: usize::try_from(row.row).unwrap(),
                slot: row.slot,
                status: status_name(row.status),
                reason: reason_name(row.reason),
                message: row.message,
            })
            .collect(),
        event_times: reply
            .event_times
            .into_iter()
            .map(|view| (view.view, view.event_times.into_iter().map(time).collect()))
            .collect(),
        fingerprint: hex(&reply.fingerprint),
    }
}

/// `STATUS_NULL` is `NULL`.
fn status_name(status: i32) -> String {
    Status::try_from(status).unwrap().as_str_name().trim_start_matches("STATUS_").to_owned()
}

/// None for `REASON_NONE`.
fn reason_name(reason: i32) -> Option<String> {
    let reason = Reason::try_from(reason).unwrap();
    (reason != Reason::None).then(|| reason.as_str_name().trim_start_matches("REASON_").to_owned())
}
