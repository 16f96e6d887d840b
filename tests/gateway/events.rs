//! Events into window views: both protocols answer the same, over both stores; late, repeated and refused events.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use serde_json::{Value as Json, json};
use unskew_gateway::error::Code;
use unskew_gateway::lookup::time;

use crate::clients;
use crate::event_calls::{self, Served, ndjson};
use crate::metrics;
use crate::stores::Store;

fn event(id: u32, at: &str, amount: f64) -> Json {
    json!({"id": format!("e{id}"), "at": at, "customer_id": 1, "region": "a|b", "terminal_id": 7, "amount": amount})
}

/// Events of every kind, and the code and field of those that are bad.
fn lines() -> Vec<(String, Option<(&'static str, &'static str)>)> {
    let at = "2026-01-10T12:00:00Z";
    let with = |name: &str, value: Json| {
        let mut event = event(1, at, 8.0);
        event[name] = value;
        event.to_string()
    };
    let without = |name: &str| {
        let mut event = event(1, at, 8.0);
        event.as_object_mut().unwrap().remove(name);
        event.to_string()
    };
    vec![
        (event(1, at, 1.0).to_string(), None),
        (without("at"), Some(("INVALID_ROW", "at"))),
        (with("at", json!("2026-01-10T12:00:00")), Some(("INVALID_ROW", "at"))),
        (with("at", json!(1_700_000_000)), Some(("INVALID_ROW", "at"))),
        (with("at", json!("2999-01-10T12:00:00Z")), Some(("FUTURE", "at"))),
        (without("id"), Some(("INVALID_ROW", "id"))),
        (with("id", json!(7)), Some(("INVALID_ROW", "id"))),
        (without("customer_id"), Some(("BAD_KEY", "customer_id"))),
        (with("terminal_id", Json::Null), Some(("BAD_KEY", "terminal_id"))),
        (with("region", json!("r".repeat(600))), Some(("BAD_KEY", ""))),
        (with("customer_id", json!(7.0)), Some(("BAD_KEY", "customer_id"))),
        (with("amount", json!("1")), Some(("INVALID_ROW", "amount"))),
        (with("fraud", json!(1_u64 << 40)), Some(("INVALID_ROW", "fraud"))),
        (with("note", json!(true)), Some(("INVALID_ROW", "note"))),
        (with("colour", json!("red")), Some(("INVALID_ROW", "colour"))),
        (with("amount", json!(1)).replace("\"amount\"", "\"v\":1,\"v\""), Some(("INVALID_ROW", "v"))),
        (with("note", json!("n".repeat(2000))), Some(("TOO_LARGE", ""))),
        ("not json".to_owned(), Some(("INVALID_ROW", ""))),
        ("[1]".to_owned(), Some(("INVALID_ROW", ""))),
        (event(2, "2026-01-10T12:30:00Z", 2.5).to_string(), None),
    ]
}

fn expected(lines: &[(String, Option<(&'static str, &'static str)>)]) -> Json {
    let good = lines.iter().filter(|(_, fault)| fault.is_none()).count();
    let bad = lines
        .iter()
        .enumerate()
        .filter_map(|(row, (_, fault))| fault.map(|(code, field)| json!({"row": row, "code": code, "field": field})));
    json!({"batch": 0, "accepted": good, "late": 0, "bad": bad.collect::<Vec<_>>()})
}

