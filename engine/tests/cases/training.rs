//! Training: what the history gives for the rows of a request, each as if it were asked at its own time.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::builder::{ArrayBuilder, make_builder};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use bumpalo::Bump;
use serde_json::Value as Json;
use unskew_engine::arrow::Column as ArrowColumn;
use unskew_engine::definitions::{Column, Definitions, Service, Source, hex};
use unskew_engine::dtype::{DType, Scalar};
use unskew_engine::plan::Plan;
use unskew_engine::row::json;
use unskew_engine::training;
use unskew_engine::value::Value;

use crate::batch_path::{Columns, append, builder};
use crate::format::{Answer, EventWrite, Request};
use crate::row_path::{Answered, Documents, Rows};

/// The time of a row, where the service names no column for it.
pub const TIME: &str = "asked_at";

/// The events of each source, a batch for each write.
pub type History = BTreeMap<String, Vec<RecordBatch>>;

/// A table under construction.
#[derive(Default)]
struct Table {
    fields: Vec<Field>,
    arrays: Vec<ArrayRef>,
}

impl Table {
    fn add<'v>(&mut self, column: &Column, values: impl Iterator<Item = Value<'v>>) {
        let time = DataType::Timestamp(TimeUnit::Microsecond, None);
        let is_time = column.dtype == DType::Scalar(Scalar::Timestamp);
        let mut builder: Box<dyn ArrayBuilder> = if is_time { make_builder(&time, 0) } else { builder(column.dtype) };
        values.for_each(|value| append(builder.as_mut(), column.dtype, value));
        let array = builder.finish();
        self.fields.push(Field::new(&column.name, array.data_type().clone(), true));
        self.arrays.push(array);
    }

    fn finish(self, rows: usize) -> RecordBatch {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(self.fields)), self.arrays, &options).unwrap()
    }
}

/// The good events of all writes, and an empty batch for each source.
pub fn history(definitions: &Definitions, writes: &[EventWrite]) -> History {
    let empty = |source: &Arc<Source>| (source.name.clone(), vec![events(source, &[])]);
    let mut history: History = definitions.sources.values().map(empty).collect();
    for write in writes {
        let lines = write.lines();
        let is_good = |row: &usize| write.bad.iter().all(|bad| bad.row != *row);
        let good: Vec<&str> = (0..lines.len()).filter(is_good).map(|row| lines[row].as_str()).collect();
        history.get_mut(&write.source).unwrap().push(events(&definitions.sources[&write.source], &good));
    }
    history
}

fn events(source: &Source, lines: &[&str]) -> RecordBatch {
    let given: Vec<BTreeMap<String, Json>> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (arena, mut table) = (Bump::new(), Table::default());
    for column in &source.columns {
        let value = |event: &BTreeMap<String, Json>| {
            event.get(&column.name).map_or(Value::Null, |value| {
                // Texts live as long as the arena.
                let value = arena.alloc(value.clone());
                json::value(value, column.dtype, &arena).unwrap()
            })
        };
        table.add(column, given.iter().map(value));
    }
    table.finish(lines.len())
}

/// The rows of a request as a spine.
pub fn spine(service: &Service, request: &Request) -> Result<RecordBatch, String> {
    let (documents, arena) = (Documents::new(request)?, Bump::new());
    let rows = Rows::read((request, &documents), service, &arena)?;
    let mut spine = Table::default();
    for column in service.entities.iter().flat_map(|entity| &entity.keys) {
        spine.add(column, rows.keys[&column.name].iter().map(|value| value.clone().unwrap()));
    }
    for column in &service.request {
        spine.add(column, (0..rows.count).map(|at| rows.value(&column.name, at)));
    }
    if service.time.is_none() {
        let column = Column { name: TIME.to_owned(), dtype: DType::Scalar(Scalar::Timestamp) };
        spine.add(&column, (0..rows.count).map(|at| Value::Time(rows.time(at))));
    }
    Ok(spine.finish(rows.count))
}

/// What training gives for the rows of a request.
pub fn answer<'p>(
    plan: &'p Plan,
    request: &Request,
    history: &History,
    threads: usize,
) -> Result<Answered<'p>, String> {
    let (service, arena) = (plan.service(), Bump::new());
    let documents = Documents::new(request)?;
    let rows = Rows::read((request, &documents), service, &arena)?;
    let spine = [spine(service, request)?];
    let joined = training::join(service, TIME, &spine, history, threads).map_err(|error| error.to_string())?;
    let arrays = joined.iter().map(|feature| ArrowColumn::new(feature.values.as_ref(), feature.dtype).unwrap());
    let arrays: Vec<ArrowColumn<'_>> = arrays.collect();
    let mut answered = Answered {
        answer: Answer { names: plan.names(), fingerprint: hex(&plan.fingerprint()), ..Answer::default() },
        plan,
        columns: Columns::new(plan),
        inputs: Vec::new(),
    };
    for at in 0..rows.count {
        let mut row = rows.begin(plan, at)?;
        for (feature, array) in joined.iter().zip(&arrays) {
            let index = plan.layout().inputs().iter().position(|input| input.name == feature.name).unwrap();
            row.put(index, array.value(at, &arena)?, feature.states.get(at).unwrap().into());
        }
        answered.evaluate(&row, at);
    }
    Ok(answered)
}
