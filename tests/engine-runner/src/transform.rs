//! `engine-runner transform`: fits and applies one step.
//!
//! A line is `{"step": name, "parameters": {…}, "input": dtype, "rows": [value, …]}`; `parameters` also holds `on_null` and `nan`.
//! Beside it may stand `"others": [{"input": dtype, "rows": […]}, …]`, the values of the step's other inputs in their order, and
//! either `"fitted": …` or `"fit": [[value, …], …]`, chunks that are fitted apart and merged, with `"targets"` in the same form.
//!
//! The answer is `{"fitted": …, "values": [value, list of positions, or {"fault": …, "why": …}, …]}`, with `"names"` of the
//! positions if the step is wide, or `{"error": …}`. Numbers that JSON does not have are the texts `NaN`, `Infinity` and `-Infinity`;
//! times are microseconds; bytes are text.

use bumpalo::Bump;
use serde_json::{Value as Json, json};
use unskew_engine::definitions::Constant;
use unskew_engine::dtype::{DType, Scalar};
use unskew_engine::scope::Scope;
use unskew_engine::transforms::parameter::{Argument, Arguments, Default, Takes};
use unskew_engine::transforms::{Applied, Fitted, Guard, OnNull, Other, Output, StepDefinition, Transform, find};
use unskew_engine::value::{List, Value, write_list};

/// Fits and applies the step of a line.
pub(crate) fn run(line: &Json) -> Result<Json, String> {
    let arena = Bump::new();
    Ok(answer(line, &arena).unwrap_or_else(|error| json!({ "error": error })))
}

fn answer<'a>(line: &'a Json, arena: &'a Bump) -> Result<Json, String> {
    let input = dtype(line)?;
    let others = line["others"].as_array().map_or(&[][..], Vec::as_slice);
    let columns = others.iter().map(|other| Ok((dtype(other)?, values(&other["rows"], dtype(other)?, arena)?)));
    let columns: Vec<(DType, Vec<Value<'_>>)> = columns.collect::<Result<_, String>>()?;
    let dtypes: Vec<DType> = columns.iter().map(|(dtype, _)| *dtype).collect();
    let definition = step(line, input, &dtypes)?;
    let fitted = match line.get("fit") {
        Some(chunks) => fit(&definition, chunks, &line["targets"], arena)?,
        None => line["fitted"].clone(),
    };
    let others: Vec<Other> = dtypes.iter().enumerate().map(|(index, dtype)| Other { index, dtype: *dtype }).collect();
    let applied = Applied::new(&definition, &others, &fitted)?;
    let mut results = Vec::new();
    for (row, value) in values(&line["rows"], input, arena)?.into_iter().enumerate() {
        let inputs: Vec<Value<'_>> =
            columns.iter().map(|(_, values)| values.get(row).copied().unwrap_or(Value::Null)).collect();
        results.push(apply(&applied, &definition.output, value, &Scope { inputs: &inputs, arena }));
    }
    let mut answer = json!({ "fitted": fitted, "values": results });
    if definition.output == Output::Wide {
        answer["names"] = (0..applied.width()).map(|position| applied.suffix(position)).collect();
    }
    Ok(answer)
}

fn apply<'v>(applied: &'v Applied, output: &Output, value: Value<'v>, scope: &Scope<'v>) -> Json {
    let result = match output {
        Output::One(_) => applied.apply(value, scope).map(|value| to_json(&value)),
        Output::Wide => {
            let mut out = vec![0.0; applied.width()];
            applied.fill(value, scope, &mut out).map(|filled| {
                let positions = out.iter().map(|position| float(f64::from(*position))).collect();
                if filled { positions } else { Json::Null }
            })
        }
    };
    result.unwrap_or_else(|fault| json!({ "fault": fault.reason.name(), "why": fault.why }))
}

