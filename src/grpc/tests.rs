//! The encoder against prost: what our bytes mean is what maps of `Value` would mean.

use std::collections::HashMap;

use proptest::prelude::*;
use prost::Message;
use prost_types::value::Kind;
use serde_json::Value as Json;

use super::request::OnlineFeaturesRequest;
use super::wire::WireWriter;
use crate::api;
use crate::lookup::tests::rows;

/// The reply to a request for these features of entities with these stored values, decoded by prost.
fn reply(values: &[&[u8]], names: &[&str], all_statuses: bool) -> api::OnlineFeaturesResponse {
    let rows = rows(values, names, all_statuses);
    let mut writer = WireWriter::with_capacity(16);
    rows.write(&mut writer).unwrap();
    api::OnlineFeaturesResponse::decode(writer.finish(rows.as_of()).as_slice()).unwrap()
}

fn to_value(json: &Json) -> prost_types::Value {
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(bool) => Kind::BoolValue(*bool),
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap()),
        Json::String(text) => Kind::StringValue(text.clone()),
        Json::Array(items) => Kind::ListValue(prost_types::ListValue { values: items.iter().map(to_value).collect() }),
        Json::Object(members) => Kind::StructValue(prost_types::Struct { fields: fields(members) }),
    };
    prost_types::Value { kind: Some(kind) }
}

fn fields<M: FromIterator<(String, prost_types::Value)>>(members: &serde_json::Map<String, Json>) -> M {
    members.iter().map(|(name, value)| (name.clone(), to_value(value))).collect()
}

fn status(status: api::Status) -> api::FeatureStatus {
    api::FeatureStatus { status: status as i32, ..api::FeatureStatus::default() }
}

#[test]
fn statuses_are_sparse_unless_asked_for() {
    let row = br#"{"__event_time":7,"__created":7,"a":1,"b":null}"#;
    let set = reply(&[row], &["a", "b", "c", "c"], false).results.remove("e0").unwrap();
    assert_eq!(set.event_time, Some(7));
    assert_eq!(set.status, None);
    assert_eq!(set.features.len(), 2);
    let sparse: HashMap<_, _> =
        [("b".to_owned(), status(api::Status::Null)), ("c".to_owned(), status(api::Status::Missing))].into();
    assert_eq!(set.statuses, sparse);
    let set = reply(&[row], &[], true).results.remove("e0").unwrap();
    let all: HashMap<_, _> =
        [("a".to_owned(), status(api::Status::Present)), ("b".to_owned(), status(api::Status::Null))].into();
    assert_eq!(set.statuses, all);
}

