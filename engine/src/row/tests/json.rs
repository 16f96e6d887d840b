use bumpalo::Bump;
use proptest::prelude::*;

use super::support::{bits, row, values};
use crate::dtype::{DType, Scalar};
use crate::row::json::{value, write_delete};
use crate::row::{Cell, JsonReader, JsonRow, Schema, Times, is_json};
use crate::value::Value;

const TIMES: Times = Times { event_time: 1_700_000_000_000_000, created: 7 };

fn reader(features: &[(&str, &str)]) -> JsonReader {
    JsonReader::new(features.iter().map(|(name, dtype)| (*name, dtype.parse().unwrap())))
}

/// Reads one row; cells as text.
fn read(reader: &JsonReader, stored: &[u8]) -> Result<(JsonRow, Vec<String>), String> {
    let arena = Bump::new();
    let mut cells = Vec::new();
    let row = reader.read(stored, &arena, &mut cells).map_err(|error| error.to_string())?;
    let show = |cell: &Cell<'_>| match cell {
        Cell::Value(value) => format!("{value:?}"),
        Cell::Missing => "missing".to_owned(),
        Cell::Undecodable(why) => format!("undecodable: {why}"),
    };
    Ok((row, cells.iter().map(show).collect()))
}

proptest! {
    #[test]
    fn typed_values_read_back_bit_for_bit((schema, owned) in row()) {
        let arena = Bump::new();
        let values = values(&owned, &arena);
        let mut out = Vec::new();
        schema.encode_json(TIMES, &values, &mut out).unwrap();
        prop_assert!(is_json(&out));
        prop_assert!(serde_json::from_slice::<serde_json::Value>(&out).is_ok());
        let reader = JsonReader::new(schema.columns().iter().map(|column| (column.name.as_str(), column.dtype)));
        let mut cells = Vec::new();
        let row = reader.read(&out, &arena, &mut cells).unwrap();
        let (event_time, created) = (Some(TIMES.event_time), Some(TIMES.created));
        prop_assert_eq!(row, JsonRow { event_time, created, is_deleted: false });
        for (cell, value) in cells.iter().zip(&values) {
            let Cell::Value(read) = cell else { panic!("{cell:?}") };
            prop_assert_eq!(bits(*read), bits(*value));
        }
    }

    #[test]
    fn nothing_panics(stored in prop::collection::vec(any::<u8>(), 0..60), text in r#"\{("[ab]":[\[\]{}0-9,"ntrue.e-]*,?){0,4}\}"#) {
        let reader = reader(&[("a", "list<int32>"), ("b", "vector<2>")]);
        let _ = read(&reader, &stored);
        let _ = read(&reader, text.as_bytes());
    }
}

#[test]
fn a_row_is_readable() {
    let features = [
        ("n", Scalar::Int64),
        ("f", Scalar::Float32),
        ("d", Scalar::Float64),
        ("s", Scalar::String),
        ("t", Scalar::Timestamp),
        ("y", Scalar::Bytes),
    ];
    let schema = Schema::new("v", 1, features.map(|(name, scalar)| (name, DType::Scalar(scalar)))).unwrap();
    let of = |name: &str| match name {
        "n" => Value::Int(i64::MIN),
        "f" => Value::Float(1.1_f32.into()),
        "d" => Value::Float(-0.0),
        "s" => Value::Str("a\"\n"),
        "t" => Value::Time(1_500_000),
        _ => Value::Bytes(&[0xfb, 0xff]),
    };
    let values: Vec<_> = schema.columns().iter().map(|column| of(&column.name)).collect();
    let mut out = Vec::new();
    schema.encode_json(TIMES, &values, &mut out).unwrap();
    let wanted = r#"{"__event_time":1700000000000000,"__created":7,"d":-0.0,"f":1.1,"n":-9223372036854775808,"s":"a\"\n","t":"1970-01-01T00:00:01.5Z","y":"+/8="}"#;
    assert_eq!(str::from_utf8(&out).unwrap(), wanted);
}

#[test]
fn a_float32_reads_back_by_way_of_float64() {
    // The shortest decimal of this float32, read as float64 and rounded, is its neighbour.
    let hard = f32::from_bits(0x15ae_43fd);
    assert_ne!((hard.to_string().parse::<f64>().unwrap() as f32).to_bits(), hard.to_bits());
    let schema = Schema::new("v", 1, [("a", DType::Scalar(Scalar::Float32))]).unwrap();
    let mut out = Vec::new();
    schema.encode_json(TIMES, &[Value::Float(hard.into())], &mut out).unwrap();
    let (_, cells) = read(&reader(&[("a", "float32")]), &out).unwrap();
    assert_eq!(cells, [format!("{:?}", Value::Float(hard.into()))]);
}

