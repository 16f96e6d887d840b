//! Paths, queries and bodies of REST.

use axum::body::Body;
use http::{Request, Uri};

use super::{choose, seed};
use crate::world;

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";
const ARROW: &str = "application/vnd.apache.arrow.stream";
/// A body goes to the path; of a GET the input is the rest of the path.
const WAYS: [(&str, &str); 11] = [
    ("/v1/online-features", JSON),
    ("/v1/feature-vectors", JSON),
    ("/v1/explain", JSON),
    ("/v1/views/default/rows", NDJSON),
    ("/v1/views/default/rows", JSON),
    ("/v1/views/facts/rows", NDJSON),
    ("/v1/views/facts/rows", ARROW),
    ("/v1/sources/events/events", NDJSON),
    ("/v1/sources/events/events", ARROW),
    ("/v1/online-features/", "GET"),
    ("/v1/views/", "GET"),
];

pub(super) fn run(input: &[u8]) {
    let Some(((path, content_type), rest)) = choose(&WAYS, input) else { return };
    world::with(|world| {
        world.store.answer(None);
        world.store.clear();
        if *content_type != "GET" {
            world.post(path, content_type, rest);
            return;
        }
        if let Ok(text) = str::from_utf8(rest)
            && let Ok(uri) = format!("{path}{text}").parse::<Uri>()
            && let Ok(request) = Request::get(uri).body(Body::empty())
        {
            world.send(request);
        }
    });
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    [
        (0, r#"{"entity_ids":["a","b"],"feature_names":["x","facts.s"],"as_of":"2024-01-01T00:00:00.5Z","all_statuses":true}"#),
        (1, r#"{"service":"model","entities":{"account_id":["a",null]},"request":{"amount":[1.5,null],"text":["t","u"]},"as_of":["2024-01-01T00:00:00Z","2024-01-02T00:00:00+01:00"],"names":true,"event_times":true}"#),
        (2, r#"{"service":"model","entities":{"account_id":"a"},"request":{"amount":1,"text":null}}"#),
        (3, "{\"entity_id\":\"a\",\"x\":1,\"event_time\":\"2024-01-01T00:00:00Z\"}\n{\"entity_id\":\"b\",\"__deleted\":true}"),
        (4, r#"[{"entity_id":"a","x":[1,{"y":null}]}]"#),
        (5, "{\"account_id\":\"a\",\"at\":\"2023-12-31T00:00:00Z\",\"b\":true,\"i\":-5,\"n\":7,\"f\":1e-3,\"raw\":\"AAEC\",\"l\":[\"x\"],\"v\":[1,2]}\n"),
        (7, "{\"id\":1,\"account_id\":\"a\",\"at\":\"2023-12-31T00:00:00Z\",\"n\":1,\"f\":0.5,\"s\":\"x\"}\n"),
        (9, "a%20b?feature_names=x,y&as_of=2024-01-01T00:00:00Z&all_statuses=true"),
        (10, "facts/rows?ignore_unknown=true"),
    ]
    .into_iter()
    .map(|(way, rest)| seed(way, rest))
    .collect()
}
