//! Writing rows: bad ones come back and the good ones are stored, the same over REST and gRPC and over both stores.

use serde_json::{Value, json};

use crate::clients::{self, Request};
use crate::stores::Store;
use crate::support::gateway::Gateway;

/// A batch with rows of every kind: each line, and for a bad one its code and field.
fn lines() -> Vec<(String, Option<(&'static str, &'static str)>)> {
    let far = "{\"entity_id\":\"w_far\",\"event_time\":\"2999-01-01T00:00:00Z\",\"x\":1}";
    let long = format!("{{\"entity_id\":\"{}\",\"x\":1}}", "w".repeat(600));
    let deep = format!("{{\"entity_id\":\"w_deep\",\"x\":{}1{}}}", "[".repeat(60), "]".repeat(60));
    [
        ("{\"entity_id\":\"w_good_1\",\"event_time\":\"2024-01-01T00:00:00Z\",\"x\":1}", None),
        ("{\"x\":1}", Some(("BAD_KEY", "entity_id"))),
        ("not json", Some(("INVALID_ROW", ""))),
        ("[1]", Some(("INVALID_ROW", ""))),
        ("{\"entity_id\":7,\"x\":1}", Some(("BAD_KEY", "entity_id"))),
        ("{\"entity_id\":\"\",\"x\":1}", Some(("BAD_KEY", "entity_id"))),
        (long.as_str(), Some(("BAD_KEY", "entity_id"))),
        (far, Some(("FUTURE", "event_time"))),
        ("{\"entity_id\":\"w\",\"event_time\":1700000000,\"x\":1}", Some(("INVALID_ROW", "event_time"))),
        ("{\"entity_id\":\"w\",\"event_time\":\"2024-01-01T00:00:00\",\"x\":1}", Some(("INVALID_ROW", "event_time"))),
        ("{\"entity_id\":\"w\",\"__event_time\":5,\"x\":1}", Some(("INVALID_ROW", "__event_time"))),
        ("{\"entity_id\":\"w\",\"\\u005f_created\":5,\"x\":1}", Some(("INVALID_ROW", "__created"))),
        ("{\"entity_id\":\"w\",\"x\":1,\"x\":2}", Some(("INVALID_ROW", "x"))),
        ("{\"entity_id\":\"w\",\"entity_id\":\"v\"}", Some(("INVALID_ROW", "entity_id"))),
        ("{\"entity_id\":\"w\",\"x\":1e999}", Some(("INVALID_ROW", ""))),
        (deep.as_str(), Some(("INVALID_ROW", ""))),
        ("{\"entity_id\":\"w\",\"x\":1", Some(("INVALID_ROW", ""))),
        ("{\"entity_id\":\"w_good_2\",\"event_time\":\"2024-01-01T00:00:00Z\",\"x\":2}", None),
    ]
    .map(|(line, fault)| (line.to_owned(), fault))
    .to_vec()
}

/// What a report should say, without the words.
fn expected(lines: &[(String, Option<(&'static str, &'static str)>)]) -> Value {
    let good = lines.iter().filter(|(_, fault)| fault.is_none()).count();
    let bad: Vec<_> = lines
        .iter()
        .enumerate()
        .filter_map(|(row, (_, fault))| fault.map(|(code, field)| json!({"row": row, "code": code, "field": field})))
        .collect();
    json!({"batch": 0, "accepted": good, "late": 0, "bad": bad})
}

