//! Training sets of whole histories: where events are columns of numbers they are joined without looking at them one by one, and give the same bits.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use proptest::collection::vec;
use proptest::prelude::*;
use unskew_engine::definitions::{self, Definitions};
use unskew_engine::training::{self, JoinedFeature};

const FEATURES: [&str; 7] = ["nb_2s", "nb_5s", "amounts_5s", "total_2s", "mean_2s", "mean_5s", "rate_5s"];

/// Two views; ids that are text have events looked at one by one.
fn parsed(ids: &str) -> Definitions {
    let aggregations = |empty: &str| {
        format!(
            "{{nb: {{function: count, windows: [2s, 5s]}}, amounts: {{function: count, column: amount, windows: [5s]}}, \
             total: {{function: sum, column: parts, windows: [2s]}}, \
             mean: {{function: mean, column: amount, windows: [2s, 5s]{empty}}}, rate: {{function: rate, windows: [5s]}}}}"
        )
    };
    let slots = ["now", "late"].map(|view| FEATURES.map(|name| format!("{{input: {view}.{name}}}")).join(", "));
    let text = format!(
        "
entities: {{customer: {{keys: {{customer: int64}}}}}}
sources:
  payments:
    event_time: at
    event_id: id
    version: version
    columns: {{id: {ids}, version: int64, customer: int64, at: timestamp, amount: float64, parts: int64}}
views:
  now: {{entity: customer, source: payments, include_request: true, aggregations: {}}}
  late: {{entity: customer, source: payments, offset: 1s, aggregations: {}}}
services:
  model: {{time: at, request: {{amount: float64, parts: int64, at: timestamp}}, vector: [{}]}}
",
        aggregations(", empty: 7"),
        aggregations(""),
        slots.join(", "),
    );
    definitions::parse(&[(PathBuf::from("joined.yaml"), text)])
        .unwrap_or_else(|found| panic!("{}", found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))
}

/// An event, or a row that asks.
#[derive(Clone, Debug)]
struct Row {
    id: i64,
    version: i64,
    customer: Option<i64>,
    at: i64,
    amount: Option<f64>,
    parts: Option<i64>,
}

fn row(has_nulls: bool) -> impl Strategy<Value = Row> {
    let key = prop_oneof![8 => (0_i64..4).prop_map(Some), 1 => Just(None), 1 => Just(Some(i64::MAX))];
    let odd = if has_nulls { 1 } else { 0 };
    let amount = prop_oneof![
        20 => (-5000_i64..5000).prop_map(|cents| Some(cents as f64 / 100.0)),
        odd => prop::sample::select(vec![None, Some(f64::NAN), Some(f64::INFINITY), Some(1e300), Some(1e-300)]),
    ];
    let parts = prop_oneof![
        20 => (-9_i64..9).prop_map(Some),
        odd => prop::sample::select(vec![None, Some(i64::MAX), Some(i64::MIN)]),
    ];
    (0_i64..60, 0_i64..3, key, 0_i64..12_000_000, amount, parts).prop_map(
        |(id, version, customer, at, amount, parts)| Row {
            id,
            version,
            customer,
            at: at / 250_000 * 250_000,
            amount,
            parts,
        },
    )
}

fn batch(rows: &[Row], ids: &str) -> RecordBatch {
    let ints = |of: &dyn Fn(&Row) -> Option<i64>| Arc::new(rows.iter().map(of).collect::<Int64Array>()) as ArrayRef;
    let id: ArrayRef = match ids {
        "string" => Arc::new(rows.iter().map(|row| Some(format!("{:02}", row.id))).collect::<StringArray>()),
        _ => ints(&|row| Some(row.id)),
    };
    let times: TimestampMicrosecondArray = rows.iter().map(|row| Some(row.at)).collect();
    RecordBatch::try_from_iter_with_nullable([
        ("id", id, true),
        ("version", ints(&|row| Some(row.version)), true),
        ("customer", ints(&|row| row.customer), true),
        ("at", Arc::new(times.with_timezone("UTC")) as ArrayRef, true),
        ("amount", Arc::new(rows.iter().map(|row| row.amount).collect::<Float64Array>()) as ArrayRef, true),
        ("parts", ints(&|row| row.parts), true),
    ])
    .unwrap()
}

fn joined(ids: &str, history: &[Row], spine: &[Row], (rows, threads): (usize, usize)) -> Vec<JoinedFeature> {
    let batches: Vec<RecordBatch> = history.chunks(rows).map(|rows| batch(rows, ids)).collect();
    let batches = if batches.is_empty() { vec![batch(&[], ids)] } else { batches };
    let spine: Vec<RecordBatch> = spine.chunks(rows).map(|rows| batch(rows, ids)).collect();
    let sources = BTreeMap::from([("payments".to_owned(), batches)]);
    training::join(&parsed(ids).services["model"], "at", &spine, &sources, threads).unwrap()
}

fn case() -> impl Strategy<Value = (Vec<Row>, Vec<Row>)> {
    let rows = |has_nulls, sorted| {
        (vec(row(has_nulls), 0..60), vec(row(has_nulls), 1..30)).prop_map(move |(mut history, mut spine)| {
            if sorted {
                history.sort_by_key(|row| row.at);
                spine.sort_by_key(|row| row.at);
                history.iter_mut().enumerate().for_each(|(at, row)| row.id = at as i64);
            }
            (history, spine)
        })
    };
    prop_oneof![rows(false, true), rows(false, false), rows(true, true), rows(true, false)]
}

proptest! {
    #[test]
    fn columns_of_numbers_give_what_events_one_by_one_give((history, spine) in case(), rows in 1_usize..70, threads in 1_usize..4) {
        let dense = joined("int64", &history, &spine, (rows, threads));
        let single = joined("string", &history, &spine, (1000, 1));
        prop_assert_eq!(dense.len(), single.len());
        for (dense, single) in dense.iter().zip(&single) {
            prop_assert_eq!(&dense.name, &single.name);
            prop_assert_eq!(&dense.values, &single.values, "{}", dense.name);
            for row in 0..spine.len() {
                prop_assert_eq!(dense.states.get(row), single.states.get(row), "{}, row {}", dense.name, row);
            }
        }
    }
}
