use std::sync::Arc;

use arrow_array::{
    ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    TimestampSecondArray,
};
use bumpalo::Bump;

use crate::definitions::{Column, Entity, Feature, Layout, RowView, Source, View, ViewKind};
use crate::row::{Arrival, Cell, Intake, JsonReader, Options, PackedRow, Refusal, Times, WrittenRows};
use crate::value::Value;

const ARRIVAL: Arrival = Arrival { now: 1_000_000_000, latest: 2_000_000_000 };
const OPTIONS: Options = Options { ignore_unknown: false, max_key_bytes: 32, max_row_bytes: 200 };
const FEATURES: [(&str, &str); 5] =
    [("amount", "float64"), ("small", "int32"), ("region", "string"), ("tags", "list<string>"), ("v", "vector<2>")];

fn view(features: &[(&str, &str)], layout: Layout, source: Option<(&str, Option<&str>)>) -> View {
    let column = |name: &str, dtype: &str| Column { name: name.to_owned(), dtype: dtype.parse().unwrap() };
    let feature = |(name, dtype): &(&str, &str)| Feature {
        name: (*name).to_owned(),
        dtype: dtype.parse().unwrap(),
        column: (*name).to_owned(),
        ttl: None,
        default: None,
        description: None,
        owner: None,
        tags: Vec::new(),
    };
    let source = source.map(|(event_time, created)| Source {
        name: "s".to_owned(),
        event_time: event_time.to_owned(),
        event_id: None,
        version: None,
        created: created.map(str::to_owned),
        known_at: None,
        columns: Vec::new(),
        locations: std::collections::BTreeMap::new(),
        schedule: None,
        quality: Vec::new(),
        description: None,
        owner: None,
        tags: Vec::new(),
    });
    let keys = vec![column("customer_id", "int64"), column("shop", "string")];
    let name = "customer".to_owned();
    View {
        name: "profile".to_owned(),
        version: 2,
        entity: Arc::new(Entity { name, keys, description: None, owner: None, tags: Vec::new() }),
        source: source.map(Arc::new),
        kind: ViewKind::Row(RowView { layout, features: features.iter().map(feature).collect() }),
        description: None,
        owner: None,
        tags: Vec::new(),
    }
}

fn intake() -> Intake {
    Intake::new(&view(&FEATURES, Layout::Packed, None), OPTIONS).unwrap()
}

fn taken(intake: &Intake, rows: &[&str]) -> WrittenRows {
    let mut written = WrittenRows::default();
    for (row, text) in rows.iter().enumerate() {
        intake.json(row, text.as_bytes(), ARRIVAL, &mut written);
    }
    written
}

fn refused(intake: &Intake, row: &str) -> (Refusal, String, String) {
    let mut written = taken(intake, &[row]);
    assert_eq!((written.rows.len(), written.bad.len(), written.bytes.len()), (0, 1, 0), "{row}");
    let bad = written.bad.remove(0);
    (bad.refusal, bad.field, bad.message)
}

#[test]
fn a_row_is_stored_under_its_key_in_the_order_of_the_schema() {
    let intake = intake();
    let row = r#"{"shop":"a|b","customer_id":7,"event_time":"1970-01-01T00:00:01.5Z","amount":3,"region":"x\ny","tags":["p",null],"v":[1,2.5]}"#;
    let written = taken(&intake, &[row]);
    assert_eq!(written.bad, []);
    let found = &written.rows[0];
    assert_eq!(&written.bytes[found.key.clone()], b"fv:{customer|7|a%7Cb}:profile:2");
    assert_eq!(found.times, Times { event_time: 1_500_000, created: ARRIVAL.now });
    let stored = PackedRow::read(&written.bytes[found.value.clone()]).unwrap();
    assert_eq!((stored.event_time(), stored.created()), (1_500_000, ARRIVAL.now));
    let open = stored.open(intake.schema()).unwrap();
    let value = |name: &str| match open.value(intake.schema().column(name).unwrap()) {
        Cell::Value(value) => value,
        other @ (Cell::Missing | Cell::Undecodable(_)) => panic!("{other:?}"),
    };
    assert_eq!(value("amount"), Value::Float(3.0));
    assert_eq!(value("small"), Value::Null);
    assert_eq!(value("region"), Value::Str("x\ny"));
    let Value::List(tags) = value("tags") else { panic!() };
    assert_eq!(tags.iter().collect::<Vec<_>>(), [Value::Str("p"), Value::Null]);
    let Value::List(vector) = value("v") else { panic!() };
    assert_eq!(vector.iter().collect::<Vec<_>>(), [Value::Float(1.0), Value::Float(2.5)]);
}

