//! The hand-over from history to live events: states that were computed from history are loaded while live events go on, without a gap and
//! without counting twice.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use arrow_array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray};
use bumpalo::Bump;
use serde_json::{Value as Json, json};
use unskew_engine::definitions;
use unskew_engine::keys::EntityKey;
use unskew_engine::row::{Arrival, Options};
use unskew_engine::windows::{EventIntake, EventView, WindowPlan};
use unskew_gateway::api::WriteStatesRequest;
use unskew_gateway::error::Code;
use unskew_gateway::lookup::time;

use crate::event_calls::{self, DEFINITIONS, Events, Served, ndjson};
use crate::stores::Store;

const MINUTE: i64 = 60_000_000;
const CUSTOMERS: i64 = 4;
/// Events by their numbers: one a minute, of the customers in turn.
const FIRST_LIVE: i64 = 2_000;
const CUT: i64 = 3_000;

fn start() -> i64 {
    // An edge of a tile.
    time::parse("2026-01-01T00:00:00Z").unwrap()
}

fn at(number: i64) -> i64 {
    start() + number * MINUTE
}

fn event(source: &str, number: i64) -> Json {
    let (at, customer_id, amount) = (time::format(at(number)), number % CUSTOMERS, number % 7);
    match source {
        "plain" => json!({"at": at, "customer_id": customer_id, "amount": amount}),
        _ => json!({"id": number, "at": at, "customer_id": customer_id, "amount": amount}),
    }
}

fn lines(source: &str, numbers: impl Iterator<Item = i64>) -> String {
    ndjson(&numbers.map(|number| event(source, number)).collect::<Vec<_>>())
}

/// The states that a history makes, as the engine gives them to a bulk load.
fn states(view: &str, events: &str) -> Vec<u8> {
    let definitions = definitions::parse(&[("d.yaml".into(), DEFINITIONS.to_owned())]).unwrap();
    let view = &definitions.views[view];
    let plan = Arc::new(WindowPlan::new(view).unwrap());
    let options = Options { ignore_unknown: false, max_key_bytes: 100, max_row_bytes: 1000 };
    let of_view = EventView { plan: plan.clone(), key: EntityKey::new(&view.entity, 100).unwrap() };
    let (intake, arena) = (EventIntake::new([of_view], options).unwrap(), Bump::new());
    let mut taken = intake.room();
    for (row, line) in events.lines().enumerate() {
        intake.json(row, line.as_bytes(), Arrival { now: 0, latest: i64::MAX }, &arena, &mut taken);
    }
    taken.group();
    assert_eq!(taken.bad(), []);
    let (mut customers, mut states) = (Vec::new(), Vec::new());
    for entity in taken.views()[0].entities() {
        let line = events.lines().nth(entity.row(0).unwrap()).unwrap();
        let event: Json = serde_json::from_str(line).unwrap();
        customers.push(event["customer_id"].as_i64().unwrap());
        states.push(plan.apply(None, entity, usize::MAX).unwrap().value.unwrap());
    }
    arrow(&customers, &states)
}

fn arrow(customers: &[i64], states: &[Vec<u8>]) -> Vec<u8> {
    let columns: [(&str, ArrayRef); 2] = [
        ("customer_id", Arc::new(Int64Array::from(customers.to_vec()))),
        ("state", Arc::new(BinaryArray::from_iter_values(states))),
    ];
    event_calls::arrow(&RecordBatch::try_from_iter(columns).unwrap())
}

fn load(view: &str, cut: i64, arrow_ipc: Vec<u8>) -> WriteStatesRequest {
    WriteStatesRequest { view: view.to_owned(), cut, arrow_ipc, complete_since: None, done: true }
}

