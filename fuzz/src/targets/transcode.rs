//! Stored JSON, written as the protobuf of a reply: whatever is stored, the reply can be read.

use prost::Message;
use unskew_gateway::api::{OnlineFeaturesRequest, OnlineFeaturesResponse};

use crate::world;

/// Bytes before the message of a reply.
const FRAME: usize = 5;

pub(super) fn run(stored: &[u8]) {
    world::with(|world| {
        world.store.answer(Some(stored));
        for (names, all_statuses) in [(&[][..], false), (&[], true), (&["a", "b", "é"], true)] {
            let request = OnlineFeaturesRequest {
                entity_ids: vec!["x".to_owned(), "y".to_owned()],
                feature_names: names.iter().map(|&name: &&str| name.to_owned()).collect(),
                as_of: Some(1_700_000_000_000_000),
                all_statuses,
            };
            let reply = world.call("GetOnlineFeatures", &request.encode_to_vec());
            if let Some(message) = reply.body.get(FRAME..) {
                OnlineFeaturesResponse::decode(message).expect("a reply that can be read");
            }
        }
    });
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let nested = format!("{{\"a\":{}1{}}}", "[".repeat(60), "]".repeat(60));
    let texts = [
        r#"{"a":1,"b":-0.0,"c":1e308,"d":123456789012345678901234567890,"e":0.1e-400}"#,
        r#"{"__event_time":1600000000000000,"__created":1600000000000001,"a":"text","b":null,"c":true,"d":false}"#,
        r#"{"a":"\u00e9\ud83d\ude00\n\\\"","\u0062":[1,"x",null,{"c":[]}],"é":{}}"#,
        r#"{"a":1,"a":2}"#,
        r#" { "a" : [ 1 , 2 ] } "#,
        r#"{"__deleted":true,"__event_time":5}"#,
        "{}",
        "[]",
        "null",
        "",
        nested.as_str(),
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
