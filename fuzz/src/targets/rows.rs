//! What a store has under the keys of defined views: packed rows, rows in JSON, states of windows. Damaged ones are errors of their entity.

use crate::world;

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
        r#"{"entity_ids":["a"],"feature_names":["facts.s","facts.l","facts.raw","facts.v","windows.texts_30d","windows.newest_30d"],"as_of":"2024-01-01T00:00:00Z","all_statuses":true}"#,
    ),
];

pub(super) fn run(stored: &[u8]) {
    world::with(|world| {
        world.store.answer(Some(stored));
        for (path, body) in READS {
            let reply = world.post(path, "application/json", body.as_bytes());
            assert_eq!(reply.status, 200, "{path}: {}", reply.body.escape_ascii());
        }
    });
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
        assert!(values.len() >= 4, "rows and a state");
        values.push(rows.lines().next().unwrap_or_default().as_bytes().to_vec());
        values
    })
}