#[test]
fn a_bad_row_says_which_column_and_stops_no_other() {
    let good = r#"{"customer_id":1,"shop":"s","event_time":"1970-01-01T00:00:01Z","amount":1}"#;
    let bad = r#"{"customer_id":1,"shop":"s","event_time":"1970-01-01T00:00:01Z","small":"abc"}"#;
    let written = taken(&intake(), &[bad, good, "", good]);
    assert_eq!(written.rows.iter().map(|row| row.row).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(written.bad.iter().map(|bad| bad.row).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(written.bad[0].field, "small");
    assert_eq!(
        written.bad[0].message,
        "`small`: must be a whole number without decimal point or exponent (int32), not the string \"abc\""
    );
}

#[test]
fn every_refusal_has_its_reason_and_column() {
    let intake = intake();
    let with =
        |members: &str| format!(r#"{{"customer_id":1,"shop":"s","event_time":"1970-01-01T00:00:01Z"{members}}}"#);
    let cases = [
        (with(r#","small":2147483648"#), Refusal::InvalidRow, "small", "2147483648 does not fit int32"),
        (with(r#","small":7.0"#), Refusal::InvalidRow, "small", "not 7.0"),
        (with(r#","tags":["a",1]"#), Refusal::InvalidRow, "tags", "item 1: must be a string (string), not 1"),
        (with(r#","v":[1]"#), Refusal::InvalidRow, "v", "must have 2 items (vector<2>), not 1"),
        (with(r#","amount":1e999"#), Refusal::InvalidRow, "amount", "number out of range"),
        (with(r#","amount":1,"amount":1"#), Refusal::InvalidRow, "amount", "`amount` is given twice"),
        (with(r#","amuont":1"#), Refusal::InvalidRow, "amuont", "the view `profile` has no column \"amuont\""),
        (with(r#","amount":1"#).replace('}', ""), Refusal::InvalidRow, "", "the row is no JSON object"),
        (with(&format!(r#","region":"{}""#, "x".repeat(200))), Refusal::TooLarge, "", "at most 200 are allowed"),
        (with("").replace("00:00:01", "01:00:00"), Refusal::Future, "event_time", "is later than 1970-01-01T00:33:20Z"),
        (with("").replace("00:00:01Z", "00:00:01"), Refusal::InvalidRow, "event_time", "is no RFC 3339 time"),
        (with("").replace("\"1970-01-01T00:00:01Z\"", "1"), Refusal::InvalidRow, "event_time", "RFC 3339"),
        (r#"{"customer_id":1,"shop":"s"}"#.to_owned(), Refusal::InvalidRow, "event_time", "needs its event_time"),
        (
            with("").replace("\"1970-01-01T00:00:01Z\"", "null"),
            Refusal::InvalidRow,
            "event_time",
            "needs its event_time",
        ),
        (with("").replace("\"customer_id\":1,", ""), Refusal::BadKey, "customer_id", "the key `customer_id` is null"),
        (with("").replace(":1,", ":\"1\","), Refusal::BadKey, "customer_id", "must be a whole number"),
        (with("").replace("\"s\"", "\"\""), Refusal::BadKey, "shop", "the key `shop` is empty"),
        (with("").replace("\"s\"", &format!("\"{}\"", "s".repeat(40))), Refusal::BadKey, "", "more than 32 bytes"),
        ("[]".to_owned(), Refusal::InvalidRow, "", "the row is no JSON object"),
    ];
    for (row, refusal, field, message) in cases {
        let found = refused(&intake, &row);
        assert_eq!((found.0, found.1.as_str()), (refusal, field), "{row}: {}", found.2);
        assert!(found.2.contains(message), "{row}: {}", found.2);
    }
}

#[test]
fn a_row_without_features_is_a_delete_and_one_with_nulls_is_not() {
    let intake = intake();
    let keys = r#""customer_id":1,"shop":"s","event_time":"1970-01-01T00:00:01Z""#;
    let written = taken(&intake, &[&format!("{{{keys}}}"), &format!(r#"{{{keys},"amount":null}}"#)]);
    let deleted: Vec<_> = written
        .rows
        .iter()
        .map(|row| PackedRow::read(&written.bytes[row.value.clone()]).unwrap().is_deleted())
        .collect();
    assert_eq!(deleted, [true, false]);
}

#[test]
fn unknown_columns_can_be_ignored_but_make_no_delete() {
    let options = Options { ignore_unknown: true, ..OPTIONS };
    let intake = Intake::new(&view(&FEATURES, Layout::Packed, None), options).unwrap();
    let keys = r#""customer_id":1,"shop":"s","event_time":"1970-01-01T00:00:01Z""#;
    assert_eq!(taken(&intake, &[&format!(r#"{{{keys},"other":{{"a":[1]}},"amount":1}}"#)]).rows.len(), 1);
    let (_, _, message) = refused(&intake, &format!(r#"{{{keys},"other":1}}"#));
    assert!(message.contains("none of the features"), "{message}");
}

#[test]
fn a_source_names_its_times() {
    let view = view(&FEATURES, Layout::Json, Some(("updated_at", Some("made_at"))));
    let intake = Intake::new(&view, OPTIONS).unwrap();
    let row = r#"{"customer_id":1,"shop":"s","updated_at":"1970-01-01T00:00:01Z","made_at":"1970-01-01T00:00:09Z","amount":1}"#;
    let written = taken(&intake, &[row]);
    assert_eq!(written.rows[0].times, Times { event_time: 1_000_000, created: 9_000_000 });
    let stored = &written.bytes[written.rows[0].value.clone()];
    assert_eq!(
        str::from_utf8(stored).unwrap(),
        r#"{"__event_time":1000000,"__created":9000000,"amount":1.0,"region":null,"small":null,"tags":null,"v":null}"#
    );
    let both = row.replace("\"amount\"", "\"event_time\":\"1970-01-01T00:00:01Z\",\"amount\"");
    assert_eq!(refused(&intake, &both).2, "`event_time` is given twice");
    let delete = r#"{"customer_id":1,"shop":"s","updated_at":"1970-01-01T00:00:01Z"}"#;
    let written = taken(&intake, &[delete]);
    assert_eq!(&written.bytes[written.rows[0].value.clone()], br#"{"__event_time":1000000,"__created":1000000000}"#);
}

#[test]
fn a_column_of_the_source_that_is_a_feature_is_both() {
    let features = [("updated_at", "timestamp"), ("made_at", "timestamp")];
    let view = view(&features, Layout::Packed, Some(("updated_at", Some("made_at"))));
    let intake = Intake::new(&view, OPTIONS).unwrap();
    let row = r#"{"customer_id":1,"shop":"s","updated_at":"1970-01-01T00:00:01Z","made_at":"1970-01-01T00:00:09Z"}"#;
    let written = taken(&intake, &[row]);
    assert_eq!(written.rows[0].times, Times { event_time: 1_000_000, created: 9_000_000 });
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

fn keys() -> Vec<(&'static str, ArrayRef)> {
    vec![
        ("customer_id", Arc::new(Int32Array::from(vec![Some(7), None, Some(9)]))),
        ("shop", Arc::new(StringArray::from(vec!["a", "b", "c"]))),
        ("event_time", Arc::new(TimestampSecondArray::from(vec![1, 2, 3]))),
    ]
}

#[test]
fn arrow_rows_are_the_same_bytes_as_json_rows() {
    for layout in [Layout::Packed, Layout::Json] {
        let intake = Intake::new(&view(&FEATURES, layout, None), OPTIONS).unwrap();
        let mut columns = keys();
        columns.push(("amount", Arc::new(Int64Array::from(vec![Some(3), Some(4), None]))));
        columns.push(("region", Arc::new(StringArray::from(vec![Some("x"), None, Some("y")]))));
        let mut arrow = WrittenRows::default();
        intake.arrow(10, &batch(columns), ARRIVAL, &mut arrow).unwrap();
        let mut json = WrittenRows::default();
        for (row, text) in [
            (10, r#"{"customer_id":7,"shop":"a","event_time":"1970-01-01T00:00:01Z","amount":3,"region":"x"}"#),
            (11, r#"{"customer_id":null,"shop":"b","event_time":"1970-01-01T00:00:02Z","amount":4,"region":null}"#),
            (12, r#"{"customer_id":9,"shop":"c","event_time":"1970-01-01T00:00:03Z","amount":null,"region":"y"}"#),
        ] {
            intake.json(row, text.as_bytes(), ARRIVAL, &mut json);
        }
        assert_eq!(arrow.rows.len(), 2);
        assert_eq!(arrow, json);
    }
}

#[test]
fn an_arrow_value_that_does_not_fit_is_a_bad_row() {
    let mut columns = keys();
    columns[0] = ("customer_id", Arc::new(Int64Array::from(vec![1, 2, 3])));
    columns.push(("small", Arc::new(Int64Array::from(vec![1, 1 << 40, 3]))));
    columns.push(("amount", Arc::new(Int64Array::from(vec![1, 2, (1 << 53) + 1]))));
    columns.push(("v", Arc::new(Float64Array::from(vec![None, None, None]))));
    let mut written = WrittenRows::default();
    let why = intake().arrow(0, &batch(columns.clone()), ARRIVAL, &mut written).unwrap_err();
    assert!(why.starts_with("`v`: an arrow column of type Float64 can't be read as vector<2>"), "{why}");
    columns.pop();
    intake().arrow(0, &batch(columns), ARRIVAL, &mut written).unwrap();
    assert_eq!(written.rows.len(), 1);
    let bad: Vec<_> = written.bad.iter().map(|bad| (bad.row, bad.field.as_str(), bad.message.as_str())).collect();
    let inexact = "`amount`: 9007199254740993 is not exact as float64; declare the column as int64";
    assert_eq!(bad, [(1, "small", "`small`: 1099511627776 does not fit int32"), (2, "amount", inexact)]);
}

#[test]
fn a_batch_whose_columns_do_not_fit_is_refused_as_a_whole() {
    let refused = |columns: Vec<(&str, ArrayRef)>| {
        let mut written = WrittenRows::default();
        let why = intake().arrow(0, &batch(columns), ARRIVAL, &mut written).unwrap_err();
        assert_eq!(written, WrittenRows::default());
        why
    };
    let amount: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0]));
    let with = |name: &'static str| [keys(), vec![(name, Arc::clone(&amount))]].concat();
    assert_eq!(refused(keys()[1..].to_vec()), "the batch lacks the key column `customer_id`");
    assert_eq!(refused(keys()[..2].to_vec()), "the batch lacks the column `event_time`");
    assert!(refused(with("other")).starts_with("the view `profile` has no column \"other\""));
    assert!(refused(with("small")).starts_with("`small`: an arrow column of type Float64 can't be read as int32"));
    let twice = [with("amount"), vec![("amount", Arc::clone(&amount))]].concat();
    assert_eq!(refused(twice), "the batch gives `amount` twice");
}

#[test]
fn a_batch_without_features_deletes() {
    let mut written = WrittenRows::default();
    intake().arrow(0, &batch(keys()), ARRIVAL, &mut written).unwrap();
    assert_eq!((written.rows.len(), written.bad.len()), (2, 1));
    for row in &written.rows {
        assert!(PackedRow::read(&written.bytes[row.value.clone()]).unwrap().is_deleted());
    }
}

#[test]
fn created_of_an_arrow_batch_is_kept() {
    let intake = Intake::new(&view(&FEATURES, Layout::Json, Some(("event_time", Some("made_at")))), OPTIONS).unwrap();
    let mut columns = keys();
    columns.push(("made_at", Arc::new(TimestampMicrosecondArray::from(vec![Some(5), Some(6), None]))));
    columns.push(("amount", Arc::new(Float64Array::from(vec![0.5, 0.5, f64::NAN]))));
    let mut written = WrittenRows::default();
    intake.arrow(0, &batch(columns), ARRIVAL, &mut written).unwrap();
    assert_eq!(written.rows.iter().map(|row| row.times.created).collect::<Vec<_>>(), [5, ARRIVAL.now]);
    let arena = Bump::new();
    let mut cells = Vec::new();
    let stored = &written.bytes[written.rows[1].value.clone()];
    let reader = JsonReader::new([("amount", "float64".parse().unwrap())]);
    assert_eq!(reader.read(stored, &arena, &mut cells).unwrap().created, Some(ARRIVAL.now));
    assert!(matches!(cells[..], [Cell::Value(Value::Float(float))] if float.is_nan()));
}