#[tokio::test(flavor = "multi_thread")]
async fn both_protocols_answer_the_same_and_a_repeat_changes_nothing() {
    for store in Store::both() {
        let events = Served::start(&store, &[("limits.max_row_bytes", "1KiB")]).await;
        let lines = lines();
        let text: String = lines.iter().map(|(line, _)| format!("\n  {line}\r\n\n")).collect();
        let reports = [
            events.rest("payments", text.clone()).await.unwrap(),
            events.grpc(vec![event_calls::batch("payments", text)]).await.remove(0).unwrap(),
        ];
        for report in &reports {
            assert_eq!(event_calls::without_words(report.clone()), expected(&lines), "over {}", store.name());
        }
        // But for the time of arrival they agree in every word.
        let words = |report: &Json| {
            report["bad"].as_array().unwrap().iter().filter(|bad| bad["code"] != "FUTURE").cloned().collect::<Vec<_>>()
        };
        assert_eq!(words(&reports[0]), words(&reports[1]));
        let array: Vec<_> = lines.iter().map(|(line, _)| line.as_str()).collect();
        let response = events.post("payments", "application/json", format!("[{}]", array.join(" ,\n"))).await.unwrap();
        assert_eq!(event_calls::without_words(response), expected(&lines));
        // Three times the same: counted once.
        assert_eq!(events.model(1, "2026-01-10T12:30:01Z").await, [Some(3.5), Some(2.0), None]);
        assert_eq!(events.model(2, "2026-01-10T12:30:01Z").await, [Some(0.0), Some(0.0), None]);
        // Windows expire by themselves.
        assert_eq!(events.model(1, "2026-01-10T13:00:00Z").await, [Some(2.5), Some(1.0), None]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_features_of_a_window_view_are_told_by_the_names_that_services_use() {
    let events = Served::start(&Store::embedded(), &[]).await;
    let served: Json =
        clients::http1().get(events.gateway.url("/v1/definitions")).send().await.unwrap().json().await.unwrap();
    let views = served["views"].as_array().unwrap();
    let tiled = views.iter().find(|view| view["name"] == "tiled").unwrap();
    let names: Vec<_> = tiled["features"].as_array().unwrap().iter().map(|feature| &feature["name"]).collect();
    assert_eq!(names, ["total_30d", "total_lifetime", "nb_30d"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_json_can_not_say_come_by_arrow() {
    let (infinity, nan) = (f64::INFINITY, f64::NAN);
    // By customer: its amounts, and their sum as it is explained.
    let customers: [(&[f64], &str); 6] = [
        (&[nan, 2.5, -nan], "2.5"),
        (&[-0.0], "0.0"),
        (&[1.0, infinity], "inf"),
        (&[-infinity, 7.0], "-inf"),
        (&[infinity, -infinity], "null"),
        (&[1e308, 1e308, -1e308], "1e+308"),
    ];
    let rows =
        || (1_i64..).zip(customers).flat_map(|(customer, (amounts, _))| amounts.iter().map(move |it| (customer, *it)));
    let count = rows().count();
    let at = time::parse("2026-01-10T12:00:00Z").unwrap();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(StringArray::from_iter_values((0..count).map(|row| format!("e{row}"))))),
        ("at", Arc::new(TimestampMicrosecondArray::from(vec![at; count]))),
        ("customer_id", Arc::new(Int64Array::from_iter_values(rows().map(|(customer, _)| customer)))),
        ("region", Arc::new(StringArray::from(vec!["a|b"; count]))),
        ("terminal_id", Arc::new(Int64Array::from(vec![7; count]))),
        ("amount", Arc::new(Float64Array::from_iter_values(rows().map(|(_, amount)| amount)))),
    ];
    let arrow = event_calls::arrow(&RecordBatch::try_from_iter(columns).unwrap());
    for store in Store::both() {
        let events = Served::start(&store, &[]).await;
        let report = events.post("payments", event_calls::ARROW, arrow.clone()).await.unwrap();
        assert_eq!((&report["accepted"], &report["bad"]), (&json!(count), &json!([])), "{report}");
        for (customer, (amounts, sum)) in (1_i64..).zip(customers) {
            let entities = json!({"customer_id": customer, "region": "a|b", "terminal_id": 7});
            let asked = json!({"service": "model", "entities": entities, "as_of": "2026-01-10T12:30:00Z"});
            let reply = clients::http1().post(events.gateway.url("/v1/explain")).json(&asked).send().await.unwrap();
            let explained: Json = reply.json().await.unwrap();
            let input = |name: &str| {
                let inputs = explained["inputs"].as_array().unwrap();
                inputs.iter().find(|input| input["name"] == name).unwrap()["value"].clone()
            };
            assert_eq!(input("customer.total_1h"), json!(sum), "{amounts:?} over {}: {explained}", store.name());
            assert_eq!(input("customer.nb_1h"), json!(amounts.len().to_string()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn arrow_and_json_write_the_same_events() {
    for store in Store::both() {
        let events = Served::start(&store, &[]).await;
        let at = |text: &str| time::parse(text).unwrap();
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("id", Arc::new(StringArray::from(vec![Some("e1"), Some("e2"), None]))),
            (
                "at",
                Arc::new(TimestampMicrosecondArray::from(vec![
                    at("2026-01-10T12:00:00Z"),
                    at("2026-01-10T12:30:00Z"),
                    0,
                ])),
            ),
            ("customer_id", Arc::new(Int64Array::from(vec![1, 1, 1]))),
            ("region", Arc::new(StringArray::from(vec!["a|b"; 3]))),
            ("terminal_id", Arc::new(Int64Array::from(vec![7; 3]))),
            ("amount", Arc::new(Float64Array::from(vec![1.0, 2.5, 4.0]))),
            ("fraud", Arc::new(Int32Array::from(vec![Some(1), None, None]))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let arrow = event_calls::arrow(&batch);
        let rest = events.post("payments", event_calls::ARROW, arrow.clone()).await.unwrap();
        let grpc = events.grpc(vec![event_calls::arrow_batch("payments", arrow)]).await.remove(0).unwrap();
        assert_eq!(rest, grpc);
        let expected = json!({"batch": 0, "accepted": 2, "late": 0, "bad": [{"row": 2, "code": "INVALID_ROW", "field": "id", "message": "an event of the source `payments` needs its `id`"}]});
        assert_eq!(rest, expected);
        let mut labelled = event(1, "2026-01-10T12:00:00Z", 1.0);
        labelled["fraud"] = json!(1);
        let json = ndjson(&[labelled, event(2, "2026-01-10T12:30:00Z", 2.5)]);
        assert_eq!(events.rest("payments", json).await.unwrap()["accepted"], 2);
        assert_eq!(events.model(1, "2026-01-10T12:30:01Z").await, [Some(3.5), Some(2.0), Some(1.0)]);
        for (batch, why) in [
            (batch.project(&[0, 1, 2]).unwrap(), "the batch lacks the column `region`"),
            (event_calls::renamed(&batch, "amount", "amuont"), "has no column \"amuont\""),
        ] {
            let arrow = event_calls::arrow(&batch);
            let failure = events.post("payments", event_calls::ARROW, arrow).await.unwrap_err();
            assert!(failure.code == Code::InvalidArgument && failure.message.contains(why), "{failure:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_is_a_new_version_and_what_is_too_old_is_late_for_the_views_that_let_go_of_it() {
    for store in Store::both() {
        let events = Served::start(&store, &[]).await;
        let write = [event(1, "2026-01-10T12:00:00Z", 1.0), event(2, "2026-01-10T12:10:00Z", 2.0)];
        assert_eq!(events.rest("payments", ndjson(&write)).await.unwrap()["accepted"], 2);
        let mut label = event(1, "2026-01-10T12:00:00Z", 1.0);
        (label["v"], label["fraud"]) = (json!(1), json!(1));
        let mut older = label.clone();
        (older["v"], older["fraud"], older["amount"]) = (json!(0), json!(0), json!(100));
        let report = events.rest("payments", ndjson(&[label, older])).await.unwrap();
        assert_eq!((&report["accepted"], &report["bad"]), (&json!(2), &json!([])));
        assert_eq!(events.model(1, "2026-01-10T12:30:00Z").await, [Some(3.0), Some(2.0), Some(1.0)]);
        // The customer's windows end after an hour and a day of lateness, the terminal's after a week.
        let late = event(3, "2026-01-08T12:00:00Z", 4.0);
        let very_late = event(4, "2025-12-01T00:00:00Z", 4.0);
        let batch = ndjson(&[event(5, "2026-01-10T12:20:00Z", 8.0), late, very_late]);
        let report = events.grpc(vec![event_calls::batch("payments", batch)]).await.remove(0).unwrap();
        let expected = json!({"batch": 0, "accepted": 1, "late": 2, "bad": [
            {"row": 1, "code": "LATE", "field": "customer"},
            {"row": 2, "code": "LATE", "field": "customer"},
            {"row": 2, "code": "LATE", "field": "terminal"},
        ]});
        assert_eq!(event_calls::without_words(report.clone()), expected, "{report}");
        let message = report["bad"][0]["message"].as_str().unwrap();
        assert!(message.starts_with("2026-01-08T12:00:00Z is at or before 2026-01-09T11:10:00Z, up to"), "{message}");
        let scrape = metrics::scrape(&events.gateway).await;
        let counted = |view: &str, result: &str| {
            scrape.value("unskew_window_events_total", &[("view", view), ("result", result)])
        };
        assert_eq!([counted("customer", "accepted"), counted("customer", "late")], [5.0, 2.0]);
        assert_eq!([counted("terminal", "accepted"), counted("terminal", "late")], [6.0, 1.0]);
        let future = events.rest("payments", ndjson(&[event(9, "2999-01-01T00:00:00Z", 1.0)])).await.unwrap();
        assert_eq!(future["bad"][0]["code"], "FUTURE");
        let scrape = metrics::scrape(&events.gateway).await;
        assert_eq!(scrape.value("unskew_window_events_total", &[("view", "terminal"), ("result", "future")]), 1.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_that_fail_as_a_whole_say_what_would_be_right() {
    let store = Store::embedded();
    let events = Served::start(&store, &[("limits.max_batch_rows", "3")]).await;
    let both = async |source: &str, text: &str| {
        let rest = events.rest(source, text.to_owned()).await.unwrap_err();
        let grpc = events.grpc(vec![event_calls::batch(source, text)]).await.remove(0).unwrap_err();
        assert_eq!((rest.code, &rest.message), (grpc.code, &grpc.message));
        rest
    };
    let unknown = both("clicks", "{}").await;
    assert_eq!(unknown.code, Code::InvalidArgument);
    assert_eq!(
        unknown.message,
        "source: no window view reads a source \"clicks\"; this gateway takes events of \"named\", \"payments\", \"plain\", \"tiled\""
    );
    let many = both("payments", &"{}\n".repeat(4)).await;
    assert!(many.code == Code::RequestTooLarge && many.message.contains("limits.max_batch_rows"), "{many:?}");
    let none = unskew_gateway::api::WriteEventsRequest { source: "payments".to_owned(), ..Default::default() };
    let none = events.grpc(vec![none]).await.remove(0).unwrap_err();
    assert!(none.code == Code::InvalidArgument && none.message.contains("set ndjson or arrow_ipc"), "{none:?}");
    let arrow = events.post("payments", event_calls::ARROW, "not arrow").await.unwrap_err();
    assert_eq!((arrow.code, arrow.fields), (Code::InvalidArgument, vec!["arrow_ipc".to_owned()]));
    let text = events.post("payments", "text/plain", "{}").await.unwrap_err();
    assert_eq!(text.code, Code::UnsupportedMediaType);
    let ignored = events
        .post("payments?ignore_unknown=true", event_calls::NDJSON, {
            let mut event = event(1, "2026-01-10T12:00:00Z", 1.0);
            event["colour"] = json!("red");
            event.to_string()
        })
        .await
        .unwrap();
    assert_eq!((&ignored["accepted"], &ignored["bad"]), (&json!(1), &json!([])));
    let empty = events.rest("payments", String::new()).await.unwrap();
    assert_eq!(empty, json!({"batch": 0, "accepted": 0, "late": 0, "bad": []}));
    let without = crate::support::gateway::Gateway::start(&Store::embedded().url());
    let http = clients::http1();
    let response = http.post(without.url("/v1/sources/payments/events")).json(&json!([])).send().await.unwrap();
    let failure = crate::failures::of_rest(response).await;
    assert!(failure.message.ends_with("this gateway has no window view"), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_without_room_refuses_events_and_says_so_until_they_are_past() {
    for store in Store::both() {
        let events = Served::start(&store, &[("limits.max_state_bytes", "200B")]).await;
        let batch: Vec<Json> = (0..60)
            .map(|n| {
                let mut event = event(n, &format!("2026-01-10T12:{n:02}:00Z"), 1.5);
                event["region"] = json!(format!("r{n}"));
                event
            })
            .collect();
        let report = events.rest("payments", ndjson(&batch)).await.unwrap();
        let bad = report["bad"].as_array().unwrap();
        assert!(!bad.is_empty() && bad.len() < 60, "{report}");
        assert!(bad.iter().all(|bad| bad["code"] == "STATE_LIMIT" && bad["field"] == "customer"), "{report}");
        assert!(bad[0]["message"].as_str().unwrap().contains("at most 200 are allowed (limits.max_state_bytes)"));
        assert_eq!((&report["accepted"], &report["late"]), (&json!(60 - bad.len()), &json!(0)));
        let asked = events.ask(1, "2026-01-10T13:00:00Z").await;
        assert_eq!((&asked["vectors"][0][0], &asked["incomplete"][0]["reason"]), (&Json::Null, &json!("STATE_LIMIT")));
        // Past the windows of what was refused there is a value again.
        let report = events.rest("payments", ndjson(&[event(99, "2026-01-20T12:00:00Z", 3.0)])).await.unwrap();
        assert_eq!(report["accepted"], 1, "{report}");
        assert_eq!(events.model(1, "2026-01-20T12:30:00Z").await[0], Some(3.0));
        let scrape = metrics::scrape(&events.gateway).await;
        let limited = [("view", "customer"), ("result", "state_limit")];
        assert_eq!(scrape.value("unskew_window_events_total", &limited), bad.len() as f64);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_can_not_be_read_keeps_its_key_and_its_events_come_back() {
    let store = Store::redis();
    let Store::Redis(server) = &store else { unreachable!() };
    let events = Served::start(&store, &[]).await;
    server.set(b"fv:{customer|1}:customer:1", b"\x11junk");
    server.run("RPUSH fv:{terminal|r9|7}:terminal:1 1");
    let mut of_another_type = event(2, "2026-01-10T12:00:00Z", 1.0);
    (of_another_type["customer_id"], of_another_type["region"]) = (json!(2), json!("r9"));
    let report =
        events.rest("payments", ndjson(&[event(1, "2026-01-10T12:00:00Z", 1.0), of_another_type])).await.unwrap();
    let expected = json!({"batch": 0, "accepted": 0, "late": 0, "bad": [
        {"row": 0, "code": "STORE", "field": "customer"}, {"row": 1, "code": "STORE", "field": "terminal"},
    ]});
    assert_eq!(event_calls::without_words(report.clone()), expected, "{report}");
    let message = report["bad"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("the stored state can't be read (UNDECODABLE): "), "{message}");
    assert_eq!(server.command(&[b"GET", b"fv:{customer|1}:customer:1"]), b"$5\r\n\x11junk\r\n");
    // The other views have them.
    assert_eq!(events.model(2, "2026-01-10T12:30:00Z").await[0], Some(1.0));
}