#[test]
fn rows_that_a_tool_has_set_are_read_by_type() {
    let reader = reader(&[("a", "int32"), ("b", "float64"), ("c", "list<string>"), ("d", "bool")]);
    let (row, cells) = read(&reader, br#" {"b":1,"other":{"x":[1]},"c":["p",null],"a":7.0,"\u0064":true} "#).unwrap();
    assert_eq!(row, JsonRow::default());
    assert_eq!(cells[0], "undecodable: must be a whole number without decimal point or exponent (int32), not 7.0");
    assert_eq!(cells[1], "Float(1.0)");
    assert!(cells[2].starts_with("List("), "{}", cells[2]);
    assert_eq!(cells[3], "Bool(true)");
}

#[test]
fn the_last_of_a_name_counts_and_absent_is_missing() {
    let (_, cells) = read(&reader(&[("a", "int32"), ("b", "int32")]), br#"{"a":"x","a":2}"#).unwrap();
    assert_eq!(cells, ["Int(2)", "missing"]);
}

#[test]
fn times_count_at_the_beginning_only() {
    let reader = reader(&[("a", "int32")]);
    let times = |stored: &str| {
        let (row, _) = read(&reader, stored.as_bytes()).unwrap();
        (row.event_time, row.created, row.is_deleted)
    };
    assert_eq!(times(r#"{"__event_time":5,"__created":6,"a":1}"#), (Some(5), Some(6), false));
    assert_eq!(times(r#"{"__event_time":5,"a":1,"__created":6}"#), (Some(5), None, false));
    assert_eq!(times(r#"{"a":1,"__event_time":5}"#), (None, None, false));
    assert_eq!(times(r#"{"__created":6,"__event_time":5}"#), (None, None, false));
    assert_eq!(times(r#"{"__event_time":"5","__created":6}"#), (None, None, false));
    assert_eq!(times(r#"{"\u005f_event_time":5}"#), (None, None, false));
    assert_eq!(times("{}"), (None, None, false));
    assert_eq!(times(r#"{"__event_time":5}"#), (Some(5), None, true));
    assert_eq!(times(r#"{"__event_time":5,"other":null}"#), (Some(5), None, false));
    let mut delete = Vec::new();
    write_delete(TIMES, &mut delete);
    assert_eq!(times(str::from_utf8(&delete).unwrap()), (Some(TIMES.event_time), Some(TIMES.created), true));
}

#[test]
fn what_is_no_row_says_why() {
    let reader = reader(&[("a", "int32")]);
    for (stored, why) in [
        (&b"\xff"[..], "the stored value is not UTF-8"),
        (b"[]", "the stored value is no JSON object: invalid type: sequence, expected an object at line 1 column 0"),
        (br#"{"a":1"#, "the stored value is no JSON object: EOF while parsing an object at line 1 column 6"),
        (br#"{"a":1} x"#, "the stored value is no JSON object: trailing characters at line 1 column 9"),
        (br#"{"a":1e999}"#, "the stored value is no JSON object: number out of range at line 1 column 10"),
        (br#"{"__event_time":9223372036854775807,"a":1}"#, "__event_time lies outside the years 1 to 9999"),
    ] {
        assert_eq!(read(&reader, stored).unwrap_err(), why);
    }
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(read(&reader, deep.as_bytes()).is_ok());
}

#[test]
fn request_columns_are_read_by_type() {
    let arena = Bump::new();
    let typed = |json: &str, dtype: &str| {
        let json: serde_json::Value = serde_json::from_str(json).unwrap();
        value(&json, dtype.parse().unwrap(), &arena).map(|value| bits(value))
    };
    let good = [
        ("123", "float64", Value::Float(123.0)),
        ("9007199254740993", "float64", Value::Float(9_007_199_254_740_992.0)),
        ("18446744073709551615", "float64", Value::Float(18_446_744_073_709_551_615.0)),
        ("0.1", "float32", Value::Float(0.1_f32.into())),
        ("-7", "int32", Value::Int(-7)),
        ("\"1970-01-01T00:00:01Z\"", "timestamp", Value::Time(1_000_000)),
        ("null", "list<int32>", Value::Null),
    ];
    for (json, dtype, wanted) in good {
        assert_eq!(typed(json, dtype), Ok(bits(wanted)), "{json} as {dtype}");
    }
    let bad = [
        ("\"abc\"", "int64"),
        ("7.0", "int64"),
        ("2147483648", "int32"),
        ("9223372036854775808", "int64"),
        ("1e300", "float32"),
        ("\"NaN\"", "float64"),
        ("1", "bool"),
        ("1", "string"),
        ("1", "timestamp"),
        ("\"1970-01-01T00:00:01\"", "timestamp"),
        ("\"abc!\"", "bytes"),
        ("[1,2]", "vector<3>"),
        ("[1,null]", "vector<2>"),
        ("[1,\"x\"]", "list<int32>"),
        ("1", "list<int32>"),
        ("{}", "string"),
        ("[1]", "int32"),
    ];
    for (json, dtype) in bad {
        assert!(typed(json, dtype).is_err(), "{json} as {dtype}");
    }
    assert_eq!(
        typed("[1,true]", "list<int32>").unwrap_err(),
        "item 1: must be a whole number without decimal point or exponent (int32), not true"
    );
}
