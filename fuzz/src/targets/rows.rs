//! What a store has under the keys of defined views: packed rows, rows in JSON, states of windows. Damaged ones are errors of their entity.
//! Each is read as it is, then with the right checksum, which nothing that is changed has by chance.

use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, RecordBatch, StringArray};
use arrow_ipc::writer::StreamWriter;
use prost::Message;
use unskew_gateway::api::WriteStatesRequest;

use crate::world::{self, World};

/// An event that both window views take.
const EVENT: &str = r#"{"id":7,"account_id":"a","at":"2023-12-31T12:34:56.789Z","n":7,"f":0.5,"s":"s"}"#;
/// 2023-12-31T00:00:00Z in microseconds.
const CUT: i64 = 1_703_980_800_000_000;

/// What is read: vectors, their explanation, and the features.
const READS: [(&str, &str); 3] = [
    (
        "/v1/feature-vectors",
        r#"{"service":"model","entities":{"account_id":["a"]},"request":{"amount":[1.5],"text":["t"]},"as_of":"2024-01-01T00:00:00Z","slot_statuses":true}"#,
    ),
    (
        "/v1/explain",
        r#"{"service":"model","entities":{"account_id":"a"},"request":{"amount":1.5,"text":"t"},"as_of":"2024-01-01T00:00:00Z"}"#,
    ),
    (
        "/v1/online-features",
        r#"{"entity_ids":["a"],"feature_names":["facts.s","facts.l","facts.raw","facts.v","windows.texts_30d","windows.newest_30d","tiled.events_lifetime","tiled.spread_1d","tiled.about_lifetime","tiled.often_30d","tiled.middle_30d","tiled.oldest_30d","tiled.newest_lifetime"],"as_of":"2024-01-01T00:00:00Z","all_statuses":true}"#,
    ),
];

pub(super) fn run(stored: &[u8]) {
    world::with(|world| {
        reads(world, stored);
        let Some((body, _)) = stored.split_last_chunk::<4>() else { return };
        let sealed = [body, &crc32c::crc32c(body).to_le_bytes()].concat();
        reads(world, &sealed);
        let reply = world.post("/v1/sources/events/events", "application/x-ndjson", EVENT.as_bytes());
        assert_eq!(reply.status, 200, "{}", reply.body.escape_ascii());
        // Both as what is stored and as what is loaded over it.
        for view in ["windows", "tiled"] {
            world.call("WriteStates", &load(view, &sealed).encode_to_vec());
        }
    });
}

fn reads(world: &World, stored: &[u8]) {
    world.store.answer(Some(stored));
    for (path, body) in READS {
        let reply = world.post(path, "application/json", body.as_bytes());
        assert_eq!(reply.status, 200, "{path}: {}", reply.body.escape_ascii());
    }
}

/// A load of one state.
pub(super) fn load(view: &str, state: &[u8]) -> WriteStatesRequest {
    let columns: [(&str, ArrayRef); 2] = [
        ("account_id", Arc::new(StringArray::from(vec!["a"]))),
        ("state", Arc::new(BinaryArray::from_iter_values([state]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).expect("columns of one length");
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).expect("a schema");
    writer.write(&batch).expect("a batch");
    let arrow_ipc = writer.into_inner().expect("a stream");
    WriteStatesRequest { view: view.to_owned(), cut: CUT, arrow_ipc, ..WriteStatesRequest::default() }
}

/// As the gateway itself stores them.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let rows = concat!(
        r#"{"account_id":"a","at":"2023-12-31T00:00:00Z","b":true,"i":-5,"n":7,"g":0.5,"f":1e-3,"s":"é","raw":"AAEC","t":"2020-01-01T00:00:00Z","l":["x","y",""],"v":[1,2]}"#,
        "\n",
        r#"{"account_id":"b","at":"2023-12-31T00:00:00Z","n":null,"s":"only this"}"#,
        "\n",
        r#"{"account_id":"c","at":"2023-12-30T00:00:00Z"}"#
    );
    let event = |id: i32| {
        format!(
            r#"{{"id":{id},"account_id":"a","at":"2023-12-{:02}T0{}:00:00Z","n":{id},"f":0.{id},"s":"s{}"}}"#,
            1 + id % 31,
            id % 10,
            id % 7
        )
    };
    let events: Vec<_> = (0..40).map(event).collect();
    world::with(|world| {
        world.store.answer(None);
        world.store.clear();
        for (path, body) in [("/v1/views/facts/rows", rows), ("/v1/sources/events/events", &events.join("\n"))] {
            let reply = world.post(path, "application/x-ndjson", body.as_bytes());
            assert_eq!(reply.status, 200, "{path}: {}", reply.body.escape_ascii());
        }
        let mut values = world.store.values();
        assert!(values.len() >= 5, "rows and two states");
        values.push(rows.lines().next().unwrap_or_default().as_bytes().to_vec());
        values
    })
}