fn without_words(mut report: Value) -> Value {
    for bad in report["bad"].as_array_mut().unwrap() {
        let message = bad.as_object_mut().unwrap().remove("message").unwrap();
        assert!(message.as_str().is_some_and(|message| !message.is_empty()));
    }
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_rows_come_back_in_order_and_good_ones_are_stored() {
    for store in Store::both() {
        let gateway = Gateway::start(&store.url());
        clients::until_ready(&gateway, true).await;
        let (http, mut grpc) = (clients::http1(), clients::grpc(&gateway).await);
        let lines = lines();
        let ndjson: String = lines.iter().map(|(line, _)| format!("\n  {line}\r\n\n")).collect();
        let rest = clients::write_rest(&http, &gateway, ndjson.clone()).await.unwrap();
        let answers = clients::write_grpc(&mut grpc, vec![clients::batch(ndjson)]).await;
        assert_eq!(answers.len(), 1);
        for report in [rest, answers.into_iter().next().unwrap().unwrap()] {
            assert_eq!(without_words(report), expected(&lines), "over {}", store.name());
        }
        // The same rows as a JSON array, but for the one that would take what follows into it.
        let fits = |line: &str| line.matches('{').count() == line.matches('}').count();
        let in_array: Vec<_> = lines.iter().filter(|(line, _)| fits(line)).cloned().collect();
        assert_eq!(in_array.len(), lines.len() - 1);
        let array = in_array.iter().map(|(line, _)| line.as_str()).collect::<Vec<_>>().join(" ,\n");
        let request = http.post(gateway.url("/v1/views/default/rows")).header("content-type", "application/json");
        let report = request.body(format!("[{array}]")).send().await.unwrap().json().await.unwrap();
        assert_eq!(without_words(report), expected(&in_array), "over {}", store.name());
        let reply =
            clients::post(&http, &gateway, &Request::of(&["w_good_1", "w_good_2", "w", "w_far"])).await.unwrap();
        let x = |id: &str| reply["results"][id]["features"]["x"].clone();
        assert_eq!([x("w_good_1"), x("w_good_2")], [json!("number 1.0"), json!("number 2.0")]);
        assert_eq!([x("w"), x("w_far")], [Value::Null, Value::Null], "{reply}");
    }
}

#[tokio::test]
async fn batches_of_a_stream_are_numbered_and_empty_ones_are_fine() {
    let store = Store::embedded();
    let gateway = Gateway::start(&store.url());
    let mut client = clients::grpc(&gateway).await;
    let row = |id: &str| clients::batch(format!("{{\"entity_id\":\"{id}\",\"x\":1}}\nnope"));
    let batches = vec![row("a"), clients::batch("\n\n"), clients::batch(""), row("b")];
    let answers: Vec<_> = clients::write_grpc(&mut client, batches).await.into_iter().map(Result::unwrap).collect();
    let figures = |answer: &Value| {
        (
            answer["batch"].as_i64().unwrap(),
            answer["accepted"].as_i64().unwrap(),
            answer["bad"].as_array().unwrap().len(),
        )
    };
    assert_eq!(answers.iter().map(figures).collect::<Vec<_>>(), [(0, 1, 1), (1, 0, 0), (2, 0, 0), (3, 1, 1)]);
    assert_eq!(answers[3]["bad"][0]["row"], 1);
    let empty = clients::http1().post(gateway.url("/v1/views/default/rows")).header("content-type", "application/json");
    let report: Value = empty.body(" [ ] ").send().await.unwrap().json().await.unwrap();
    assert_eq!(report, json!({"batch": 0, "accepted": 0, "late": 0, "bad": []}));
}

#[tokio::test]
async fn a_row_without_event_time_takes_its_arrival() {
    for store in Store::both() {
        let gateway = Gateway::start(&store.url());
        clients::until_ready(&gateway, true).await;
        let http = clients::http1();
        let before = clients::post(&http, &gateway, &Request::of(&["nobody"])).await.unwrap()["as_of"].clone();
        clients::write_rest(&http, &gateway, "{\"entity_id\":\"arrived\",\"x\":1}").await.unwrap();
        let reply = clients::post(&http, &gateway, &Request::of(&["arrived"])).await.unwrap();
        let micros = |time: &Value| unskew_gateway::lookup::time::parse(time.as_str().unwrap()).unwrap();
        let event_time = micros(&reply["results"]["arrived"]["event_time"]);
        assert!(micros(&before) <= event_time && event_time <= micros(&reply["as_of"]), "{before} {reply}");
    }
}

#[tokio::test]
async fn a_row_whose_key_redis_has_as_another_type_is_bad_alone() {
    let store = Store::redis();
    let gateway = Gateway::start(&store.url());
    clients::until_ready(&gateway, true).await;
    let Store::Redis(server) = &store else { unreachable!() };
    server.run("RPUSH features:list 1");
    let row = |id: &str| format!("{{\"entity_id\":\"{id}\",\"x\":1}}");
    let report =
        clients::write_rest(&clients::http1(), &gateway, ["a", "list", "b"].map(row).join("\n")).await.unwrap();
    assert_eq!((&report["accepted"], &report["bad"][0]["row"]), (&json!(2), &json!(1)), "{report}");
    assert_eq!(report["bad"][0]["code"], "STORE", "{report}");
}
