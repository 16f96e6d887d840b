//! Definitions in the running gateway: typed writes, vectors and explanations over both protocols, reloads, schemas that change.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use unskew_gateway::api::column::Values;
use unskew_gateway::api::{Column, DefinitionsRequest, ExplainRequest, FeatureVectorsRequest, Floats, Ints, Texts};
use unskew_gateway::error::Code;
use unskew_gateway::lookup::defined::hex;

use crate::clients::{self, Request};
use crate::failures;
use crate::stores::Store;
use crate::support::gateway::{self, Gateway};

const DEFINITIONS: &str = r#"
entities:
  customer: {keys: {customer_id: int64}}
  terminal: {keys: {region: string, terminal_id: int64}}
views:
  profile:
    entity: customer
    ttl: 30d
    features: {age: int32, mean_amount: float64, score: {dtype: float32, default: 0.5}, seen: timestamp, big: int64}
  place:
    entity: terminal
    layout: json
    features: {risk: float64, kind: string}
services:
  model:
    time: at
    request: {amount: float64, at: timestamp}
    vector:
      - {input: amount, steps: [{log: {offset: 1}}]}
      - {input: profile.age, steps: [{impute: {value: 40}}]}
      - {input: profile.score}
      - {expr: "amount / nullif(profile.mean_amount, 0)", name: ratio, steps: [{impute: {value: 1}}, {clip: {max: 20}}]}
      - {input: place.risk}
      - {input: at, name: hour, steps: [{date_part: {part: hour}}, {cyclic: {period: 24}}]}
"#;

/// A directory of definitions.
fn definitions(text: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("definitions.yaml"), text).unwrap();
    directory
}

fn start(store: &Store, definitions: &Path) -> Gateway {
    Gateway::start_with(&store.url(), &[("definitions.path", definitions.to_str().unwrap())])
}

async fn write(gateway: &Gateway, view: &str, rows: Value) -> Value {
    let request = clients::http1().post(gateway.url(&format!("/v1/views/{view}/rows"))).json(&rows);
    request.send().await.unwrap().json().await.unwrap()
}

async fn post(gateway: &Gateway, path: &str, body: &Value) -> Result<Value, failures::Failure> {
    let response = clients::http1().post(gateway.url(path)).json(body).send().await.unwrap();
    if response.status().is_success() {
        Ok(response.json().await.unwrap())
    } else {
        Err(failures::of_rest(response).await)
    }
}

fn rows() -> Value {
    json!([
        {"customer_id": 1, "event_time": "2026-01-01T00:00:00Z", "age": 30, "mean_amount": 50, "score": 1.111, "seen": "2025-12-31T23:00:00+01:00", "big": 9_007_199_254_740_993_i64},
        {"customer_id": 2, "event_time": "2025-11-01T00:00:00Z", "age": 60, "mean_amount": 10.5},
    ])
}

