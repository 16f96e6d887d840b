//! `engine-runner expr`: `{"columns": [[name, dtype], …], "expr": text, "rows": [[value, …], …]}` gives
//! `{"dtype": …, "canonical": …, "results": [value or {"fault": reason}, …]}` or `{"errors": [{offset, message, help}]}`.
//!
//! Values of a row stand in the order of `columns`. Floats are written as the 16 hexadecimal digits of their bits, in and out, so
//! that no JSON library rounds or refuses one; timestamps as microseconds.

use bumpalo::Bump;
use serde_json::{Value as Json, json};
use unskew_engine::dtype::{DType, Scalar};
use unskew_engine::expr::{Expression, Names, Program};
use unskew_engine::scope::Scope;
use unskew_engine::value::Value;

struct Columns(Vec<(String, DType)>);

impl Names for Columns {
    fn dtype(&self, name: &str) -> Option<DType> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, dtype)| *dtype)
    }

    fn all(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.clone()).collect()
    }
}

/// Evaluates the expression of a line over its rows.
pub(crate) fn run(line: &Json) -> Result<Json, String> {
    let columns = columns(&line["columns"]).ok_or("`columns` is a list of [name, dtype]")?;
    let text = line["expr"].as_str().ok_or("`expr` is a text")?;
    let rows = line["rows"].as_array().ok_or("`rows` is a list")?;
    let expression = match Expression::parse(text, &columns) {
        Ok(expression) => expression,
        Err(errors) => {
            let errors: Vec<Json> = errors
                .iter()
                .map(|error| json!({"offset": error.offset, "message": error.message, "help": error.help}))
                .collect();
            return Ok(json!({ "errors": errors }));
        }
    };
    let index = |name: &str| columns.0.iter().position(|(known, _)| known == name).unwrap_or(usize::MAX);
    let program = expression.compile(&index);
    let results = rows.iter().map(|row| evaluate(&program, &columns, row)).collect::<Result<Vec<Json>, String>>()?;
    Ok(json!({
        "dtype": expression.output().to_string(),
        "canonical": expression.canonical(),
        "results": results,
    }))
}

fn columns(given: &Json) -> Option<Columns> {
    let pairs = given.as_array()?.iter().map(|pair| {
        let name = pair.get(0)?.as_str()?;
        Some((name.to_owned(), pair.get(1)?.as_str()?.parse().ok()?))
    });
    pairs.collect::<Option<Vec<_>>>().map(Columns)
}

fn evaluate(program: &Program, columns: &Columns, row: &Json) -> Result<Json, String> {
    let row = row.as_array().ok_or("a row is a list")?;
    let values: Option<Vec<Value<'_>>> =
        columns.0.iter().zip(row).map(|((_, dtype), cell)| value(*dtype, cell)).collect();
    let values = values.ok_or_else(|| format!("a value of {row:?} is not of its type"))?;
    let arena = Bump::new();
    let result = program.eval(&Scope { inputs: &values, arena: &arena });
    Ok(match result {
        Ok(value) => json(value),
        Err(fault) => json!({"fault": fault.reason.name(), "why": fault.why}),
    })
}

fn value(dtype: DType, cell: &Json) -> Option<Value<'_>> {
    if cell.is_null() {
        return Some(Value::Null);
    }
    match dtype.scalar()? {
        Scalar::Bool => cell.as_bool().map(Value::Bool),
        Scalar::Int32 | Scalar::Int64 => cell.as_i64().map(Value::Int),
        Scalar::Float32 | Scalar::Float64 => {
            u64::from_str_radix(cell.as_str()?, 16).ok().map(|bits| Value::Float(f64::from_bits(bits)))
        }
        Scalar::String => cell.as_str().map(Value::Str),
        Scalar::Bytes => cell.as_str().map(|text| Value::Bytes(text.as_bytes())),
        Scalar::Timestamp => cell.as_i64().map(Value::Time),
    }
}

fn json(value: Value<'_>) -> Json {
    match value {
        Value::Null | Value::List(_) => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Int(value) | Value::Time(value) => json!(value),
        Value::Float(value) => json!(format!("{:016x}", value.to_bits())),
        Value::Str(text) => json!(text),
        Value::Bytes(bytes) => json!(String::from_utf8_lossy(bytes)),
    }
}
