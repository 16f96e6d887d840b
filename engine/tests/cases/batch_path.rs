//! The batch path: the inputs that the row path resolved, as Arrow arrays, must give the same bits however they are cut into chunks.

use std::sync::Arc;

use arrow_array::builder::ArrayBuilder;
use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, FixedSizeListBuilder, Float32Builder, Float64Builder, Int32Builder, Int64Builder,
    ListBuilder, StringBuilder, TimestampMicrosecondBuilder, make_builder,
};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use serde_json::Value as Json;
use unskew_engine::dtype::{DType, Scalar};
use unskew_engine::plan::{Batch, InputRow, Matrix, Plan};
use unskew_engine::status::Status;
use unskew_engine::value::Value;

use crate::Faults;
use crate::dump;
use crate::format::Answer;

/// The inputs of all rows, by column.
pub struct Columns {
    names: Vec<(String, DType)>,
    builders: Vec<Box<dyn ArrayBuilder>>,
    /// Whether an input of the row is ERROR, which an array can't hold: such rows are not compared.
    has_error: Vec<bool>,
    /// The same as JSON, none where an input is ERROR.
    rows: Vec<Option<Json>>,
}

impl Columns {
    pub fn new(plan: &Plan) -> Self {
        let names: Vec<_> = plan.layout().inputs().iter().map(|input| (input.name.clone(), input.dtype)).collect();
        let builders = names.iter().map(|(_, dtype)| builder(*dtype)).collect();
        Self { names, builders, has_error: Vec::new(), rows: Vec::new() }
    }

    pub fn push(&mut self, row: &InputRow<'_>) {
        for ((builder, (_, dtype)), value) in self.builders.iter_mut().zip(&self.names).zip(row.values()) {
            append(builder.as_mut(), *dtype, *value);
        }
        let has_error = (0..self.names.len()).any(|index| row.state(index).status == Status::Error);
        self.has_error.push(has_error);
        let values = self.names.iter().zip(row.values()).map(|((name, _), value)| (name.clone(), dump::value(*value)));
        self.rows.push((!has_error).then(|| values.collect()));
    }

    /// The values of every row as JSON, none where an input is ERROR.
    pub fn rows(&self) -> &[Option<Json>] {
        &self.rows
    }

    fn finish(&mut self) -> RecordBatch {
        let arrays: Vec<ArrayRef> = self.builders.iter_mut().map(|builder| builder.finish()).collect();
        let fields = self.names.iter().zip(&arrays);
        let fields: Vec<_> =
            fields.map(|((name, _), array)| Field::new(name, array.data_type().clone(), true)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.has_error.len()));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options).unwrap()
    }
}

/// What differs between the batch path and the answer of the row path.
pub fn faults(plan: &Plan, mut columns: Columns, answer: &Answer) -> Faults {
    let record = columns.finish();
    let batch = Batch::new(plan.layout(), &record).unwrap();
    let rows = batch.rows();
    let (mut whole, mut single) = (Matrix::default(), Matrix::default());
    plan.transform(&batch, 0..rows, &mut whole).unwrap();
    (0..rows).for_each(|row| plan.transform(&batch, row..row + 1, &mut single).unwrap());
    let mut faults = Faults::new();
    let bits = |matrix: &Matrix| matrix.values.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
    if bits(&whole) != bits(&single) || whole.incomplete != single.incomplete {
        faults.push(format!("one batch and single rows differ: {whole:?}\n    {single:?}"));
    }
    for (row, expected) in answer.vectors.iter().enumerate().filter(|(row, _)| !columns.has_error[*row]) {
        let found = &bits(&whole)[row * plan.width()..][..plan.width()];
        if found != expected {
            faults.push(format!("row {row} of the batch path: {found:08x?}, of the row path {expected:08x?}"));
        }
        let found = whole.incomplete.iter().find(|(at, _)| *at == row).map(|(_, incomplete)| {
            (plan.slot_name(incomplete.slot).to_owned(), incomplete.state.reason.map(|reason| reason.name().to_owned()))
        });
        let expected = answer.incomplete.iter().find(|it| it.row == row).map(|it| (it.slot.clone(), it.reason.clone()));
        if found != expected {
            faults.push(format!("row {row} of the batch path lacks {found:?}, of the row path {expected:?}"));
        }
    }
    faults
}

fn data_type(scalar: Scalar) -> DataType {
    match scalar {
        Scalar::Bool => DataType::Boolean,
        Scalar::Int32 => DataType::Int32,
        Scalar::Int64 => DataType::Int64,
        Scalar::Float32 => DataType::Float32,
        Scalar::Float64 => DataType::Float64,
        Scalar::String => DataType::Utf8,
        Scalar::Bytes => DataType::Binary,
        Scalar::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
    }
}

pub fn builder(dtype: DType) -> Box<dyn ArrayBuilder> {
    match dtype {
        DType::Scalar(scalar) => make_builder(&data_type(scalar), 0),
        DType::List(item) => Box::new(ListBuilder::new(make_builder(&data_type(item), 0))),
        DType::Vector(length) => {
            Box::new(FixedSizeListBuilder::new(Float32Builder::new(), i32::try_from(length).unwrap()))
        }
    }
}

pub fn append(builder: &mut dyn ArrayBuilder, dtype: DType, value: Value<'_>) {
    let any = builder.as_any_mut();
    match (dtype, value) {
        (DType::Scalar(scalar), value) => append_scalar(builder, scalar, value),
        (DType::List(item), value) => {
            let lists = any.downcast_mut::<ListBuilder<Box<dyn ArrayBuilder>>>().unwrap();
            if let Value::List(list) = value {
                list.iter().for_each(|value| append_scalar(lists.values().as_mut(), item, value));
            }
            lists.append(!value.is_null());
        }
        (DType::Vector(length), value) => {
            let lists = any.downcast_mut::<FixedSizeListBuilder<Float32Builder>>().unwrap();
            if let Value::List(list) = value {
                list.iter().for_each(|item| append_scalar(lists.values(), Scalar::Float32, item));
            } else {
                (0..length).for_each(|_| lists.values().append_null());
            }
            lists.append(!value.is_null());
        }
    }
}

fn append_scalar(builder: &mut dyn ArrayBuilder, scalar: Scalar, value: Value<'_>) {
    macro_rules! push {
        ($builder:ty, $pattern:pat => $value:expr) => {
            builder.as_any_mut().downcast_mut::<$builder>().unwrap().append_option(match value {
                $pattern => Some($value),
                _ => None,
            })
        };
    }
    match scalar {
        Scalar::Bool => push!(BooleanBuilder, Value::Bool(value) => value),
        Scalar::Int32 => push!(Int32Builder, Value::Int(value) => i32::try_from(value).unwrap()),
        Scalar::Int64 => push!(Int64Builder, Value::Int(value) => value),
        Scalar::Float32 => push!(Float32Builder, Value::Float(value) => value as f32),
        Scalar::Float64 => push!(Float64Builder, Value::Float(value) => value),
        Scalar::String => push!(StringBuilder, Value::Str(value) => value),
        Scalar::Bytes => push!(BinaryBuilder, Value::Bytes(value) => value),
        Scalar::Timestamp => push!(TimestampMicrosecondBuilder, Value::Time(value) => value),
    }
}
