//! Both paths give the same bits: for any values, nulls among them, whatever Arrow type holds them and however they are cut into batches.
#![expect(clippy::unwrap_used, reason = "a test that can't go on ends at once")]

use std::path::Path;
use std::sync::{Arc, LazyLock};

use arrow_array::builder::{FixedSizeListBuilder, Float32Builder, ListBuilder, StringBuilder};
use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Float32Array, Float64Array, Int8Array, Int32Array, Int64Array,
    LargeStringArray, RecordBatch, StringArray, TimestampMicrosecondArray, types::Int32Type,
};
use bumpalo::Bump;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use unskew_engine::arrow::Column;
use unskew_engine::definitions::{self, Service};
use unskew_engine::dtype::{DType, Scalar};
use unskew_engine::fit::{Pass, ServiceFit, target_columns};
use unskew_engine::plan::{Batch, InputRow, Layout, Matrix, Plan};
use unskew_engine::transforms::Other;
use unskew_engine::value::Value;

/// One row of all inputs.
#[derive(Clone, Debug)]
struct Row {
    numbers: [Option<f64>; 2],
    score: Option<f32>,
    visits: Option<i64>,
    level: Option<i8>,
    active: Option<bool>,
    texts: [Option<String>; 2],
    seen: Option<i64>,
    tags: Option<Vec<Option<String>>>,
    embedding: Option<[f32; 4]>,
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![8 => -50.0..50.0, 1 => any::<f64>(), 1 => prop::num::f64::ANY, 1 => Just(0.0), 1 => Just(f64::NAN)]
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![4 => "(north|south|east|west)".prop_map(String::from), 1 => any::<String>()]
}

prop_compose! {
    fn row()(
        numbers in [option::weighted(0.8, number()), option::weighted(0.8, number())],
        score in option::weighted(0.8, prop_oneof![3 => -9.0_f32..9.0, 1 => prop::num::f32::ANY]),
        visits in option::weighted(0.8, prop_oneof![3 => -40_i64..40, 1 => any::<i64>()]),
        level in option::weighted(0.8, any::<i8>()),
        active in any::<Option<bool>>(),
        texts in [option::weighted(0.8, word()), option::weighted(0.8, word())],
        seen in option::weighted(0.8, 0_i64..2_000_000_000_000_000),
        tags in option::weighted(0.8, vec(option::weighted(0.8, word()), 0..4)),
        embedding in any::<Option<[f32; 4]>>(),
    ) -> Row {
        Row { numbers, score, visits, level, active, texts, seen, tags, embedding }
    }
}

/// The rows as Arrow arrays; `form` chooses among the types that hold the same values.
fn batch(rows: &[Row], form: usize) -> RecordBatch {
    let texts = |index: usize| -> ArrayRef {
        let texts = rows.iter().map(|row| row.texts[index].as_deref());
        match form % 3 {
            0 => Arc::new(texts.collect::<StringArray>()),
            1 => Arc::new(texts.collect::<LargeStringArray>()),
            _ => Arc::new(texts.collect::<DictionaryArray<Int32Type>>()),
        }
    };
    let numbers =
        |index: usize| -> ArrayRef { Arc::new(rows.iter().map(|row| row.numbers[index]).collect::<Float64Array>()) };
    let level: ArrayRef = match form % 2 {
        0 => Arc::new(rows.iter().map(|row| row.level).collect::<Int8Array>()),
        _ => Arc::new(rows.iter().map(|row| row.level.map(i32::from)).collect::<Int32Array>()),
    };
    let score: ArrayRef = match form % 2 {
        0 => Arc::new(rows.iter().map(|row| row.score).collect::<Float32Array>()),
        // A float64 array as float32 column, which is read value by value.
        _ => Arc::new(rows.iter().map(|row| row.score.map(f64::from)).collect::<Float64Array>()),
    };
    let mut tags = ListBuilder::new(StringBuilder::new());
    let mut embeddings = FixedSizeListBuilder::new(Float32Builder::new(), 4);
    for row in rows {
        tags.append_option(row.tags.clone());
        embeddings.values().append_slice(&row.embedding.unwrap_or_default());
        embeddings.append(row.embedding.is_some());
    }
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("account_facts.amount", numbers(0)),
        ("price", numbers(1)),
        ("account_facts.score", score),
        ("account_facts.visits", Arc::new(rows.iter().map(|row| row.visits).collect::<Int64Array>())),
        ("account_facts.level", level),
        ("account_facts.active", Arc::new(rows.iter().map(|row| row.active).collect::<BooleanArray>())),
        ("account_facts.region", texts(0)),
        ("channel", texts(1)),
        ("account_facts.seen", Arc::new(rows.iter().map(|row| row.seen).collect::<TimestampMicrosecondArray>())),
        ("account_facts.tags", Arc::new(tags.finish())),
        ("account_facts.embedding", Arc::new(embeddings.finish())),
        ("is_fraud", Arc::new(rows.iter().map(|row| row.active).collect::<BooleanArray>())),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

/// The service, fitted once.
static PLAN: LazyLock<Plan> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/every_transform");
    let definitions = definitions::load(&folder).unwrap();
    let service = definitions.services["every_transform"].clone();
    let fitted = fit(&service);
    Plan::new(service, Some(&fitted)).unwrap()
});

