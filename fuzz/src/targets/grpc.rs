//! Messages of gRPC.

use prost::Message;
use unskew_gateway::api::{
    Column, ExplainRequest, FeatureVectorsRequest, Floats, OnlineFeaturesRequest, Texts, WriteEventsRequest,
    WriteRowsRequest, column::Values, write_events_request::Events, write_rows_request::Rows,
};

use super::{choose, rows as stored, seed};
use crate::world;

const METHODS: [&str; 7] =
    ["GetOnlineFeatures", "GetFeatureVectors", "Explain", "WriteRows", "WriteEvents", "WriteStates", "GetDefinitions"];

pub(super) fn run(input: &[u8]) {
    let Some((method, message)) = choose(&METHODS, input) else { return };
    world::with(|world| {
        world.store.answer(None);
        world.store.clear();
        world.call(method, message);
    });
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let texts = |name: &str, texts: &[&str]| Column {
        name: name.to_owned(),
        values: Some(Values::Texts(Texts { values: texts.iter().map(|&text| text.to_owned()).collect() })),
        ..Column::default()
    };
    let amounts = Column {
        name: "amount".to_owned(),
        values: Some(Values::Floats(Floats { values: vec![1.5, f64::NAN] })),
        ..Column::default()
    };
    let features = OnlineFeaturesRequest {
        entity_ids: vec!["a".to_owned(), "b".to_owned()],
        feature_names: vec!["x".to_owned(), "facts.s".to_owned()],
        as_of: Some(-1),
        all_statuses: true,
    };
    let vectors = FeatureVectorsRequest {
        service: "model".to_owned(),
        entities: vec![texts("account_id", &["a", "b"])],
        request: vec![amounts.clone(), texts("text", &["t", ""])],
        as_of: vec![1, 2],
        names: true,
        event_times: true,
        ..FeatureVectorsRequest::default()
    };
    let explain = ExplainRequest {
        service: "model".to_owned(),
        entities: vec![texts("account_id", &["a"])],
        ..ExplainRequest::default()
    };
    let row = b"{\"account_id\":\"a\",\"at\":\"2023-12-31T00:00:00Z\",\"n\":1}";
    let rows = WriteRowsRequest {
        view: "facts".to_owned(),
        rows: Some(Rows::Ndjson(row.to_vec())),
        ..WriteRowsRequest::default()
    };
    let event = b"{\"id\":1,\"account_id\":\"a\",\"at\":\"2023-12-31T00:00:00Z\",\"n\":1}";
    let events = WriteEventsRequest {
        source: "events".to_owned(),
        events: Some(Events::Ndjson(event.to_vec())),
        ..WriteEventsRequest::default()
    };
    let states = stored::load("windows", b"a state");
    let messages = [
        features.encode_to_vec(),
        vectors.encode_to_vec(),
        explain.encode_to_vec(),
        rows.encode_to_vec(),
        events.encode_to_vec(),
        states.encode_to_vec(),
    ];
    messages.iter().enumerate().map(|(way, message)| seed(way, message)).collect()
}
