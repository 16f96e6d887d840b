//! What windows cost: a training set of the fraud benchmark's shape, and one state read and changed.
#![expect(clippy::expect_used, clippy::panic, reason = "a benchmark that can't run ends at once")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
use bumpalo::Bump;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use unskew_engine::definitions::{self, Definitions};
use unskew_engine::training;
use unskew_engine::value::Value;
use unskew_engine::windows::{At, Head, Id, State, WindowPlan};

const DEFINITIONS: &str = "
entities:
  customer: {keys: {customer_id: int64}}
  terminal: {keys: {terminal_id: int64}}
sources:
  transactions:
    event_time: tx_datetime
    event_id: transaction_id
    columns: {transaction_id: int64, customer_id: int64, terminal_id: int64, tx_datetime: timestamp, tx_amount: float64, tx_fraud: int64}
views:
  customer:
    entity: customer
    source: transactions
    include_request: true
    aggregations:
      nb: {function: count, windows: [1d, 7d, 30d]}
      avg: {function: mean, column: tx_amount, windows: [1d, 7d, 30d]}
  terminal:
    entity: terminal
    source: transactions
    offset: 7d
    aggregations:
      nb: {function: count, windows: [1d, 7d, 30d]}
      risk: {function: mean, column: tx_fraud, windows: [1d, 7d, 30d], empty: 0}
  hot:
    entity: customer
    source: transactions
    resolution: 1h
    aggregations:
      nb: {function: count, windows: [30d]}
      avg: {function: mean, column: tx_amount, windows: [30d]}
services:
  fraud:
    time: tx_datetime
    request: {tx_amount: float64, tx_datetime: timestamp}
    vector:
      - {input: customer.nb_1d}
      - {input: customer.nb_7d}
      - {input: customer.nb_30d}
      - {input: customer.avg_1d}
      - {input: customer.avg_7d}
      - {input: customer.avg_30d}
      - {input: terminal.nb_1d}
      - {input: terminal.nb_7d}
      - {input: terminal.nb_30d}
      - {input: terminal.risk_1d}
      - {input: terminal.risk_7d}
      - {input: terminal.risk_30d}
";

const DAY: i64 = 86_400_000_000;
const EVENTS: i64 = 500_000;
const CUSTOMERS: i64 = 1_400;
const TERMINALS: i64 = 2_800;

/// Numbers that look random and are the same in every run.
fn mixed(seed: i64) -> i64 {
    let mut bits = seed.cast_unsigned().wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (bits ^ (bits >> 31)).cast_signed() & i64::MAX
}

fn parsed() -> Definitions {
    definitions::parse(&[(PathBuf::from("bench.yaml"), DEFINITIONS.to_owned())])
        .unwrap_or_else(|found| panic!("{}", found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))
}

/// Transactions in the order of time, as many a customer and a day as in the published data set.
fn transactions() -> RecordBatch {
    let ids = || 0..EVENTS;
    let second = |id: i64| id * 183 * 86_400 / EVENTS;
    let column = |values: Vec<i64>| Arc::new(Int64Array::from(values)) as ArrayRef;
    let times: Vec<i64> = ids().map(|id| second(id) * 1_000_000).collect();
    let amounts: Vec<f64> = ids().map(|id| (mixed(id) % 22_000) as f64 / 100.0).collect();
    RecordBatch::try_from_iter([
        ("transaction_id", column(ids().collect())),
        ("customer_id", column(ids().map(|id| mixed(id + 1) % CUSTOMERS).collect())),
        ("terminal_id", column(ids().map(|id| mixed(id + 2) % TERMINALS).collect())),
        ("tx_datetime", Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC")) as ArrayRef),
        ("tx_amount", Arc::new(Float64Array::from(amounts)) as ArrayRef),
        ("tx_fraud", column(ids().map(|id| i64::from(mixed(id + 3) % 120 == 0)).collect())),
    ])
    .expect("columns of one length")
}

fn history(c: &mut Criterion) {
    let definitions = parsed();
    let table = transactions();
    let sources = BTreeMap::from([("transactions".to_owned(), vec![table.clone()])]);
    let spine = [table];
    let mut group = c.benchmark_group("windows");
    group.sample_size(10).throughput(Throughput::Elements(EVENTS.unsigned_abs()));
    group.bench_function("training set, 12 features", |b| {
        b.iter(|| {
            training::join(&definitions.services["fraud"], "tx_datetime", &spine, &sources, 1).expect("it joins").len()
        });
    });
    group.finish();
}

/// A customer's 60 events in 30 days.
fn state<'a>(plan: &WindowPlan, events: i64) -> State<'a> {
    let mut state = State::empty(plan);
    for event in 0..events {
        let head =
            Head { time: event * 30 * DAY / events / 1_000_000 * 1_000_000, id: Id::Int(event * 977), version: 0 };
        let amount = (mixed(event) % 22_000) as f64 / 100.0;
        state.accept(plan, head, &[Value::Float(amount)]);
        if event % 4096 == 0 {
            state.settle(plan).expect("no tile is damaged");
        }
    }
    state.settle(plan).expect("no tile is damaged");
    state
}

fn online(c: &mut Criterion) {
    let definitions = parsed();
    let mut group = c.benchmark_group("windows");
    for (name, view, events) in [("60 events", "customer", 60), ("a million events by the hour", "hot", 1_000_000)] {
        let plan = WindowPlan::new(&definitions.views[view]).expect("a window view");
        let mut bytes = Vec::new();
        state(&plan, events).encode(&plan, &mut bytes);
        group.bench_function(format!("read a state of {name}, {} bytes", bytes.len()), |b| {
            let mut arena = Bump::new();
            b.iter(|| {
                {
                    let state = State::decode(&plan, &bytes).expect("it was encoded");
                    let request = [Value::Float(57.16)];
                    let at = At { t: 30 * DAY, complete_since: i64::MIN, request: Some(&request) };
                    plan.evaluate(&state, at, &arena, |feature, value| {
                        black_box((feature, value.is_ok()));
                    })
                    .expect("no tile is damaged");
                }
                arena.reset();
            });
        });
    }
    let plan = WindowPlan::new(&definitions.views["customer"]).expect("a window view");
    let mut bytes = Vec::new();
    state(&plan, 60).encode(&plan, &mut bytes);
    group.bench_function("add an event to a state of 60", |b| {
        let mut out = Vec::new();
        b.iter(|| {
            let mut state = State::decode(&plan, &bytes).expect("it was encoded");
            let head = Head { time: 30 * DAY, id: Id::Int(1 << 20), version: 0 };
            black_box(state.accept(&plan, head, &[Value::Float(1.5)]));
            state.settle(&plan).expect("no tile is damaged");
            out.clear();
            state.encode(&plan, &mut out);
            out.len()
        });
    });
    group.finish();
}

criterion_group!(benches, history, online);
criterion_main!(benches);