/// Fits every chunk apart, merges the states, and goes on until no other pass is needed.
fn fit(definition: &StepDefinition, chunks: &Json, targets: &Json, arena: &Bump) -> Result<Json, String> {
    let fit = || definition.step.fit(definition.input).ok_or("the step has nothing to fit");
    let guard = Guard::new(definition);
    let mut whole = fit()?;
    loop {
        // What a pass begins with; it holds no rows yet.
        let start = whole.save();
        for (index, chunk) in chunks.as_array().into_iter().flatten().enumerate() {
            let mut part = fit()?;
            part.merge(&start)?;
            let targets =
                targets.get(index).map(|targets| values(targets, Scalar::Float64.into(), arena)).transpose()?;
            for (row, value) in values(chunk, definition.input, arena)?.into_iter().enumerate() {
                let target = targets.as_ref().and_then(|targets| targets.get(row)).copied().unwrap_or(Value::Null);
                let value = guard.settle(value).map_err(|fault| fault.why)?;
                part.update(value, target)?;
            }
            whole.merge(&part.save())?;
        }
        if let Fitted::Done(fitted) = whole.finish()? {
            return Ok(fitted);
        }
    }
}

fn dtype(line: &Json) -> Result<DType, String> {
    line["input"]
        .as_str()
        .ok_or("`input` is a type")?
        .parse()
        .map_err(|error: unskew_engine::dtype::NoType| error.to_string())
}

fn step(line: &Json, input: DType, others: &[DType]) -> Result<StepDefinition, String> {
    let name = line["step"].as_str().ok_or("`step` is a name")?;
    let transform = find(name).ok_or_else(|| format!("there is no transform `{name}`"))?;
    let given = &line["parameters"];
    let arguments = arguments(transform, given)?;
    let step = (transform.make)(&arguments).map_err(|problem| problem.message)?;
    let output = step.output(input, others).map_err(|problem| problem.message)?;
    let policy = &given["on_null"];
    let on_null = match policy.get("default") {
        Some(default) => OnNull::Default(constant(default, input).ok_or_else(|| format!("{default} is no {input}"))?),
        None if policy == "error" => OnNull::Error,
        None => OnNull::Propagate,
    };
    Ok(StepDefinition {
        name: transform.name,
        arguments,
        on_null,
        keeps_nan: given["nan"] == "keep",
        step,
        input,
        output,
    })
}

fn arguments(transform: &Transform, given: &Json) -> Result<Arguments, String> {
    let mut arguments = Arguments::default();
    for parameter in transform.parameters {
        let name = parameter.name;
        match (given.get(name), parameter.default) {
            (Some(json), _) => {
                let argument = argument(parameter.takes, json);
                arguments.set(name, argument.ok_or_else(|| format!("`{name}` can't be {json}"))?);
            }
            (None, Default::Required) => return Err(format!("`{name}` is required")),
            (None, Default::Absent) => {}
            (None, Default::Bool(value)) => arguments.set(name, Argument::Bool(value)),
            (None, Default::Integer(value)) => arguments.set(name, Argument::Int(value)),
            (None, Default::Number(value)) => arguments.set(name, Argument::Float(value)),
            (None, Default::Text(value)) => arguments.set(name, Argument::Text(value.to_owned())),
        }
    }
    let known =
        |name: &str| matches!(name, "on_null" | "nan") || transform.parameters.iter().any(|known| known.name == name);
    match given.as_object().into_iter().flat_map(|given| given.keys()).find(|name| !known(name)) {
        Some(name) => Err(format!("`{}` has no parameter `{name}`", transform.name)),
        None => Ok(arguments),
    }
}

fn argument(takes: Takes, json: &Json) -> Option<Argument> {
    let text = |json: &Json| json.as_str().map(|text| Argument::Text(text.to_owned()));
    let number = |json: &Json| json.as_f64().map(Argument::Float);
    let whole = |json: &Json| json.as_i64().map(Argument::Int);
    let constant = |json: &Json| json.as_bool().map(Argument::Bool).or(whole(json)).or(number(json)).or(text(json));
    let list = |item: &dyn Fn(&Json) -> Option<Argument>| json.as_array()?.iter().map(item).collect::<Option<Vec<_>>>();
    match takes {
        Takes::Bool => json.as_bool().map(Argument::Bool),
        Takes::Integer { min, max } => json.as_i64().filter(|value| (min..=max).contains(value)).map(Argument::Int),
        Takes::Number => number(json),
        Takes::Text => text(json),
        Takes::Choice(words) => text(json).filter(|_| words.iter().any(|word| json == word)),
        Takes::Constant => constant(json),
        Takes::Numbers => list(&number).map(Argument::List),
        Takes::Constants => list(&constant).map(Argument::List),
        Takes::Inputs => list(&text).map(Argument::List),
    }
}

