//! Tests of expressions as a whole: text in, values or errors out.

mod canonical;
mod errors;
mod properties;
mod values;

use bumpalo::Bump;

use super::{ExprError, Expression, Names};
use crate::dtype::{DType, Scalar};
use crate::scope::Scope;
use crate::value::Value;

/// The inputs of all tests, with the value that most of them have.
fn inputs() -> Vec<(&'static str, DType, Value<'static>)> {
    vec![
        ("x", Scalar::Float64.into(), Value::Float(2.5)),
        ("f", Scalar::Float32.into(), Value::Float(0.25)),
        ("nan", Scalar::Float64.into(), Value::Float(f64::NAN)),
        ("inf", Scalar::Float64.into(), Value::Float(f64::INFINITY)),
        ("no_float", Scalar::Float64.into(), Value::Null),
        ("n", Scalar::Int64.into(), Value::Int(7)),
        ("i", Scalar::Int32.into(), Value::Int(-3)),
        ("big", Scalar::Int64.into(), Value::Int(i64::MAX)),
        ("small", Scalar::Int64.into(), Value::Int(i64::MIN)),
        ("no_int", Scalar::Int64.into(), Value::Null),
        ("b", Scalar::Bool.into(), Value::Bool(true)),
        ("no_bool", Scalar::Bool.into(), Value::Null),
        ("s", Scalar::String.into(), Value::Str("Grüße")),
        ("percent", Scalar::String.into(), Value::Str("50%")),
        ("no_text", Scalar::String.into(), Value::Null),
        // 2026-01-31 09:30:15.25, a Saturday.
        ("t", Scalar::Timestamp.into(), Value::Time(1_769_851_815_250_000)),
        ("no_time", Scalar::Timestamp.into(), Value::Null),
        ("bytes", Scalar::Bytes.into(), Value::Bytes(&[1, 255])),
        ("numbers", DType::List(Scalar::Int64), Value::Null),
        ("embedding", DType::Vector(3), Value::Null),
        ("customer_profile.mean_amount", Scalar::Float64.into(), Value::Float(10.0)),
        ("Odd name", Scalar::Int64.into(), Value::Int(1)),
    ]
}

struct Inputs;

impl Names for Inputs {
    fn dtype(&self, name: &str) -> Option<DType> {
        inputs().into_iter().find(|(known, ..)| *known == name).map(|(_, dtype, _)| dtype)
    }

    fn all(&self) -> Vec<String> {
        inputs().into_iter().map(|(name, ..)| name.to_owned()).collect()
    }
}

fn parse(text: &str) -> Result<Expression, Vec<ExprError>> {
    Expression::parse(text, &Inputs)
}

/// The result of an expression for the row of [`inputs`], as text.
fn evaluated(text: &str) -> String {
    let expression = parse(text).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
    let inputs = inputs();
    let program = expression.compile(&|name| inputs.iter().position(|(known, ..)| *known == name).unwrap());
    let values: Vec<Value<'_>> = inputs.iter().map(|(.., value)| *value).collect();
    let arena = Bump::new();
    let result = program.eval(&Scope { inputs: &values, arena: &arena });
    match result {
        Ok(value) => {
            let dtype = expression.output();
            assert!(fits(value, dtype), "{text}: {value:?} is no {dtype}");
            shown(value)
        }
        Err(fault) => format!("{}: {}", fault.reason.name(), fault.why),
    }
}

fn fits(value: Value<'_>, dtype: DType) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(_) => dtype == Scalar::Bool.into(),
        Value::Int(_) => dtype == Scalar::Int64.into(),
        Value::Float(value) => dtype == Scalar::Float64.into() && value.is_finite(),
        Value::Str(_) => dtype == Scalar::String.into(),
        Value::Bytes(_) => dtype == Scalar::Bytes.into(),
        Value::Time(_) => dtype == Scalar::Timestamp.into(),
        Value::List(_) => false,
    }
}

fn shown(value: Value<'_>) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => format!("{value:?}"),
        Value::Str(text) => format!("'{text}'"),
        Value::Bytes(bytes) => format!("{bytes:?}"),
        Value::Time(value) => format!("@{value}"),
        Value::List(_) => "a list".to_owned(),
    }
}