#[test]
fn the_reserved_members_are_no_features() {
    let set = reply(&[br#"{"a":1,"__event_time":5,"\u005f_created":6}"#], &[], false).results.remove("e0").unwrap();
    assert_eq!(set.features.len(), 1);
    assert_eq!(set.event_time, None, "it does not begin with the reserved member");
    let set = reply(&[br#"{"a":1,"\u005f_created":6}"#], &[], true).results.remove("e0").unwrap();
    assert_eq!(set.statuses, [("a".to_owned(), status(api::Status::Present))].into());
    let set = reply(&[br#"{"a":1}"#], &["__event_time"], false).results.remove("e0").unwrap();
    assert_eq!(set.statuses["__event_time"], status(api::Status::Missing));
}

#[test]
fn a_deleted_row_is_missing_and_an_empty_object_is_not() {
    let reply = reply(&[br#"{"__event_time":5,"__created":5}"#, b"{}", br#"{"__event_time":5,"x":null}"#], &[], false);
    assert_eq!(reply.results["e0"].status, Some(status(api::Status::Missing)));
    assert_eq!(reply.results["e0"].event_time, Some(5));
    assert_eq!(reply.results["e1"].status, None);
    assert_eq!(reply.results["e2"].status, None);
}

#[test]
fn a_row_later_than_t_and_a_broken_one_serve_nothing() {
    let values: [&[u8]; 4] = [br#"{"__event_time":1001,"a":1}"#, br#"{"a":1,"b":[{"c":"#, b"[1]", br#"{"a":2}"#];
    let reply = reply(&values, &["a"], false);
    for (id, reason, message) in [
        ("e0", api::Reason::NewerThanAsOf, "the row kept is later than the time of the request"),
        ("e1", api::Reason::Undecodable, "the text ends early at byte 17"),
        ("e2", api::Reason::Undecodable, "expected an object at byte 0"),
    ] {
        let set = &reply.results[id];
        let found = set.status.clone().unwrap();
        assert_eq!((found.status(), found.reason(), found.message.as_str()), (api::Status::Error, reason, message));
        assert!(set.features.is_empty(), "{id}");
        assert_eq!(set.statuses["a"].reason(), reason);
    }
    assert_eq!(reply.results["e3"].features["a"], to_value(&Json::from(2)));
}

#[test]
fn of_a_name_that_repeats_the_last_value_counts() {
    let values: [&[u8]; 3] = [br#"{"a":null,"b":1,"\u0061":2}"#, br#"{"a":1,"b":2,"a":null}"#, br#"{"a":5,"b":6}"#];
    for names in [&[][..], &["a", "b"]] {
        let reply = reply(&values, names, false);
        assert_eq!(reply.results["e0"].features["a"], to_value(&Json::from(2)));
        assert!(reply.results["e0"].statuses.is_empty());
        assert_eq!(reply.results["e1"].statuses["a"], status(api::Status::Null));
        assert_eq!(reply.results["e2"].features["a"], to_value(&Json::from(5)));
    }
}

#[test]
fn a_message_as_deep_as_allowed_is_read_by_prost() {
    let list = format!(r#"{{"a":{}1{}}}"#, "[".repeat(48), "]".repeat(48));
    let object = format!(r#"{{"a":{}1{}}}"#, "{\"a\":".repeat(32), "}".repeat(32));
    let reply = reply(&[list.as_bytes(), object.as_bytes()], &[], false);
    assert!(reply.results.values().all(|set| set.status.is_none() && set.features.len() == 1));
}

#[test]
fn one_million_doubles_bit_for_bit() {
    // A full-period generator over all bit patterns (D. E. Knuth's MMIX constants): no random source is needed to meet every exponent.
    let mut state = 0x853c_49e6_748f_ea9b_u64;
    let mut next = || loop {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let double = f64::from_bits(state ^ state >> 29);
        if double.is_finite() {
            return double;
        }
    };
    for _ in 0..2_000 {
        let doubles: Vec<f64> = (0..500).map(|_| next()).collect();
        let members: Vec<String> = doubles.iter().enumerate().map(|(at, x)| format!("\"f{at}\":{x:?}")).collect();
        let row = format!("{{{}}}", members.join(","));
        let set = reply(&[row.as_bytes()], &[], false).results.remove("e0").unwrap();
        for (at, double) in doubles.iter().enumerate() {
            let Some(Kind::NumberValue(served)) = set.features[&format!("f{at}")].kind else { panic!("no number") };
            assert_eq!(served.to_bits(), double.to_bits(), "{double:?}");
        }
    }
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<String>().prop_map(Json::from),
        "[a-z]{100,300}".prop_map(Json::from),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

fn row() -> impl Strategy<Value = serde_json::Map<String, Json>> {
    prop::collection::vec(("[a-e]{1,2}|\\PC{0,8}", json()), 0..12).prop_map(|members| members.into_iter().collect())
}

proptest! {
    #[test]
    fn any_rows_mean_what_prost_would_say(stored in prop::collection::vec(row(), 1..4)) {
        let texts: Vec<Vec<u8>> = stored.iter().map(|row| serde_json::to_vec(row).unwrap()).collect();
        let values: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        let all = reply(&values, &[], false);
        for (at, row) in stored.iter().enumerate() {
            let expected: HashMap<String, prost_types::Value> = fields(row);
            prop_assert_eq!(&all.results[&format!("e{at}")].features, &expected);
        }
        let some = reply(&values, &["a", "b", "zz"], false);
        for (at, row) in stored.iter().enumerate() {
            let mut wanted = row.clone();
            wanted.retain(|name, _| ["a", "b", "zz"].contains(&name.as_str()));
            let set = &some.results[&format!("e{at}")];
            let expected: HashMap<String, prost_types::Value> = fields(&wanted);
            prop_assert_eq!(&set.features, &expected);
            let not_present = ["a", "b", "zz"].iter().filter(|name| wanted.get(**name).is_none_or(Json::is_null)).count();
            prop_assert_eq!(set.statuses.len(), not_present);
        }
    }

    #[test]
    fn requests_decode_as_prost_decodes_them(ids in prop::collection::vec(any::<String>(), 0..5), names in prop::collection::vec(any::<String>(), 0..5), as_of in any::<Option<i64>>(), all_statuses: bool) {
        let message = api::OnlineFeaturesRequest { entity_ids: ids.clone(), feature_names: names.clone(), as_of, all_statuses };
        let asked = OnlineFeaturesRequest::decode(&message.encode_to_vec()).unwrap().0;
        prop_assert_eq!(asked.entity_ids.iter().collect::<Vec<_>>(), ids);
        prop_assert_eq!(asked.feature_names.iter().collect::<Vec<_>>(), names);
        prop_assert_eq!((asked.as_of, asked.all_statuses), (as_of, all_statuses));
    }

    #[test]
    fn no_request_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        prop_assert_eq!(
            OnlineFeaturesRequest::decode(&bytes).is_ok(),
            api::OnlineFeaturesRequest::decode(bytes.as_slice()).is_ok()
        );
    }
}