fn constant(json: &Json, input: DType) -> Option<Constant> {
    match input.scalar()? {
        Scalar::Bool => json.as_bool().map(Constant::Bool),
        Scalar::Int32 | Scalar::Int64 => json.as_i64().map(Constant::Int),
        Scalar::Float32 | Scalar::Float64 => json.as_f64().map(Constant::Float),
        Scalar::String => json.as_str().map(|text| Constant::Text(text.to_owned())),
        Scalar::Bytes => json.as_str().map(|text| Constant::Bytes(text.as_bytes().to_vec())),
        Scalar::Timestamp => json.as_i64().map(Constant::Time),
    }
}

fn values<'a>(rows: &'a Json, dtype: DType, arena: &'a Bump) -> Result<Vec<Value<'a>>, String> {
    let rows = rows.as_array().ok_or("rows are a list")?.iter();
    rows.map(|row| value(row, dtype, arena).ok_or_else(|| format!("{row} is no {dtype}"))).collect()
}

fn value<'a>(json: &'a Json, dtype: DType, arena: &'a Bump) -> Option<Value<'a>> {
    if json.is_null() {
        return Some(Value::Null);
    }
    match dtype {
        DType::Scalar(scalar) => scalar_value(json, scalar),
        DType::List(item) => {
            let items = json.as_array()?.iter().map(|item_json| value(item_json, item.into(), arena));
            let items: Vec<Value<'_>> = items.collect::<Option<_>>()?;
            let mut bytes = Vec::new();
            let written = write_list(item, items.iter().copied(), &mut bytes);
            written.then(|| List::read(item, arena.alloc_slice_copy(&bytes)))?.map(Value::List)
        }
        DType::Vector(_) => {
            let items = json.as_array()?.iter().map(|item| item.as_f64().map(|item| (item as f32).to_le_bytes()));
            let bytes = items.collect::<Option<Vec<_>>>()?.concat();
            List::vector(arena.alloc_slice_copy(&bytes)).map(Value::List)
        }
    }
}

fn scalar_value(json: &Json, scalar: Scalar) -> Option<Value<'_>> {
    match scalar {
        Scalar::Bool => json.as_bool().map(Value::Bool),
        Scalar::Int32 | Scalar::Int64 => json.as_i64().map(Value::Int),
        Scalar::Float32 | Scalar::Float64 => match json.as_str() {
            Some("NaN") => Some(Value::Float(f64::NAN)),
            Some("Infinity") => Some(Value::Float(f64::INFINITY)),
            Some("-Infinity") => Some(Value::Float(f64::NEG_INFINITY)),
            Some(_) => None,
            None => json.as_f64().map(Value::Float),
        },
        Scalar::String => json.as_str().map(Value::Str),
        Scalar::Bytes => json.as_str().map(|text| Value::Bytes(text.as_bytes())),
        Scalar::Timestamp => json.as_i64().map(Value::Time),
    }
}

fn to_json(value: &Value<'_>) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Int(value) | Value::Time(value) => json!(value),
        Value::Float(value) => float(*value),
        Value::Str(text) => json!(text),
        Value::Bytes(bytes) => json!(String::from_utf8_lossy(bytes)),
        Value::List(list) => list.iter().map(|item| to_json(&item)).collect(),
    }
}

fn float(value: f64) -> Json {
    if value.is_nan() {
        json!("NaN")
    } else if value.is_infinite() {
        json!(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        json!(value)
    }
}
