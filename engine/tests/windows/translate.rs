//! Definitions and values of the engine as the oracle has them. What a window is comes from the oracle; what a column or a condition is, from
//! the engine, whose reading of both has tests of its own.

use std::rc::Rc;
use std::sync::Arc;

use bumpalo::Bump;
use serde_json::Value as Json;
use unskew_engine::definitions::{self, Constant, EventId, Source, ViewKind, WindowView};
use unskew_engine::dtype::{DType, Scalar};
use unskew_engine::expr::{Expression, Names};
use unskew_engine::row::json;
use unskew_engine::scope::Scope;
use unskew_engine::value::Value;

use crate::cell::Cell;
use crate::function::{Function, Type};
use crate::oracle::{Aggregation, Columns, Event, Filter, Id, View, Window};

/// One day.
const DAY: i64 = 86_400_000_000;

/// The columns of a source, as names of a condition.
struct SourceNames<'a>(&'a Source);

impl Names for SourceNames<'_> {
    fn dtype(&self, name: &str) -> Option<DType> {
        self.0.dtype(name)
    }

    fn all(&self) -> Vec<String> {
        self.0.columns.iter().map(|column| column.name.clone()).collect()
    }
}

/// A value, owned.
pub fn cell(value: Value<'_>) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Bool(value) => Cell::Bool(value),
        Value::Int(value) => Cell::Int(value),
        Value::Float(value) => Cell::Float(value),
        Value::Str(text) => Cell::Text(text.to_owned()),
        Value::Bytes(bytes) => Cell::Bytes(bytes.to_vec()),
        Value::Time(micros) => Cell::Time(micros),
        Value::List(list) => Cell::List(list.iter().map(cell).collect()),
    }
}

/// A cell of a column, borrowed. Columns of events are no lists.
pub fn value(cell: &Cell) -> Value<'_> {
    match cell {
        Cell::Null => Value::Null,
        Cell::Bool(value) => Value::Bool(*value),
        Cell::Int(value) => Value::Int(*value),
        Cell::Float(value) => Value::Float(*value),
        Cell::Text(text) => Value::Str(text),
        Cell::Bytes(bytes) => Value::Bytes(bytes),
        Cell::Time(micros) => Value::Time(*micros),
        Cell::List(_) => panic!("a column of an event is no list"),
    }
}

/// The value that JSON stands for in a type.
pub fn from_json(given: &Json, dtype: DType) -> Result<Cell, String> {
    let arena = Bump::new();
    json::value(given, dtype, &arena).map(cell)
}

/// A window view.
pub fn view(defined: &definitions::View) -> View {
    let (ViewKind::Window(windows), Some(source)) = (&defined.kind, &defined.source) else {
        panic!("{} is no window view", defined.name)
    };
    View {
        aggregations: windows.aggregations.iter().map(|it| aggregation(it, source)).collect(),
        include_request: windows.include_request,
        offset: windows.offset,
        hop: windows.resolution,
        lateness: lateness(windows),
        serves_incomplete: windows.warm_up_serves,
    }
}

/// One day unless set; under a hop one hop.
fn lateness(windows: &WindowView) -> i64 {
    windows.lateness.or(windows.resolution).unwrap_or(DAY)
}

fn aggregation(defined: &definitions::Aggregation, source: &Arc<Source>) -> Aggregation {
    let typed = |name: &str| (name.to_owned(), column_type(source.dtype(name).unwrap()));
    let denominator = defined.parameters.get("denominator").and_then(Json::as_str);
    Aggregation {
        function: function(defined),
        column: defined.column.as_deref().map(typed),
        denominator: denominator.map(typed),
        filter: defined.filter.as_ref().map(|text| filter(text, source)),
        windows: defined.windows.iter().map(|window| Window { length: window.length }).collect(),
        empty: defined.empty.as_ref().map(|constant: &Constant| cell(constant.value(defined.dtype))),
    }
}

fn column_type(dtype: DType) -> Type {
    match dtype {
        DType::Scalar(Scalar::Bool) => Type::Bool,
        DType::Scalar(Scalar::Int32) => Type::Int32,
        DType::Scalar(Scalar::Int64) => Type::Int64,
        DType::Scalar(Scalar::Float32) => Type::Float32,
        DType::Scalar(Scalar::Float64) => Type::Float64,
        DType::Scalar(Scalar::String | Scalar::Bytes | Scalar::Timestamp) | DType::List(_) | DType::Vector(_) => {
            Type::Other
        }
    }
}

fn function(defined: &definitions::Aggregation) -> Function {
    let parameter = |name: &str| &defined.parameters[name];
    let count = |name: &str| usize::try_from(parameter(name).as_u64().unwrap()).unwrap();
    match defined.function.as_str() {
        "count" => Function::Count,
        "count_distinct" => Function::CountDistinct,
        "approx_count_distinct" => Function::ApproxCountDistinct,
        "sum" => Function::Sum,
        "mean" => Function::Mean,
        "min" => Function::Min,
        "max" => Function::Max,
        "variance" => Function::Variance,
        "stddev" => Function::Stddev,
        "skew" => Function::Skew,
        "kurtosis" => Function::Kurtosis,
        "first" => Function::First,
        "last" => Function::Last,
        "first_n" => Function::FirstN(count("n")),
        "last_n" => Function::LastN(count("n")),
        "approx_quantile" => Function::ApproxQuantile(parameter("q").as_f64().unwrap()),
        "mode" => Function::Mode,
        "top_k" => Function::TopK(count("k")),
        "ratio" => Function::Ratio,
        "rate" => Function::Rate,
        "time_since_last" => Function::TimeSinceLast,
        other => panic!("no function {other}"),
    }
}

/// A condition in one form of its text; what is unknown does not hold.
fn filter(text: &str, source: &Arc<Source>) -> (String, Filter) {
    let expression = Expression::parse(text, &SourceNames(source)).unwrap();
    let names = expression.inputs().to_vec();
    let program = expression.compile(&|name: &str| names.iter().position(|known| known == name).unwrap());
    let holds = move |columns: &Columns| {
        let arena = Bump::new();
        let inputs: Vec<Value<'_>> = names.iter().map(|name| columns.get(name).map_or(Value::Null, value)).collect();
        let scope = Scope { inputs: &inputs, arena: &arena };
        matches!(program.eval(&scope), Ok(Value::Bool(true)))
    };
    (expression.canonical(), Rc::new(holds))
}

/// An event of a source from its columns; none where a column that must be there is null.
pub fn event(source: &Source, columns: Columns) -> Option<Event> {
    let time = |name: &str| if let Some(Cell::Time(time)) = columns.get(name) { Some(*time) } else { None };
    let int = |name: &str| if let Some(Cell::Int(int)) = columns.get(name) { Some(*int) } else { None };
    let text = |name: &str| if let Some(Cell::Text(text)) = columns.get(name) { Some(text.clone()) } else { None };
    let id = match source.event_id.as_ref()? {
        EventId::None => Id::None,
        EventId::Column(name) => int(name).map(Id::Int).or_else(|| text(name).map(Id::Text))?,
    };
    // Without ids nothing is a version of anything.
    let version = source.version.as_deref().filter(|_| id != Id::None).and_then(int).unwrap_or(0);
    let known_at = source.known_at.as_deref().and_then(time);
    Some(Event { id, version, time: time(&source.event_time)?, known_at, columns })
}
