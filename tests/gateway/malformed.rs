//! Requests that are no requests: refused with a code that blames the client, and the process goes on.

use bytes::Bytes;
use prost::Message;
use reqwest::Method;
use unskew_gateway::error::Code;

use crate::clients;
use crate::failures;
use crate::raw::{self, GET_ONLINE_FEATURES, WRITE_ROWS};
use crate::stores::Store;
use crate::support::gateway::Gateway;

const JSON: &str = "application/json";

#[tokio::test]
async fn malformed_requests_of_rest() {
    let store = Store::embedded();
    let gateway = Gateway::start(&store.url());
    let invalid = Code::InvalidArgument;
    let unsupported = Code::UnsupportedMediaType;
    let (ask, write) = ("/v1/online-features", "/v1/views/default/rows");
    for (method, path, media_type, body, code, field) in [
        (Method::POST, ask, JSON, "", invalid, "body"),
        (Method::POST, ask, JSON, "{", invalid, "body"),
        (Method::POST, ask, JSON, "[]", invalid, "body"),
        (Method::POST, ask, JSON, "{}", invalid, "body"),
        (Method::POST, ask, JSON, "{\"entity_ids\":\"a\"}", invalid, "body"),
        (Method::POST, ask, JSON, "{\"entity_ids\":[1]}", invalid, "body"),
        (Method::POST, ask, JSON, "{\"entity_ids\":[null]}", invalid, "body"),
        (Method::POST, ask, JSON, "{\"entity_ids\":[\"a\"],\"feature_names\":[true]}", invalid, "body"),
        (Method::POST, ask, JSON, "{\"entity_ids\":[\"a\"],\"features\":[]}", invalid, "body"),
        (Method::POST, ask, JSON, "{\"entity_ids\":[\"a\"],\"entity_ids\":[\"b\"]}", invalid, "body"),
        (Method::POST, ask, JSON, "{\"entity_ids\":[\"\\ud800\"]}", invalid, "body"),
        (Method::POST, ask, JSON, "{\"entity_ids\":[\"a\"]} x", invalid, "body"),
        (Method::POST, ask, JSON, "{\"entity_ids\":[\"a\"],\"all_statuses\":\"yes\"}", invalid, "body"),
        (Method::POST, ask, JSON, "{\"entity_ids\":[\"a\"],\"as_of\":1700000000}", invalid, "body"),
        (Method::POST, ask, JSON, "{\"entity_ids\":[\"a\"],\"as_of\":\"2024-01-01T00:00:00\"}", invalid, "as_of"),
        (Method::POST, ask, JSON, "{\"entity_ids\":[\"a\"],\"as_of\":\"yesterday\"}", invalid, "as_of"),
        (Method::POST, ask, JSON, "{\"entity_ids\":[\"a\"],\"as_of\":\"-000001-01-01T00:00:00Z\"}", invalid, "as_of"),
        (Method::POST, ask, "text/plain", "{\"entity_ids\":[\"a\"]}", unsupported, ""),
        (Method::POST, ask, "", "{\"entity_ids\":[\"a\"]}", unsupported, ""),
        (Method::POST, ask, "application/x-www-form-urlencoded", "entity_ids=a", unsupported, ""),
        (Method::POST, GET_ONLINE_FEATURES, JSON, "{}", unsupported, ""),
        (Method::POST, WRITE_ROWS, JSON, "[]", unsupported, ""),
        (Method::POST, "/grpc.health.v1.Health/Check", "application/x-protobuf", "", unsupported, ""),
        (Method::GET, "/v1/online-features/a?feature_name=b", "", "", invalid, "feature_name"),
        (Method::GET, "/v1/online-features/a?as_of=now", "", "", invalid, "as_of"),
        (Method::GET, "/v1/online-features/a?all_statuses=1", "", "", invalid, "all_statuses"),
        (Method::GET, "/v1/online-features/%ff", "", "", invalid, "entity_id"),
        (Method::GET, "/v1/online-features/a?feature_names=%ff", "", "", invalid, "query"),
        (Method::POST, write, JSON, "", invalid, "body"),
        (Method::POST, write, JSON, "{}", invalid, "body"),
        (Method::POST, write, JSON, "[{}", invalid, "body"),
        (Method::POST, write, JSON, "[{}] x", invalid, "body"),
        (Method::POST, write, JSON, "[{},]", invalid, "body"),
        (Method::POST, write, "text/csv", "a,b", unsupported, ""),
        (Method::POST, "/v1/views/other/rows", JSON, "[]", invalid, "view"),
        (Method::POST, "/v1/views/%ff/rows", JSON, "[]", invalid, "view"),
    ] {
        let mut request = clients::http1().request(method.clone(), gateway.url(path)).body(body);
        if !media_type.is_empty() {
            request = request.header("content-type", media_type);
        }
        let response = request.send().await.unwrap();
        assert!(!response.status().is_success(), "{method} {path} {body:?}");
        let failure = failures::of_rest(response).await;
        assert_eq!(failure.code, code, "{method} {path} {body:?}: {failure:?}");
        let fields: Vec<_> = Some(field.to_owned()).into_iter().filter(|field| !field.is_empty()).collect();
        assert_eq!(failure.fields, fields, "{method} {path} {body:?}: {failure:?}");
    }
    let parameters = "application/json; charset=utf-8";
    let request = clients::http1().post(gateway.url(ask)).header("content-type", parameters);
    assert!(request.body("{\"entity_ids\":[\"a\"]}").send().await.unwrap().status().is_success());
}

