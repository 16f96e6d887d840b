//! The fit of a service: steps in order, parts of the data apart, errors that say where.

use std::path::PathBuf;
use std::sync::Arc;

use bumpalo::Bump;
use serde_json::{Value as Json, json};

use super::*;
use crate::definitions::{Service, SlotDefinition, SlotSource};
use crate::diagnostics::Span;
use crate::dtype::{DType, Scalar};
use crate::scope::{Fault, Scope};
use crate::status::Reason;
use crate::transforms::parameter::{Argument, Arguments, Default};
use crate::transforms::{OnNull, Other, Output, StepDefinition, find};
use crate::value::Value;

/// A step with defaults, but for what is given.
fn step(name: &str, input: DType, given: &[(&'static str, Argument)]) -> StepDefinition {
    let transform = find(name).unwrap();
    let mut arguments = Arguments::default();
    for parameter in transform.parameters {
        match parameter.default {
            Default::Required | Default::Absent => {}
            Default::Bool(value) => arguments.set(parameter.name, Argument::Bool(value)),
            Default::Integer(value) => arguments.set(parameter.name, Argument::Int(value)),
            Default::Number(value) => arguments.set(parameter.name, Argument::Float(value)),
            Default::Text(value) => arguments.set(parameter.name, Argument::Text(value.to_owned())),
        }
    }
    given.iter().for_each(|(name, argument)| arguments.set(name, argument.clone()));
    let step = (transform.make)(&arguments).unwrap();
    let output = step.output(input, &[DType::Scalar(Scalar::Float64)]).unwrap();
    StepDefinition {
        name: transform.name,
        arguments,
        on_null: OnNull::Propagate,
        keeps_nan: false,
        step,
        input,
        output,
    }
}

/// A slot whose steps each take what the one before gives.
fn slot(name: &str, input: Scalar, steps: &[(&str, &[(&'static str, Argument)])]) -> SlotDefinition {
    let mut dtype = DType::Scalar(input);
    let steps = steps.iter().map(|(name, given)| {
        let step = step(name, dtype, given);
        if let Output::One(output) = step.output {
            dtype = output;
        }
        step
    });
    SlotDefinition {
        name: name.to_owned(),
        source: SlotSource::Input(name.to_owned()),
        steps: steps.collect(),
        span: Span { file: Arc::new(PathBuf::from("test.yaml")), line: 1, column: 1 },
    }
}

fn service(slots: Vec<SlotDefinition>) -> Service {
    Service {
        name: "test".to_owned(),
        time: None,
        request: Vec::new(),
        slots,
        views: Vec::new(),
        entities: Vec::new(),
        default_fitted: None,
        description: None,
        owner: None,
        tags: Vec::new(),
    }
}

fn new(service: &Service) -> ServiceFit {
    ServiceFit::new(service, &|_| Other { index: 0, dtype: Scalar::Float64.into() }).unwrap()
}

fn text(text: &str) -> Argument {
    Argument::Text(text.to_owned())
}

/// A row: its t, the values of its slots, and the target of all.
type Row = (i64, Vec<Result<Value<'static>, Fault>>, f64);

fn feed(fit: &mut ServiceFit, rows: &[Row]) -> Result<(), FitError> {
    let arena = Bump::new();
    for (t, values, target) in rows {
        fit.row(Some(*t));
        let inputs = [Value::Float(0.25)];
        let scope = Scope { inputs: &inputs, arena: &arena };
        for (slot, value) in values.iter().enumerate() {
            if fit.wants(slot) {
                let target = if fit.target(slot).is_some() { Value::Float(*target) } else { Value::Null };
                fit.update(slot, *value, target, &scope)?;
            }
        }
    }
    Ok(())
}

fn whole(service: &Service, rows: &[Row]) -> Result<FittedService, Vec<FitError>> {
    let mut fit = new(service);
    loop {
        feed(&mut fit, rows).map_err(|error| vec![error])?;
        if let Pass::Done(fitted) = fit.finish_pass()? {
            return Ok(fitted);
        }
    }
}

/// Three workers, each with every third row, from the last one to the first.
fn apart(service: &Service, rows: &[Row]) -> Result<FittedService, Vec<FitError>> {
    let mut fit = new(service);
    loop {
        let start = fit.save();
        for part in [2, 0, 1] {
            let mut worker = new(service);
            worker.merge(&start).unwrap();
            let rows: Vec<Row> = rows.iter().rev().skip(part).step_by(3).cloned().collect();
            feed(&mut worker, &rows).unwrap();
            fit.merge(&worker.save()).unwrap();
        }
        if let Pass::Done(fitted) = fit.finish_pass()? {
            return Ok(fitted);
        }
    }
}

fn slots() -> Service {
    service(vec![
        slot("filled", Scalar::Float64, &[("impute", &[("strategy", text("mean"))]), ("standardize", &[])]),
        slot("power", Scalar::Float64, &[("power_transform", &[]), ("min_max", &[])]),
        slot("plain", Scalar::Int64, &[]),
        slot("home", Scalar::String, &[("target_encode", &[("target", text("label"))]), ("max_abs", &[])]),
        slot("token", Scalar::String, &[("one_hot", &[])]),
        slot(
            "either",
            Scalar::Float64,
            &[("coalesce", &[("inputs", Argument::List(vec![text("x")]))]), ("max_abs", &[])],
        ),
    ])
}

fn rows() -> Vec<Row> {
    const WORDS: [&str; 3] = ["a", "b", "c"];
    let row = |index: i32| {
        let number = f64::from(index * 37 % 100) - 20.5;
        let float = if index % 7 == 0 { Value::Null } else { Value::Float(number) };
        let word = Value::Str(WORDS[index as usize % 3]);
        let either = if index % 2 == 0 { Value::Float(f64::NAN) } else { Value::Float(-2.0) };
        let values = vec![float, float, Value::Int(index.into()), word, word, either];
        (1000 - i64::from(index), values.into_iter().map(Ok).collect(), number)
    };
    (0..60).map(row).collect()
}

#[test]
fn steps_are_fitted_one_after_the_other() {
    let fitted = whole(&slots(), &rows()).unwrap();
    assert_eq!((fitted.rows, fitted.interval), (60, Some((941, 1000))));
    let [filled, power, plain, home, token, either] = &fitted.slots[..] else { panic!("six slots") };
    assert_eq!((filled.count, filled.nulls, filled.errors), (60, 9, 0));
    assert_eq!((&filled.min, &filled.max), (&json!(-18.5), &json!(78.5)));
    // The mean of what is filled is the mean, so the mean that is subtracted is the same.
    let close = |a: &Json, b: &Json| (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-12;
    assert!(close(&filled.steps[0]["value"], &filled.steps[1]["mean"]));
    // What the power makes is standardized, so its range lies around zero.
    assert!(power.steps[1]["min"].as_f64().unwrap() < -1.0 && power.steps[1]["max"].as_f64().unwrap() > 1.0);
    assert_eq!((&plain.steps[..], &plain.min, &plain.max), (&[][..], &json!(0), &json!(59)));
    assert_eq!(home.steps[0]["categories"], json!(["a", "b", "c"]));
    assert_eq!(home.min, Json::Null);
    assert_eq!(token.steps[0]["tokens"].as_array().map(Vec::len), Some(3));
    // NaN is null before the first step, and the other input takes its place.
    assert_eq!((either.nulls, &either.steps[..]), (30, &[Json::Null, json!({"max_abs": 2.0})][..]));
    assert_eq!(target_columns(&slots()).into_iter().collect::<Vec<_>>(), ["label"]);
}

#[test]
fn parts_apart_give_the_same() {
    assert_eq!(apart(&slots(), &rows()), whole(&slots(), &rows()));
}

#[test]
fn equal_rows_give_equal_bytes() {
    let (mut one, mut other) = (new(&slots()), new(&slots()));
    let mut rows = rows();
    feed(&mut one, &rows).unwrap();
    rows.reverse();
    feed(&mut other, &rows).unwrap();
    assert_eq!(one.save(), other.save());
}

#[test]
fn errors_say_where_and_all_of_them() {
    let slots = service(vec![
        slot("a", Scalar::Float64, &[("clip", &[("min", Argument::Int(0))]), ("standardize", &[])]),
        slot("b", Scalar::Float64, &[("max_abs", &[])]),
        slot("c", Scalar::Float64, &[("clip", &[("min", Argument::Int(0))])]),
    ]);
    let error = Err(Fault { reason: Reason::Overflow, why: "too large" });
    let rows: Vec<Row> = (0..3).map(|t| (t, vec![Ok(Value::Null), error, Ok(Value::Null)], 0.0)).collect();
    let messages = |result: Result<FittedService, Vec<FitError>>| {
        result.unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let why = "no value to fit: the column is empty or all null";
    assert_eq!(
        messages(whole(&slots, &rows)),
        [
            format!("slot `a`, step 2 (`standardize`): {why} (3 rows; before the first step 3 null, 0 ERROR)"),
            format!("slot `b`, step 1 (`max_abs`): {why} (3 rows; before the first step 0 null, 3 ERROR)"),
        ]
    );
    assert_eq!(messages(whole(&slots, &[])).len(), 2);
    let distinct = service(vec![slot(
        "id",
        Scalar::Int64,
        &[("impute", &[("strategy", text("mode")), ("max_distinct", Argument::Int(1))])],
    )]);
    let rows: Vec<Row> = (0..3).map(|t| (t, vec![Ok(Value::Int(t))], 0.0)).collect();
    let message = &messages(whole(&distinct, &rows))[0];
    assert!(message.starts_with("slot `id`, step 1 (`impute`): more than 1 distinct values"), "{message}");
}

#[test]
fn a_row_that_a_step_refuses_teaches_nothing() {
    let mut refusing = slot("a", Scalar::Float64, &[("max_abs", &[]), ("min_max", &[])]);
    refusing.steps[0].on_null = OnNull::Error;
    refusing.steps[1].on_null = OnNull::Default(crate::definitions::Constant::Float(9.0));
    let rows: Vec<Row> =
        [Value::Null, Value::Float(1.0), Value::Float(4.0)].map(|value| (0, vec![Ok(value)], 0.0)).to_vec();
    let fitted = whole(&service(vec![refusing.clone()]), &rows).unwrap();
    assert_eq!(fitted.slots[0].steps, [json!({"max_abs": 4.0}), json!({"min": 0.25, "max": 1.0})]);
    // A default stands in the fit as it does in the kernel.
    refusing.steps[0].on_null = OnNull::Propagate;
    let fitted = whole(&service(vec![refusing]), &rows).unwrap();
    assert_eq!(fitted.slots[0].steps[1], json!({"min": 0.25, "max": 9.0}));
}

#[test]
fn foreign_states_are_refused() {
    let (service, rows) = (slots(), rows());
    let mut fit = new(&service);
    feed(&mut fit, &rows).unwrap();
    let first = fit.save();
    for end in 0..first.len() {
        assert!(new(&service).merge(&first[..end]).is_err(), "cut at {end}");
    }
    assert_eq!(fit.finish_pass(), Ok(Pass::Again));
    // Of another pass, and of another service.
    assert!(fit.merge(&first).unwrap_err().to_string().contains("torn, or of another step, pass or version"));
    assert!(new(&self::service(vec![slot("x", Scalar::Float64, &[])])).merge(&first).is_err());
    let mut seen = new(&service);
    feed(&mut seen, &rows).unwrap();
    assert!(seen.merge(&fit.save()).is_err());
}
