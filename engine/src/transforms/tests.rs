//! What holds for every transform of the catalogue: no value panics, fits are exact whatever the order, and policies for null and
//! NaN are those of the wrapper.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::parameter::Argument;
use super::testing::{Bench, int, list, list_of, number, problem, text, texts};
use super::{Fitted, OnNull, Output, catalogue, find};
use crate::definitions::Constant;
use crate::dtype::{DType, Scalar};
use crate::scope::Fault;
use crate::status::Reason;
use crate::value::Value;

/// Steps of every transform of this folder that has nothing to fit, or explicit tokens.
fn benches() -> Vec<Bench> {
    let tokens = texts(["a", "", "ü"]);
    let numbers = list([int(0), int(-1), int(i64::MAX)]);
    let steps: Vec<(&str, Vec<(&'static str, Argument)>)> = vec![
        ("binarize", vec![]),
        ("binarize", vec![("op", text("ne")), ("threshold", number(f64::MAX))]),
        ("bucketize", vec![("boundaries", list([number(-1.0), number(0.0), number(1e300)]))]),
        ("bucketize", vec![("boundaries", list([number(0.5)])), ("null", text("bucket")), ("closed", text("right"))]),
        ("clip", vec![("min", number(-1.0))]),
        ("coalesce", vec![("default", int(1))]),
        ("coalesce", vec![("default", text("x"))]),
        ("cyclic", vec![("period", number(f64::MIN_POSITIVE))]),
        ("cyclic", vec![("period", number(f64::MAX))]),
        ("cyclic", vec![("period", int(7))]),
        ("date_part", vec![("part", text("iso_week")), ("tz", text("Pacific/Apia"))]),
        ("date_part", vec![("part", text("is_night"))]),
        ("hash_bucket", vec![("bins", int(i64::MAX))]),
        ("hash_bucket", vec![("bins", int(7)), ("hash", text("murmur3"))]),
        (
            "hash_bucket",
            vec![("bins", int(7)), ("hash", text("siphash64")), ("salt", list([int(1)])), ("mask", text(""))],
        ),
        ("log", vec![("offset", int(1))]),
        ("log", vec![("base", number(0.5)), ("nonpositive", text("clip"))]),
        ("log", vec![("nonpositive", text("error"))]),
        ("missing_indicator", vec![]),
        (
            "multi_hot",
            vec![("tokens", tokens.clone()), ("mode", text("count")), ("unknown", text("bucket")), ("num_oov", int(5))],
        ),
        ("multi_hot", vec![("tokens", numbers.clone())]),
        ("one_hot", vec![("tokens", tokens.clone()), ("unknown", text("error"))]),
        (
            "one_hot",
            vec![
                ("tokens", numbers.clone()),
                ("unknown", text("bucket")),
                ("num_oov", int(3)),
                ("drop", text("first")),
            ],
        ),
        ("rescale", vec![("scale", number(f64::MAX)), ("offset", number(f64::MIN))]),
        ("vocabulary", vec![("tokens", tokens), ("num_oov", int(3)), ("mask", text("m"))]),
        ("vocabulary", vec![("tokens", numbers), ("num_oov", int(0))]),
    ];
    let casts = Scalar::ALL.into_iter().flat_map(|scalar| {
        ["error", "saturate"].map(|overflow| {
            let arguments = [("dtype", text(scalar.name())), ("overflow", text(overflow)), ("invalid", text("null"))];
            Bench::new(find("cast").unwrap(), &arguments)
        })
    });
    let others: [(Scalar, Value<'static>); 2] = [(Scalar::String, Value::Str("x")), (Scalar::Int64, Value::Int(-1))];
    let cross = [("inputs", texts(["a", "b"])), ("bins", int(11))];
    let cross = Bench::new(find("cross").unwrap(), &cross).with(&others);
    let top = Bench::new(find("top_k_category").unwrap(), &[("k", int(2))]).fitted(json!({"tokens": ["a", "b"]}));
    let plain = steps.iter().map(|(name, arguments)| Bench::new(find(name).unwrap(), arguments));
    plain.chain(casts).chain([cross, top]).collect()
}

/// Applies a step to a value of a type, if it takes the type. What comes out is of the type that the step says.
fn try_all(bench: &Bench, scalar: Scalar, value: Value<'_>) {
    for input in [DType::Scalar(scalar), DType::List(scalar)] {
        let Ok(output) = bench.output(input) else { continue };
        let value = if input == DType::List(scalar) { list_of(scalar, &[value, Value::Null, value]) } else { value };
        for policy in [bench.clone(), bench.keeping_nan(), bench.on_null(OnNull::Error)] {
            match output {
                Output::One(dtype) => {
                    let result = policy.run(input, value);
                    let fits = result.is_ok_and(|result| is_of(result, dtype));
                    assert!(fits || result.is_err(), "{bench:?} of {value:?} gives {result:?}, not {dtype}");
                }
                Output::Wide => {
                    let width = policy.suffixes(input).len();
                    let filled = policy.fill(input, value);
                    assert!(!matches!(filled, Ok(Some(positions)) if positions.len() != width));
                }
            }
        }
    }
}

fn is_of(value: Value<'_>, dtype: DType) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(_) => dtype == DType::Scalar(Scalar::Bool),
        Value::Int(value) => match dtype {
            DType::Scalar(Scalar::Int32) => i32::try_from(value).is_ok(),
            DType::Scalar(_) | DType::List(_) | DType::Vector(_) => dtype == DType::Scalar(Scalar::Int64),
        },
        Value::Float(_) => matches!(dtype, DType::Scalar(Scalar::Float32 | Scalar::Float64)),
        Value::Str(_) => dtype == DType::Scalar(Scalar::String),
        Value::Bytes(_) => dtype == DType::Scalar(Scalar::Bytes),
        Value::Time(_) => dtype == DType::Scalar(Scalar::Timestamp),
        Value::List(_) => matches!(dtype, DType::List(_)),
    }
}

const HARD_FLOATS: [f64; 12] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::MAX,
    f64::MIN,
    5e-324,
    9_223_372_036_854_775_808.0,
    -9_223_372_036_854_775_809.0,
];
const HARD_INTS: [i64; 7] = [0, 1, -1, i64::MAX, i64::MIN, i32::MAX as i64, i32::MIN as i64];
const HARD_TEXTS: [&str; 12] = [
    "",
    "a",
    "ü",
    "\0",
    "1e999",
    "-9223372036854775809",
    "NaN",
    "true",
    " 1 ",
    "2024-02-30T00:00:00Z",
    "9999-12-31T23:59:59.9999999Z",
    "𝕏",
];

#[test]
fn hard_values_never_panic() {
    for bench in benches() {
        for value in HARD_FLOATS {
            try_all(&bench, Scalar::Float64, Value::Float(value));
            try_all(&bench, Scalar::Float32, Value::Float((value as f32).into()));
        }
        for value in HARD_INTS {
            try_all(&bench, Scalar::Int64, Value::Int(value));
            try_all(&bench, Scalar::Int32, Value::Int(value.clamp(i32::MIN.into(), i32::MAX.into())));
            try_all(&bench, Scalar::Timestamp, Value::Time(value));
            try_all(&bench, Scalar::Bool, Value::Bool(value > 0));
        }
        for value in HARD_TEXTS {
            try_all(&bench, Scalar::String, Value::Str(value));
            try_all(&bench, Scalar::Bytes, Value::Bytes(value.as_bytes()));
        }
        try_all(&bench, Scalar::Bytes, Value::Bytes(&[0xff, 0xfe]));
        for scalar in Scalar::ALL {
            try_all(&bench, scalar, Value::Null);
        }
    }
}

proptest! {
    #[test]
    fn no_value_panics(number: f64, whole: i64, word: String, bytes: Vec<u8>) {
        for bench in benches() {
            try_all(&bench, Scalar::Float64, Value::Float(number));
            try_all(&bench, Scalar::Int64, Value::Int(whole));
            try_all(&bench, Scalar::Timestamp, Value::Time(whole));
            try_all(&bench, Scalar::String, Value::Str(&word));
            try_all(&bench, Scalar::Bytes, Value::Bytes(&bytes));
        }
    }
}

/// Steps that learn tokens, with what they learn from.
fn learners() -> Vec<(Bench, DType)> {
    let bench = |name: &str, arguments: &[(&'static str, Argument)]| Bench::new(find(name).unwrap(), arguments);
    let text_list = DType::List(Scalar::String);
    vec![
        (bench("vocabulary", &[("max_tokens", int(3)), ("mask", text("a"))]), Scalar::String.into()),
        (bench("one_hot", &[("order", text("value"))]), Scalar::Int64.into()),
        (bench("top_k_category", &[("k", int(2))]), Scalar::String.into()),
        (bench("multi_hot", &[("mode", text("tf_idf"))]), text_list),
    ]
}

fn row(dtype: DType, items: &[Option<u8>]) -> Value<'static> {
    const WORDS: [&str; 6] = ["a", "b", "ab", "", "ü", "zz"];
    let item = |item: &Option<u8>| match (item, dtype) {
        (None, _) => Value::Null,
        (Some(item), DType::Scalar(Scalar::Int64)) => Value::Int(i64::from(*item % 6) - 3),
        (Some(item), _) => Value::Str(WORDS[usize::from(*item % 6)]),
    };
    match dtype {
        DType::List(scalar) => list_of(scalar, &items.iter().map(item).collect::<Vec<_>>()),
        DType::Scalar(_) | DType::Vector(_) => items.first().map_or(Value::Null, item),
    }
}

proptest! {
    /// Chunks in any order and split give the same bytes and the same parameters.
    #[test]
    fn fits_depend_on_the_rows_alone(
        rows in prop::collection::vec((prop::collection::vec(any::<Option<u8>>(), 0..4), 0_usize..3), 1..40),
        order in any::<prop::sample::Index>(),
    ) {
        for (bench, dtype) in learners() {
            let mut whole = bench.step().fit(dtype).unwrap();
            let mut parts: Vec<_> = (0..3).map(|_| bench.step().fit(dtype).unwrap()).collect();
            for (items, _) in &rows {
                whole.update(row(dtype, items), Value::Null).unwrap();
            }
            for (items, part) in rows.iter().rev() {
                parts[*part].update(row(dtype, items), Value::Null).unwrap();
            }
            let first = order.index(parts.len());
            let mut merged = bench.step().fit(dtype).unwrap();
            for part in 0..parts.len() {
                merged.merge(&parts[(first + part) % parts.len()].save()).unwrap();
            }
            prop_assert_eq!(merged.save(), whole.save());
            prop_assert_eq!(merged.finish(), whole.finish());
        }
    }

    #[test]
    fn foreign_states_are_refused_or_harmless(bytes: Vec<u8>, cut in any::<prop::sample::Index>()) {
        for (bench, dtype) in learners() {
            let mut fit = bench.step().fit(dtype).unwrap();
            fit.update(row(dtype, &[Some(1), Some(4)]), Value::Null).unwrap();
            let saved = fit.save();
            prop_assert!(fit.merge(&saved[..cut.index(saved.len())]).is_err());
            let _ = fit.merge(&bytes);
            let _ = fit.finish();
        }
    }
}

#[test]
fn nothing_to_learn_from_is_an_error() {
    for (bench, dtype) in learners() {
        let mut fit = bench.step().fit(dtype).unwrap();
        fit.update(Value::Null, Value::Null).unwrap();
        assert_eq!(fit.finish(), Err("no value to learn from: the column is empty or all null".to_owned()));
        fit.update(row(dtype, &[Some(1)]), Value::Null).unwrap();
        assert!(matches!(fit.finish(), Ok(Fitted::Done(Json::Object(_)))));
    }
}

#[test]
fn the_wrapper_settles_null_and_nan() {
    let bench = Bench::new(find("rescale").unwrap(), &[("scale", int(2))]);
    let run = |bench: &Bench, value| bench.run(Scalar::Float64, Value::Float(value)).map(Value::as_f64);
    assert_eq!(run(&bench, f64::NAN), Ok(None));
    assert!(matches!(run(&bench.keeping_nan(), f64::NAN), Ok(Some(number)) if number.is_nan()));
    let default = bench.on_null(OnNull::Default(Constant::Float(3.0)));
    assert_eq!(run(&default, f64::NAN), Ok(Some(6.0)));
    assert_eq!(default.run(Scalar::Float64, Value::Null), Ok(Value::Float(6.0)));
    let refused = bench.on_null(OnNull::Error).run(Scalar::Float64, Value::Null);
    let why = "the value is null, which `on_null: error` refuses";
    assert_eq!(refused, Err(Fault { reason: Reason::Refused, why }));
    // A step of one value fills nothing, and a wide one has no single value.
    assert_eq!(bench.fill(Scalar::Float64, Value::Float(0.5)), Ok(None));
    let wide = Bench::new(find("cyclic").unwrap(), &[("period", int(7))]);
    assert_eq!(wide.run(Scalar::Float64, Value::Float(0.5)), Ok(Value::Null));
    assert_eq!(wide.on_null(OnNull::Error).fill(Scalar::Float64, Value::Null).map_err(|fault| fault.why), Err(why));
}

#[test]
fn the_catalogue_is_in_order_and_documented() {
    let names: Vec<&str> = catalogue().iter().map(|transform| transform.name).collect();
    assert!(names.is_sorted(), "{names:?}");
    for transform in catalogue() {
        assert!(transform.example.contains(transform.name), "{}", transform.name);
        assert!(transform.doc.ends_with('.'), "{}", transform.name);
        for parameter in transform.parameters {
            assert!(!parameter.doc.ends_with('.') && !parameter.doc.is_empty(), "{}", parameter.name);
        }
    }
    assert!(find("no_such_transform").is_none());
}

#[test]
fn constants_of_another_kind_are_refused() {
    let float = problem(find("vocabulary").unwrap(), &[("tokens", list([number(0.5)]))]);
    assert_eq!(float.message, "`tokens` holds 0.5, which can't be a token; tokens are texts, whole numbers or bools");
}