#[tokio::test]
async fn malformed_messages_of_grpc() {
    let store = Store::embedded();
    let mut gateway = Gateway::start(&store.url());
    let invalid = Code::InvalidArgument;
    let cut = &raw::frame(b"\x0a\x01a")[..7];
    for (what, body, code) in [
        ("a tag that ends early", raw::frame(b"\x80"), invalid),
        ("field 0", raw::frame(b"\x02\x00"), invalid),
        ("a string that ends early", raw::frame(b"\x0a\x05ab"), invalid),
        ("a string of almost 2^64 bytes", raw::frame(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), invalid),
        ("a varint that is too long", raw::frame(b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), invalid),
        ("ids that are numbers", raw::frame(b"\x08\x01"), invalid),
        ("an id that is not UTF-8", raw::frame(b"\x0a\x02\xff\xfe"), invalid),
        ("a name that is not UTF-8", raw::frame(b"\x0a\x01a\x12\x01\xff"), invalid),
        ("wire type 7", raw::frame(b"\x0f\x00"), invalid),
        ("an unknown field that ends early", raw::frame(b"\xfa\x01\x05a"), invalid),
        ("an empty message", raw::frame(b""), invalid),
        ("random bytes", raw::frame(&[0xde, 0xad, 0xbe, 0xef, 0x00, 0x11, 0x22]), invalid),
        ("no message at all", Vec::new(), invalid),
        ("a message that is cut", cut.to_vec(), invalid),
        ("a flag that says compressed", [&[1], &raw::frame(b"\x0a\x01a")[1..]].concat(), invalid),
        ("a flag that means nothing", [&[7], &raw::frame(b"\x0a\x01a")[1..]].concat(), invalid),
        ("a length of 4 GiB", vec![0, 0xff, 0xff, 0xff, 0xff], Code::RequestTooLarge),
    ] {
        let failure = raw::failure(&gateway, GET_ONLINE_FEATURES, &[], body).await;
        assert_eq!(failure.code, code, "{what}: {failure:?}");
        assert!(!failure.message.is_empty(), "{what}");
    }
    let compressed = raw::failure(&gateway, GET_ONLINE_FEATURES, &[("grpc-encoding", "lzma")], raw::frame(b"")).await;
    assert_eq!(compressed.code, Code::UnsupportedMediaType, "{compressed:?}");
    assert!(compressed.message.contains("lzma"), "{compressed:?}");
    // Fields that the gateway does not know are skipped, those of a newer client.
    let newer = raw::frame(b"\x0a\x01a\xfa\x01\x02hi\xc8\x01\x05");
    let headers = raw::headers(&gateway, GET_ONLINE_FEATURES, &[], newer).await;
    assert!(!headers.contains_key("grpc-status"), "{headers:?}");
    assert!(gateway.is_alive());
}

#[tokio::test]
async fn an_as_of_outside_the_calendar_is_refused() {
    let store = Store::embedded();
    let gateway = Gateway::start(&store.url());
    let mut client = clients::grpc(&gateway).await;
    for as_of in [i64::MIN, i64::MAX, -62_135_596_800_000_001, 253_402_300_800_000_000] {
        let mut message = clients::Request::of(&["a"]).message();
        message.as_of = Some(as_of);
        let failure = failures::of_grpc(&client.get_online_features(message).await.unwrap_err());
        assert_eq!(failure.code, Code::InvalidArgument, "{as_of}: {failure:?}");
        assert!(failure.message.starts_with("as_of"), "{failure:?}");
    }
}

#[tokio::test]
async fn malformed_batches_end_a_stream_after_the_answers_of_the_good_ones() {
    let store = Store::embedded();
    let gateway = Gateway::start(&store.url());
    let channel = clients::channel(&gateway).await;
    let good: Bytes = clients::batch("{\"entity_id\":\"a\",\"x\":1}").encode_to_vec().into();
    let other_view = unskew_gateway::api::WriteRowsRequest { view: "other".to_owned(), ..clients::batch("") };
    for (what, bad, field) in [
        ("random bytes", Bytes::from_static(b"\xde\xad\xbe\xef"), "message"),
        ("no rows", Bytes::new(), "rows"),
        ("another view", other_view.encode_to_vec().into(), "view"),
    ] {
        let messages = vec![good.clone(), good.clone(), bad, good.clone()];
        let (answers, end) = raw::stream(channel.clone(), WRITE_ROWS, messages).await;
        let failure = failures::of_grpc(&end.unwrap_err());
        assert_eq!((answers, failure.code), (2, Code::InvalidArgument), "{what}: {failure:?}");
        assert!(failure.message.starts_with(field), "{what}: {failure:?}");
    }
    let (answers, end) = raw::stream(channel, WRITE_ROWS, Vec::new()).await;
    assert_eq!((answers, end.is_ok()), (0, true), "a stream without batches is fine");
}