/// Writes live events from the next number on, a small batch to each gateway at once, until it is told to stop.
async fn write_live(gateways: Vec<Events>, source: &'static str, stop: Arc<AtomicBool>, next: Arc<AtomicI64>) {
    while !stop.load(Ordering::Relaxed) {
        let reports = futures_util::future::join_all(gateways.iter().map(|events| {
            let from = next.fetch_add(8, Ordering::Relaxed);
            events.rest(source, lines(source, from..from + 8))
        }));
        for report in reports.await {
            let report = report.unwrap();
            assert_eq!((&report["accepted"], &report["bad"]), (&json!(8), &json!([])), "{report}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_under_live_writes_has_no_gap_and_counts_nothing_twice() {
    for (store, gateways) in [(Store::embedded(), 1), (Store::redis(), 2)] {
        let mut served = Vec::new();
        for _ in 0..gateways {
            served.push(Served::start(&store, &[]).await);
        }
        for source in ["named", "plain", "tiled"] {
            // Live events began before the cut, so the history has some of them too.
            let (stop, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(CUT + 80)));
            for from in (FIRST_LIVE..CUT + 80).step_by(80) {
                served[0].rest(source, lines(source, from..(from + 80).min(CUT + 80))).await.unwrap();
            }
            let gateways = served.iter().map(|one| one.events.clone()).collect();
            let writing = tokio::spawn(write_live(gateways, source, stop.clone(), next.clone()));
            let states = states(source, &lines(source, 0..CUT + 1));
            // Once more than needed by each gateway: a load that is repeated changes nothing.
            for one in served.iter().cycle().take(2 * served.len() + 1) {
                let report = one.load(load(source, at(CUT), states.clone())).await.unwrap();
                assert_eq!((&report["accepted"], &report["bad"]), (&json!(CUSTOMERS), &json!([])), "{report}");
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            stop.store(true, Ordering::Relaxed);
            writing.await.unwrap();
            let last = next.load(Ordering::Relaxed);
            assert!(last > CUT + 80);
            let as_of = time::format(at(last));
            for (customer, one) in (0..CUSTOMERS).zip(served.iter().cycle()) {
                let numbers = (0..last).filter(|number| number % CUSTOMERS == customer);
                let (sum, count) = numbers.fold((0, 0), |(sum, count), number| (sum + number % 7, count + 1));
                let found = one.of_customer(source, customer, &as_of).await;
                assert_eq!(found, [Some(sum as f64), Some(f64::from(count))], "{source} over {}", store.name());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_was_added_is_incomplete_until_its_load_is_done() {
    let without = DEFINITIONS.replace("  tiled:\n    entity", "  other:\n    entity").replace("tiled.", "other.");
    for store in Store::both() {
        let served = Served::with(&without, &store, &[]).await;
        fs::write(served.definitions.path().join("definitions.yaml"), DEFINITIONS).unwrap();
        crate::cases::reload(&crate::clients::http1(), &served.gateway).await.unwrap();
        let history = lines("tiled", 0..40);
        served.rest("tiled", history.clone()).await.unwrap();
        let as_of = time::format(at(40));
        assert_eq!(served.of_customer("tiled", 0, &as_of).await, [None, None]);
        let batch = load("tiled", at(60), states("tiled", &history));
        let (mut part, last) = (batch.clone(), WriteStatesRequest { arrow_ipc: Vec::new(), ..batch });
        part.done = false;
        assert_eq!(served.load(part).await.unwrap()["accepted"], CUSTOMERS);
        assert_eq!(
            served.of_customer("tiled", 99, &as_of).await,
            [None, None],
            "an entity without a state is incomplete"
        );
        assert_eq!(served.load(last).await.unwrap()["accepted"], 0);
        assert_eq!(served.of_customer("tiled", 0, &as_of).await[1], Some(10.0));
        assert_eq!(served.of_customer("tiled", 99, &as_of).await, [Some(0.0), Some(0.0)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_loaded_says_why_and_changes_nothing() {
    let store = Store::embedded();
    let served = Served::start(&store, &[]).await;
    let history = lines("tiled", 0..40);
    let failed = async |batch: WriteStatesRequest| served.load(batch).await.unwrap_err();
    let unknown = failed(load("nobody", 0, Vec::new())).await;
    assert_eq!(unknown.code, Code::InvalidArgument);
    let all = "view: there is no window view \"nobody\"; this gateway has \"customer\", \"named\", \"plain\", \"terminal\", \"tiled\"";
    assert_eq!(unknown.message, all);
    let edge = failed(load("tiled", at(61), states("tiled", &history))).await;
    let near = "the nearest are 2026-01-01T01:00:00Z and 2026-01-01T02:00:00Z";
    assert!(edge.message.starts_with("cut: ") && edge.message.ends_with(near), "{edge:?}");
    for (columns, why) in [
        (vec![("customer_id", Arc::new(Int64Array::from(vec![1])) as ArrayRef)], "lacks the column `state`"),
        (vec![("colour", Arc::new(StringArray::from(vec!["red"])) as ArrayRef)], "has the column \"colour\""),
    ] {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let failure = failed(load("tiled", 0, event_calls::arrow(&batch))).await;
        assert!(failure.code == Code::InvalidArgument && failure.message.contains(why), "{failure:?}");
    }
    assert_eq!(failed(load("tiled", 0, b"not arrow".to_vec())).await.code, Code::InvalidArgument);
    served.rest("tiled", lines("tiled", 0..4)).await.unwrap();
    let bad = [
        (load("tiled", at(0), states("tiled", &history)), "INVALID_ROW", "after the cut"),
        (
            load("tiled", at(60), states("plain", &lines("plain", 0..40))),
            "INVALID_ROW",
            "another definition of the view",
        ),
        (load("tiled", at(60), arrow(&[0, 1, 2, 3], &[vec![], vec![1], vec![0x11; 30], vec![]])), "INVALID_ROW", ""),
    ];
    for (batch, code, why) in bad {
        let report = served.load(batch).await.unwrap();
        assert_eq!(report["accepted"], 0, "{report}");
        for bad in report["bad"].as_array().unwrap() {
            assert_eq!((bad["code"].as_str(), bad["field"].as_str()), (Some(code), Some("state")), "{report}");
            assert!(bad["message"].as_str().unwrap().contains(why), "{report}");
        }
    }
    assert_eq!(served.of_customer("tiled", 1, &time::format(at(30))).await, [Some(1.0), Some(1.0)]);
    // Lifetime windows merge their old tiles, and then an older cut can't be told apart.
    let later = 60 * 24 * 60;
    served.rest("tiled", lines("tiled", [60, 180, later].into_iter())).await.unwrap();
    let report = served.load(load("tiled", at(60), states("tiled", &lines("tiled", 0..1)))).await.unwrap();
    assert_eq!(report["bad"][0]["code"], "LATE", "{report}");
    assert!(report["bad"][0]["message"].as_str().unwrap().contains("load states of a later cut"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_null_state_forgets_an_entity() {
    for store in Store::both() {
        let served = Served::start(&store, &[]).await;
        for (source, view) in [("tiled", "tiled"), ("plain", "plain")] {
            served.rest(source, lines(source, 0..8)).await.unwrap();
            let as_of = time::format(at(30));
            let [before, other] = [1, 2].map(|customer| served.of_customer(view, customer, &as_of));
            let (before, other) = (before.await, other.await);
            let columns: [(&str, ArrayRef); 2] = [
                ("customer_id", Arc::new(Int64Array::from(vec![1, 77]))),
                ("state", Arc::new(BinaryArray::from(vec![None, None]))),
            ];
            let batch = event_calls::arrow(&RecordBatch::try_from_iter(columns).unwrap());
            let nothing = WriteStatesRequest { done: false, ..load(view, at(60), batch) };
            for _ in 0..2 {
                assert_eq!(served.load(nothing.clone()).await.unwrap()["accepted"], 2);
            }
            assert_ne!(served.of_customer(view, 1, &as_of).await, before);
            assert_eq!(served.of_customer(view, 1, &as_of).await, served.of_customer(view, 77, &as_of).await);
            assert_eq!(served.of_customer(view, 2, &as_of).await, other, "others stay");
        }
    }
}