fn asked() -> Value {
    json!({
        "service": "model", "names": true, "slot_statuses": true, "event_times": true,
        "entities": {"customer_id": [1, 2, 3], "region": ["a|b", "a|b", "c"], "terminal_id": [7, 7, 8]},
        "request": {"amount": [99, 9.5, 0], "at": ["2026-01-02T06:00:00Z", "2026-01-02T12:00:00Z", "2026-01-02T00:00:00Z"]},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn vectors_are_equal_on_both_protocols_and_both_stores() {
    let directory = definitions(DEFINITIONS);
    let mut fingerprints = Vec::new();
    for store in Store::both() {
        let gateway = start(&store, directory.path());
        clients::until_ready(&gateway, true).await;
        assert_eq!(write(&gateway, "profile", rows()).await["accepted"], 2);
        let place = json!([{"region": "a|b", "terminal_id": 7, "event_time": "2026-01-01T00:00:00Z", "risk": 0.25, "kind": null}]);
        assert_eq!(write(&gateway, "place", place).await["accepted"], 1);
        let rest = post(&gateway, "/v1/feature-vectors", &asked()).await.unwrap();
        assert_eq!(
            rest["names"],
            json!(["amount", "profile.age", "profile.score", "ratio", "place.risk", "hour.sin", "hour.cos"])
        );
        // ln 100; 99 / 50; ln 10.5; the row of customer 2 is 62 days old, so its values are withheld.
        let expected = [
            [Some(4.605_170_2_f32), Some(30.0), Some(1.111), Some(1.98), Some(0.25), Some(1.0), Some(0.0)],
            [Some(2.351_375_3), Some(40.0), None, Some(1.0), Some(0.25), Some(0.0), Some(-1.0)],
            [Some(0.0), Some(40.0), Some(0.5), Some(1.0), None, Some(0.0), Some(1.0)],
        ];
        let vectors: Vec<Vec<Option<f32>>> = serde_json::from_value(rest["vectors"].clone()).unwrap();
        assert_eq!(vectors, expected);
        assert_eq!(
            rest["incomplete"],
            json!([{"row": 1, "slot": "profile.score", "status": "EXPIRED"}, {"row": 2, "slot": "place.risk", "status": "MISSING"}])
        );
        assert_eq!(rest["oldest_event_time"], "2025-11-01T00:00:00Z");
        assert_eq!(rest["event_times"]["profile"], json!(["2026-01-01T00:00:00Z", "2025-11-01T00:00:00Z", null]));
        assert_eq!(
            rest["slot_statuses"][2],
            json!({"slot": "profile.score", "statuses": ["PRESENT", "EXPIRED", "MISSING"]})
        );

        let mut client = clients::grpc(&gateway).await;
        let column = |name: &str, values| Column { name: name.to_owned(), values: Some(values), nulls: Vec::new() };
        let texts =
            |texts: &[&str]| Values::Texts(Texts { values: texts.iter().map(|&text| text.to_owned()).collect() });
        let request = FeatureVectorsRequest {
            service: "model".to_owned(),
            entities: vec![
                column("customer_id", Values::Ints(Ints { values: vec![1, 2, 3] })),
                column("region", texts(&["a|b", "a|b", "c"])),
                column("terminal_id", Values::Ints(Ints { values: vec![7, 7, 8] })),
            ],
            request: vec![
                column("amount", Values::Floats(Floats { values: vec![99.0, 9.5, 0.0] })),
                column("at", texts(&["2026-01-02T06:00:00Z", "2026-01-02T12:00:00Z", "2026-01-02T00:00:00Z"])),
            ],
            ..FeatureVectorsRequest::default()
        };
        let grpc = client.get_feature_vectors(request).await.unwrap().into_inner();
        let numbers: Vec<f32> =
            grpc.vectors.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
        let flat: Vec<Option<f32>> = numbers.iter().map(|number| number.is_finite().then_some(*number)).collect();
        assert_eq!(flat, expected.concat());
        assert!(numbers.iter().filter(|number| number.is_nan()).all(|number| number.to_bits() == 0x7fc0_0000));
        assert_eq!((grpc.rows, grpc.columns, grpc.incomplete.len()), (3, 7, 2));
        assert_eq!(grpc.incomplete[0].slot, "profile.score");
        fingerprints.push(rest["fingerprint"].as_str().unwrap().to_owned());
        let explained = client
            .explain(ExplainRequest {
                service: "model".to_owned(),
                entities: vec![
                    column("customer_id", Values::Ints(Ints { values: vec![2] })),
                    column("region", texts(&["a|b"])),
                    column("terminal_id", Values::Ints(Ints { values: vec![7] })),
                ],
                request: vec![
                    column("amount", Values::Ints(Ints { values: vec![9] })),
                    column("at", texts(&["2026-01-02T12:00:00Z"])),
                ],
                ..ExplainRequest::default()
            })
            .await
            .unwrap()
            .into_inner();
        let score = explained.inputs.iter().find(|input| input.name == "profile.score").unwrap();
        assert_eq!(
            (score.key.as_str(), score.status, score.age),
            ("fv:{customer|2}:profile:1", 3, Some(62 * 86_400_000_000 + 43_200_000_000))
        );
        let ratio = explained.slots.iter().find(|slot| slot.name == "ratio").unwrap();
        assert_eq!((ratio.source.as_str(), ratio.steps[0].value.as_str()), ("null", "1.0"));
    }
    assert_eq!(fingerprints[0], fingerprints[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn defined_features_are_served_beside_the_built_in_ones() {
    let directory = definitions(DEFINITIONS);
    for store in Store::both() {
        let gateway = start(&store, directory.path());
        clients::until_ready(&gateway, true).await;
        write(&gateway, "profile", rows()).await;
        write(
            &gateway,
            "default",
            json!([{"entity_id": "1", "event_time": "2026-01-01T00:00:00Z", "note": {"any": [1]}}]),
        )
        .await;
        let names = ["profile.age", "score", "seen", "big", "note", "nothing"];
        let mut request = Request::of(&["1", "3", "x"]).named(&names);
        request.as_of = Some("2026-01-02T00:00:00Z".to_owned());
        let rest = clients::post(&clients::http1(), &gateway, &request).await.unwrap();
        assert_eq!(rest, clients::ask(&mut clients::grpc(&gateway).await, &request).await.unwrap());
        let one = &rest["results"]["1"];
        assert_eq!(one["features"]["profile.age"], "number 30.0");
        assert_eq!(one["features"]["score"], "number 1.111");
        assert_eq!(one["features"]["seen"], "2025-12-31T22:00:00Z");
        assert_eq!(one["features"]["big"], "9007199254740993");
        assert_eq!(one["statuses"]["nothing"]["status"], "MISSING");
        assert_eq!(rest["results"]["3"]["features"]["score"], "number 0.5", "the default");
        assert_eq!(rest["results"]["3"]["statuses"]["score"]["status"], "MISSING");
        assert_eq!(rest["results"]["x"]["statuses"]["score"]["reason"], "BAD_KEY");
        let unknown = Request::of(&["1"]).named(&["profile.nothing"]);
        let failure = clients::post(&clients::http1(), &gateway, &unknown).await.unwrap_err();
        assert_eq!(failure.code, Code::InvalidArgument);
        assert!(failure.message.contains("has no feature \"nothing\""), "{failure:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_rows_name_their_column_and_stop_no_other() {
    let directory = definitions(DEFINITIONS);
    let store = Store::embedded();
    let gateway = start(&store, directory.path());
    let rows = json!([
        {"customer_id": 1, "event_time": "2026-01-01T00:00:00Z", "age": "abc"},
        {"customer_id": 1, "event_time": "2026-01-01T00:00:00Z", "age": 3_000_000_000_i64},
        {"customer_id": 7.0, "event_time": "2026-01-01T00:00:00Z"},
        {"customer_id": 1, "age": 3},
        {"customer_id": 1, "event_time": "2026-01-01T00:00:00Z", "other": 3},
        {"customer_id": 1, "event_time": "2126-01-01T00:00:00Z", "age": 3},
        {"customer_id": 1, "event_time": "2026-01-01T00:00:00Z", "age": 3},
    ]);
    let report = write(&gateway, "profile", rows).await;
    assert_eq!(report["accepted"], 1);
    let bad: Vec<_> = report["bad"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bad| (bad["row"].clone(), bad["code"].clone(), bad["field"].clone()))
        .collect();
    let expected = [
        (0, "INVALID_ROW", "age"),
        (1, "INVALID_ROW", "age"),
        (2, "BAD_KEY", "customer_id"),
        (3, "INVALID_ROW", "event_time"),
        (4, "INVALID_ROW", "other"),
        (5, "FUTURE", "event_time"),
    ];
    assert_eq!(bad, expected.map(|(row, code, field)| (json!(row), json!(code), json!(field))));
    let path = "/v1/views/profile/rows?ignore_unknown=true";
    let row = json!([{"customer_id": 1, "event_time": "2026-01-03T00:00:00Z", "age": 4, "other": 3}]);
    assert_eq!(post(&gateway, path, &row).await.unwrap()["accepted"], 1);
    let nowhere = post(&gateway, "/v1/views/nowhere/rows", &row).await.unwrap_err();
    assert!(
        nowhere
            .message
            .contains("there is no row view \"nowhere\"; this gateway has \"default\", \"place\", \"profile\""),
        "{nowhere:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_for_vectors_are_refused_in_words() {
    let directory = definitions(DEFINITIONS);
    let store = Store::embedded();
    let gateway = start(&store, directory.path());
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = asked();
        change(&mut body);
        body
    };
    let cases: [(Value, Code, &str); 10] = [
        (
            with(&|body| body["service"] = json!("other")),
            Code::InvalidArgument,
            "there is no service \"other\"; there is \"model\"",
        ),
        (with(&|body| body["entities"]["region"] = json!(["a"])), Code::InvalidArgument, "entities.region: has 1 rows"),
        (
            with(&|body| drop(body["entities"].as_object_mut().unwrap().remove("region"))),
            Code::InvalidArgument,
            "entities.region: is missing",
        ),
        (
            with(&|body| body["entities"]["card"] = json!([1, 2, 3])),
            Code::InvalidArgument,
            "entities.card: is no column",
        ),
        (
            with(&|body| body["request"]["amount"] = json!([1, "x", 3])),
            Code::InvalidArgument,
            "request.amount[1]: must be a number",
        ),
        (
            with(&|body| body["request"]["at"] = json!(["2026-01-02T06:00:00", null, null])),
            Code::InvalidArgument,
            "request.at[0]",
        ),
        (
            with(&|body| body["as_of"] = json!("2026-01-02T06:00:00Z")),
            Code::InvalidArgument,
            "as_of: the service takes its time from the request column \"at\"",
        ),
        (with(&|body| body["fingerprint"] = json!("12")), Code::InvalidArgument, "fingerprint: must be 64"),
        (with(&|body| body["fingerprint"] = json!("0".repeat(64))), Code::FailedPrecondition, "is not loaded"),
        (json!({"service": "model"}), Code::InvalidArgument, "entities.customer_id: is missing"),
    ];
    for (body, code, part) in cases {
        let failure = post(&gateway, "/v1/feature-vectors", &body).await.unwrap_err();
        assert_eq!(failure.code, code, "{failure:?}");
        assert!(failure.message.contains(part), "{part}: {failure:?}");
    }
    let mut null_key = asked();
    null_key["entities"]["customer_id"] = json!([1, null, "x"]);
    let reply = post(&gateway, "/v1/feature-vectors", &null_key).await.unwrap();
    assert_eq!(reply["incomplete"][1]["reason"], "BAD_KEY", "{reply}");
    assert_eq!(reply["incomplete"].as_array().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_set_is_refused_and_the_old_one_stays() {
    let directory = definitions(DEFINITIONS);
    let file = directory.path().join("definitions.yaml");
    let store = Store::embedded();
    let gateway = start(&store, directory.path());
    write(&gateway, "profile", rows()).await;
    fs::write(&file, DEFINITIONS.replace("log: {offset: 1}", "log: {ofset: 1}")).unwrap();
    let failure = post(&gateway, "/v1/admin/reload", &json!({})).await.unwrap_err();
    assert_eq!(failure.code, Code::FailedPrecondition);
    assert!(failure.message.contains("definitions.yaml:19:") && failure.message.contains("offset"), "{failure:?}");
    assert!(post(&gateway, "/v1/feature-vectors", &asked()).await.is_ok());
    fs::write(&file, DEFINITIONS.replace("age: int32", "age: int64")).unwrap();
    let failure = post(&gateway, "/v1/admin/reload", &json!({})).await.unwrap_err();
    assert!(
        failure.message.contains("`profile.age` is stored as int32") && failure.message.contains("version"),
        "{failure:?}"
    );

    // A compatible set: rows that were written before lack the new feature, and have the old ones.
    fs::write(&file, DEFINITIONS.replace("age: int32", "age: int32, extra: {dtype: string, default: none}")).unwrap();
    let loaded = post(&gateway, "/v1/admin/reload", &json!({})).await.unwrap();
    assert_eq!((&loaded["views"][1]["name"], &loaded["services"][0]["name"]), (&json!("profile"), &json!("model")));
    let served: Value =
        clients::http1().get(gateway.url("/v1/definitions")).send().await.unwrap().json().await.unwrap();
    assert_eq!(served, loaded);
    let mut client = clients::grpc(&gateway).await;
    let definitions = client.get_definitions(DefinitionsRequest {}).await.unwrap().into_inner();
    let service = &definitions.services[0];
    assert_eq!(hex(&service.default_fingerprint), loaded["services"][0]["default"]);
    let names: Vec<&str> = service.entities.iter().map(|column| column.name.as_str()).collect();
    assert_eq!((names, service.time.as_str()), (vec!["customer_id", "region", "terminal_id"], "at"));
    let features: Vec<(&str, &str)> =
        definitions.views[1].features.iter().map(|feature| (feature.name.as_str(), feature.dtype.as_str())).collect();
    assert_eq!(features[..2], [("age", "int32"), ("extra", "string")]);
    assert_eq!(definitions.views[1].features[0].ttl, Some(30 * 86_400_000_000));
    let mut request = Request::of(&["1"]).named(&["extra", "age"]);
    request.as_of = Some("2026-01-02T00:00:00Z".to_owned());
    let answer = clients::post(&clients::http1(), &gateway, &request).await.unwrap();
    assert_eq!(answer["results"]["1"]["features"], json!({"extra": "none", "age": "number 30.0"}));
    assert_eq!(answer["results"]["1"]["statuses"]["extra"]["status"], "MISSING");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_that_changed_while_no_gateway_ran_is_refused() {
    for store in Store::both() {
        let before = definitions(DEFINITIONS);
        let gateway = start(&store, before.path());
        clients::until_ready(&gateway, true).await;
        assert_eq!(write(&gateway, "profile", rows()).await["accepted"], 2);
        // A later set without the feature: its type is remembered.
        let without = definitions(&DEFINITIONS.replace(", big: int64", ""));
        drop(gateway);
        let gateway = start(&store, without.path());
        clients::until_ready(&gateway, true).await;
        assert_eq!(
            write(&gateway, "profile", json!([{"customer_id": 3, "event_time": "2026-01-01T00:00:00Z", "age": 1}]))
                .await["accepted"],
            1
        );
        drop(gateway);
        let changed = definitions(&DEFINITIONS.replace("big: int64", "big: string"));
        let settings = [
            ("store.url", store.url()),
            ("server.address", "127.0.0.1:0".to_owned()),
            ("definitions.path", changed.path().to_str().unwrap().to_owned()),
        ];
        let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let output = gateway::run(&["serve"], &settings);
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!output.status.success(), "{text}");
        assert!(text.contains("`big` is stored as int64, and is now string") && text.contains("version"), "{text}");
        let raised = definitions(
            &DEFINITIONS.replace("big: int64", "big: string").replace("ttl: 30d", "ttl: 30d\n    version: 2"),
        );
        let gateway = start(&store, raised.path());
        clients::until_ready(&gateway, true).await;
        assert_eq!(
            write(&gateway, "profile", json!([{"customer_id": 3, "event_time": "2026-01-01T00:00:00Z", "big": "x"}]))
                .await["accepted"],
            1
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_in_a_rollout_read_each_others_rows() {
    let old = definitions(DEFINITIONS);
    let new = definitions(&DEFINITIONS.replace("age: int32", "age: int32, extra: string"));
    let store = Store::redis();
    let (before, after) = (start(&store, old.path()), start(&store, new.path()));
    clients::until_ready(&before, true).await;
    clients::until_ready(&after, true).await;
    let row = |id: i64| json!([{"customer_id": id, "event_time": "2026-01-01T00:00:00Z", "age": id}]);
    write(&before, "profile", row(1)).await;
    write(&after, "profile", row(2)).await;
    for gateway in [&before, &after] {
        let mut request = Request::of(&["1", "2"]).named(&["age"]);
        request.as_of = Some("2026-01-02T00:00:00Z".to_owned());
        let answer = clients::post(&clients::http1(), gateway, &request).await.unwrap();
        assert_eq!(answer["results"]["1"]["features"], json!({"age": "number 1.0"}), "{answer}");
        assert_eq!(answer["results"]["2"]["features"], json!({"age": "number 2.0"}), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_reads_the_definitions_again() {
    let directory = definitions("entities: {}\n");
    let store = Store::embedded();
    let gateway = start(&store, directory.path());
    fs::write(directory.path().join("definitions.yaml"), DEFINITIONS).unwrap();
    gateway.hang_up();
    gateway.logged("definitions are loaded");
    assert!(post(&gateway, "/v1/feature-vectors", &asked()).await.is_ok());
}

#[test]
fn check_prints_like_a_compiler() {
    let directory = definitions(&DEFINITIONS.replace("profile.age,", "profile.aeg,").replace("log:", "lgo:"));
    let output = gateway::run(&["check", directory.path().to_str().unwrap()], &[]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("definitions.yaml:19:") && text.contains("definitions.yaml:20:") && text.contains('^'),
        "{text}"
    );
    assert!(text.contains("age") && text.contains("`log`"), "{text}");
    let good = definitions(DEFINITIONS);
    let output = gateway::run(&["check", good.path().to_str().unwrap()], &[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stdout).unwrap().ends_with(": 2 entities, 0 sources, 2 views, 1 services\n"));
}
