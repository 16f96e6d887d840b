//! The same table from every format, through the gateway and without it, reads back the same on both protocols.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{Float64Array, StringArray};
use prost_types::value::Kind;
use serde_json::{Value, json};

use super::files::{self, AMOUNTS, COUNTS, FLAGS, NAMES, TIME_TEXTS, TIMES};
use super::process::{Gateway, file};

const NAMED: [&str; 6] = ["--entity-id", "customer", "--entity-prefix", "customer_", "--event-time", "at"];
const IDS: [&str; 4] = ["customer_0", "customer_1", "customer_2", "customer_3"];

fn assert_table(gateway: &Gateway, what: &Path) {
    let rest = gateway.rest(&IDS);
    let grpc = gateway.grpc(&IDS);
    for (index, id) in IDS.iter().enumerate() {
        let expected = json!({
            "amount": AMOUNTS[index], "count": COUNTS[index], "name": NAMES[index], "flag": FLAGS[index],
        });
        assert_eq!(rest[*id]["features"], expected, "{} {id}", what.display());
        assert_eq!(rest[*id]["event_time"], TIME_TEXTS[index], "{} {id}", what.display());

        let set = &grpc[*id];
        assert_eq!(set.event_time, Some(TIMES[index]), "{} {id}", what.display());
        let kind = |name: &str| set.features[name].kind.clone();
        let amount = AMOUNTS[index].map_or(Kind::NullValue(0), Kind::NumberValue);
        assert_eq!(kind("amount"), Some(amount), "{} {id}", what.display());
        assert_eq!(kind("count"), Some(Kind::NumberValue(COUNTS[index] as f64)));
        assert_eq!(kind("flag"), Some(Kind::BoolValue(FLAGS[index])));
        let name = NAMES[index].map_or(Kind::NullValue(0), |name| Kind::StringValue(name.to_owned()));
        assert_eq!(kind("name"), Some(name));
        assert_eq!(set.features.len(), 4);
    }
}

#[test]
fn every_format_reads_back_the_same_through_the_gateway() {
    let directory = tempfile::tempdir().unwrap();
    for (path, options) in files::table(&directory) {
        let gateway = Gateway::start();
        gateway.load(&path, false, &[&NAMED[..], &options].concat()).assert_all(4);
        assert_table(&gateway, &path);
    }
}

#[test]
fn every_format_reads_back_the_same_from_a_store_loaded_offline() {
    let directory = tempfile::tempdir().unwrap();
    for (path, options) in files::table(&directory) {
        let mut gateway = Gateway::stopped();
        gateway.load(&path, true, &[&NAMED[..], &options].concat()).assert_all(4);
        gateway.up();
        assert_table(&gateway, &path);
    }
}

#[test]
fn loading_again_changes_nothing_and_an_older_file_does_not_win() {
    let directory = tempfile::tempdir().unwrap();
    let gateway = Gateway::start();
    let row =
        |day: &str, x: u32| json!({"entity_id": "a", "event_time": format!("{day}T00:00:00Z"), "x": x}).to_string();
    let new = file(&directory, "new.ndjson", row("2026-01-02", 2));
    let old = file(&directory, "old.ndjson", row("2026-01-01", 1));
    for path in [&new, &new, &old] {
        gateway.load(path, false, &[]).assert_all(1);
        assert_eq!(gateway.rest(&["a"])["a"]["features"], json!({"x": 2}));
    }
}

#[test]
fn many_rows_in_small_batches_all_arrive() {
    const ROWS: usize = 5000;
    let directory = tempfile::tempdir().unwrap();
    let rows: String = (0..ROWS).map(|row| format!("{{\"entity_id\":\"row_{row}\",\"x\":{row}}}\n")).collect();
    let path = file(&directory, "rows.ndjson", rows);
    let mut gateway = Gateway::start();
    gateway.load(&path, false, &["--batch-rows", "64", "--in-flight", "8"]).assert_all(ROWS);
    assert_eq!(gateway.stored(ROWS), ROWS);
    gateway.down();
    gateway.load(&path, true, &["--batch-rows", "64"]).assert_all(ROWS);
}

#[test]
fn what_json_can_not_hold_is_null_and_counted() {
    let directory = tempfile::tempdir().unwrap();
    let path = files::write_parquet(
        &directory,
        "rows.parquet",
        vec![
            ("entity_id", Arc::new(StringArray::from(vec!["a", "b"]))),
            ("x", Arc::new(Float64Array::from(vec![f64::NAN, 1.0]))),
        ],
    );
    let gateway = Gateway::start();
    let run = gateway.load(&path, false, &[]);
    run.assert_all(2);
    assert!(run.out.contains("values that JSON can't hold (NaN, infinite): 1, stored as null"), "{run:?}");
    let rest = gateway.rest(&["a", "b"]);
    assert_eq!((&rest["a"]["features"]["x"], &rest["b"]["features"]["x"]), (&Value::Null, &json!(1.0)));
}

#[test]
fn an_empty_file_is_loaded_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let gateway = Gateway::start();
    for (name, content) in [("a.ndjson", ""), ("b.ndjson", "\n\r\n \n"), ("c.csv", "entity_id,x\n")] {
        gateway.load(&file(&directory, name, content), false, &[]).assert_all(0);
    }
    let none = StringArray::from(Vec::<&str>::new());
    let path = files::write_parquet(&directory, "rows.parquet", vec![("entity_id", Arc::new(none))]);
    gateway.load(&path, false, &[]).assert_all(0);
}