fn fit(service: &Service) -> serde_json::Value {
    let region = |at: usize| ["north", "south", "east", "west", "north-west"][at % 5].to_owned();
    let rows: Vec<Row> = (0..100_usize)
        .map(|at| Row {
            numbers: [Some(at as f64 * 0.37 - 11.0), Some(at as f64 * 0.11)],
            score: Some(at as f32 * 0.2 - 7.0),
            visits: i64::try_from(at).ok(),
            level: i8::try_from(at).ok(),
            active: Some(at % 7 == 0),
            texts: [Some(region(at)), Some(region(at / 3))],
            seen: Some(1_600_000_000_000_000),
            tags: Some(vec![Some(region(at)), Some(region(at + 1))]),
            embedding: Some([0.5; 4]),
        })
        .collect();
    let table = batch(&rows, 0);
    let layout = Layout::new(service).unwrap();
    let of = |name: &str| {
        let index = layout.inputs().iter().position(|input| input.name == name).unwrap();
        Other { index, dtype: layout.inputs()[index].dtype }
    };
    let mut fit = ServiceFit::new(service, &of).unwrap();
    assert_eq!(target_columns(service).into_iter().collect::<Vec<_>>(), ["is_fraud"]);
    loop {
        let targets: Vec<Option<Column<'_>>> = (0..service.slots.len())
            .map(|slot| {
                let name = fit.target(slot)?;
                Some(Column::new(table.column_by_name(name).unwrap(), DType::Scalar(Scalar::Bool)).unwrap())
            })
            .collect();
        layout.fit(&Batch::new(&layout, &table).unwrap(), &[], &targets, &mut fit).unwrap();
        if let Pass::Done(fitted) = fit.finish_pass().unwrap() {
            return fitted.slots.into_iter().map(|slot| serde_json::Value::Array(slot.steps)).collect();
        }
    }
}

/// The vector of every row, by the row path, and the first slot without a number of those that are incomplete.
fn by_rows(plan: &Plan, table: &RecordBatch) -> (Vec<u32>, Vec<(usize, usize)>) {
    let (mut bits, mut incomplete) = (Vec::new(), Vec::new());
    let inputs = plan.layout().inputs();
    let columns: Vec<_> = inputs
        .iter()
        .map(|input| Column::new(table.column_by_name(&input.name).unwrap().as_ref(), input.dtype).unwrap())
        .collect();
    for at in 0..table.num_rows() {
        let arena = Bump::new();
        let mut row = InputRow::new(inputs.len());
        for (index, column) in columns.iter().enumerate() {
            row.set(index, column.value(at, &arena).unwrap_or(Value::Null));
        }
        let mut vector = vec![0.0; plan.width()];
        if let Err(first) = plan.evaluate(&row, &arena, &mut vector, None) {
            incomplete.push((at, first.slot));
        }
        bits.extend(vector.iter().map(|number| number.to_bits()));
    }
    (bits, incomplete)
}

proptest! {
    #[test]
    fn both_paths_give_the_same_bits(rows in vec(row(), 1..600), form: usize, cuts in vec(any::<prop::sample::Index>(), 0..4)) {
        let table = batch(&rows, form % 6);
        let (bits, incomplete) = by_rows(&PLAN, &table);
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(rows.len())).collect();
        ends.extend([0, rows.len()]);
        ends.sort_unstable();
        // One batch whose rows are asked for in parts, and batches that are parts.
        let (mut parts, mut sliced) = (Matrix::default(), Matrix::default());
        let whole = Batch::new(PLAN.layout(), &table).unwrap();
        for pair in ends.windows(2) {
            PLAN.transform(&whole, pair[0]..pair[1], &mut parts).unwrap();
            let slice = table.slice(pair[0], pair[1] - pair[0]);
            let from = sliced.incomplete.len();
            PLAN.transform(&Batch::new(PLAN.layout(), &slice).unwrap(), 0..slice.num_rows(), &mut sliced).unwrap();
            sliced.incomplete[from..].iter_mut().for_each(|(row, _)| *row += pair[0]);
        }
        for matrix in [parts, sliced] {
            let found: Vec<u32> = matrix.values.iter().map(|number| number.to_bits()).collect();
            let differs = found.iter().zip(&bits).position(|(found, expected)| found != expected);
            let place = differs.map(|at| (at / PLAN.width(), PLAN.names()[at % PLAN.width()].clone()));
            prop_assert_eq!(place, None);
            prop_assert_eq!(found.len(), bits.len());
            let found: Vec<_> = matrix.incomplete.iter().map(|(row, first)| (*row, first.slot)).collect();
            prop_assert_eq!(&found, &incomplete);
        }
    }
}
