//! What a vector costs: one row from its packed bytes, and the rows of Arrow arrays.
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a benchmark that can't run ends at once")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use bumpalo::Bump;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use unskew_engine::definitions;
use unskew_engine::plan::{Batch, InputRow, Matrix, Plan, Stored};
use unskew_engine::row::{Mapping, PackedRow, Schema, Times};
use unskew_engine::value::Value;

const REGIONS: [&str; 8] = ["north", "south", "east", "west", "north-west", "north-east", "south-west", "south-east"];
const ROWS: usize = 65_536;

/// A view of 40 numbers and 5 texts, and a service with these slots over it.
fn plan(slots: &str) -> Plan {
    let mut text =
        "entities: {customer: {keys: {id: int64}}}\nviews:\n  v:\n    entity: customer\n    source: s\n    features:\n"
            .to_owned();
    for number in 0..40 {
        writeln!(text, "      n{number}: float64").unwrap();
    }
    for number in 0..5 {
        writeln!(text, "      t{number}: string").unwrap();
    }
    text.push_str("sources: {s: {event_time: event_time, columns: {id: int64, event_time: timestamp");
    for number in 0..40 {
        write!(text, ", n{number}: float64").unwrap();
    }
    for number in 0..5 {
        write!(text, ", t{number}: string").unwrap();
    }
    write!(text, "}}}}}}\nservices:\n  m:\n    vector:\n{slots}").unwrap();
    let definitions = definitions::parse(&[(PathBuf::from("bench.yaml"), text)])
        .unwrap_or_else(|found| panic!("{}", found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")));
    Plan::new(definitions.services["m"].clone(), None).expect("needs no fit")
}

fn standardize(range: std::ops::Range<usize>) -> String {
    range.fold(String::new(), |mut slots, number| {
        writeln!(slots, "      - {{input: v.n{number}, steps: [{{standardize: {{mean: {number}.5, var: 4.25}}}}]}}")
            .unwrap();
        slots
    })
}

fn one_hot() -> String {
    let tokens = REGIONS.join(", ");
    (0..5).fold(String::new(), |mut slots, number| {
        writeln!(slots, "      - {{input: v.t{number}, steps: [{{one_hot: {{tokens: [{tokens}]}}}}]}}").unwrap();
        slots
    })
}

fn mixed() -> String {
    let mut slots = String::new();
    for number in 0..30 {
        writeln!(slots, "      - {{input: v.n{number}}}").unwrap();
    }
    slots += &standardize(30..40);
    slots += &one_hot();
    for (at, expr) in [
        "v.n0 / nullif(v.n1, 0)",
        "case when v.n2 > 100 and v.n3 < 5 then 1 else 0 end",
        "coalesce(v.n4, 0) + v.n5 * v.n6",
        "greatest(v.n7, v.n8) - least(v.n7, v.n8)",
        "abs(v.n9 - v.n10)",
    ]
    .iter()
    .enumerate()
    {
        writeln!(slots, "      - {{name: e{at}, expr: \"{expr}\"}}").unwrap();
    }
    slots
}

/// A row from its stored bytes to its vector of 50 slots: 30 numbers as they are, 10 standardized, 5 one-hot texts, 5 expressions.
fn row(criterion: &mut Criterion) {
    let plan = plan(&mixed());
    assert_eq!(plan.slot_count(), 50);
    let view = &plan.service().views[0];
    let schema = Arc::new(Schema::of(view).unwrap().unwrap());
    let definitions::ViewKind::Row(rows) = &view.kind else { panic!("a row view") };
    let values: Vec<Value<'_>> = (0..40)
        .map(|number| Value::Float(f64::from(number) * 1.37))
        .chain((0..5).map(|number| Value::Str(REGIONS[number])))
        .collect();
    let mut stored = Vec::new();
    let now = 1_769_851_815_250_000;
    schema.encode(Times { event_time: now, created: now }, &values, &mut stored).unwrap();
    let mapping = Mapping::new(rows.features.iter().map(|feature| (feature.name.as_str(), feature.dtype)), schema);
    let mut inputs = InputRow::new(plan.layout().inputs().len());
    let mut vector = vec![0.0; plan.width()];
    let arena = Bump::new();
    criterion.bench_function("row/50 slots", |bencher| {
        bencher.iter(|| {
            inputs.begin();
            let packed = PackedRow::read(black_box(&stored)).unwrap();
            let open = mapping.open(packed).unwrap();
            plan.readers()[0].read(Stored::Packed(open, packed.event_time()), now, &mut inputs);
            assert!(plan.evaluate(&inputs, &arena, &mut vector, None).is_ok());
        });
    });
}

fn batch(criterion: &mut Criterion) {
    let number = |number: usize| {
        let values = (0..ROWS).map(|row| ((row * 31 + number * 7) % 997) as f64 * 0.37);
        (format!("v.n{number}"), Arc::new(Float64Array::from_iter_values(values)) as ArrayRef)
    };
    let text = |number: usize| {
        let values = (0..ROWS).map(|row| REGIONS[(row * 31 + number * 7) % REGIONS.len()]);
        (format!("v.t{number}"), Arc::new(StringArray::from_iter_values(values)) as ArrayRef)
    };
    let table = RecordBatch::try_from_iter((0..40).map(number).chain((0..5).map(text))).unwrap();
    let mut group = criterion.benchmark_group("batch");
    for (name, slots, cells) in
        [("standardize", standardize(0..20), 20), ("one_hot", one_hot(), 5), ("50 slots", mixed(), 50)]
    {
        let plan = plan(&slots);
        group.throughput(Throughput::Elements((ROWS * cells) as u64));
        group.bench_function(name, |bencher| {
            let batch = Batch::new(plan.layout(), &table).unwrap();
            let make = || Matrix { values: Vec::with_capacity(ROWS * plan.width()), incomplete: Vec::new() };
            bencher.iter_batched_ref(
                make,
                |matrix| plan.transform(&batch, 0..ROWS, matrix).unwrap(),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, row, batch);
criterion_main!(benches);
