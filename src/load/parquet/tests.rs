use std::io::{Seek, Write};

use arrow_array::builder::{ListBuilder, StringDictionaryBuilder};
use arrow_array::types::{Float64Type, Int32Type};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int64Array,
    LargeStringArray, NullArray, RecordBatch, StringArray, StructArray, Time64MicrosecondArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray, UInt64Array,
};
use parquet::arrow::ArrowWriter;

use super::*;
use crate::load::batch::BadRow;

fn names(entity_id: &str, event_time: &str, prefix: &str) -> Names {
    Names {
        entity_id: Some(entity_id.to_owned()),
        event_time: event_time.to_owned(),
        needs_event_time: event_time != "event_time",
        prefix: prefix.as_bytes().to_vec(),
    }
}

fn written(columns: Vec<(&str, ArrayRef)>) -> File {
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap();
    let mut file = tempfile::tempfile().unwrap();
    let mut writer = ArrowWriter::try_new(file.try_clone().unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    file.rewind().unwrap();
    file
}

fn rows(columns: Vec<(&str, ArrayRef)>, names: &Names) -> (Vec<Result<String, BadRow>>, u64) {
    let mut rows = ParquetRows::open(written(columns), names).unwrap();
    let mut found = Vec::new();
    let mut out = Vec::new();
    while let Some(row) = rows.next(&mut out).unwrap() {
        found.push(match row {
            Row::Good(position) => {
                assert_eq!(position, found.len() as u64 + 1);
                Ok(String::from_utf8(out.clone()).unwrap())
            }
            Row::Bad(bad) => Err(bad),
        });
        out.clear();
        assert_eq!(rows.progress(), found.len() as u64);
    }
    assert_eq!(rows.total(), found.len() as u64);
    (found, rows.not_in_json())
}

fn array(array: impl arrow_array::Array + 'static) -> ArrayRef {
    Arc::new(array)
}

/// The JSON of one column of features.
fn values(values: ArrayRef) -> Vec<String> {
    let ids = array(Int64Array::from_iter_values(0..values.len() as i64));
    let (rows, _) = rows(vec![("entity_id", ids), ("x", values)], &names("entity_id", "event_time", ""));
    let value = |row: Result<String, BadRow>| {
        let row = row.unwrap();
        row[row.find("\"x\":").unwrap() + 4..row.len() - 1].to_owned()
    };
    rows.into_iter().map(value).collect()
}

#[test]
fn numbers_are_the_shortest_text_of_their_type_and_nulls_are_kept() {
    let doubles = Float64Array::from(vec![Some(0.1), None, Some(1.0), Some(5e-324), Some(1e300), Some(-0.0)]);
    assert_eq!(values(array(doubles)), ["0.1", "null", "1.0", "5e-324", "1e+300", "-0.0"]);
    assert_eq!(values(array(Float32Array::from(vec![1.111, 16_777_216.0]))), ["1.111", "16777216.0"]);
    assert_eq!(
        values(array(Int64Array::from(vec![i64::MIN, 9_007_199_254_740_993]))),
        ["-9223372036854775808", "9007199254740993"]
    );
    assert_eq!(values(array(UInt64Array::from(vec![u64::MAX]))), ["18446744073709551615"]);
    let decimals = Decimal128Array::from(vec![12_345, -5]).with_precision_and_scale(10, 2).unwrap();
    assert_eq!(values(array(decimals)), ["123.45", "-0.05"]);
    assert_eq!(values(array(BooleanArray::from(vec![Some(true), None]))), ["true", "null"]);
    assert_eq!(values(array(NullArray::new(1))), ["null"]);
}

#[test]
fn values_that_json_can_not_hold_are_null_and_counted() {
    let columns = vec![
        ("entity_id", array(StringArray::from(vec!["a", "b"]))),
        ("x", array(Float64Array::from(vec![f64::NAN, f64::INFINITY]))),
        ("y", array(Float32Array::from(vec![f32::NEG_INFINITY, 1.0]))),
    ];
    let (rows, not_in_json) = rows(columns, &names("entity_id", "event_time", ""));
    assert_eq!(rows[0], Ok(r#"{"entity_id":"a","x":null,"y":null}"#.to_owned()));
    assert_eq!(rows[1], Ok(r#"{"entity_id":"b","x":null,"y":1.0}"#.to_owned()));
    assert_eq!(not_in_json, 3);
}

#[test]
fn times_are_rfc_3339_in_utc_floored_to_microseconds() {
    let nanoseconds = TimestampNanosecondArray::from(vec![1_999, -1, 1_700_000_000_123_456_789]);
    let expected =
        ["\"1970-01-01T00:00:00.000001Z\"", "\"1969-12-31T23:59:59.999999Z\"", "\"2023-11-14T22:13:20.123456Z\""];
    assert_eq!(values(array(nanoseconds.clone())), expected);
    assert_eq!(values(array(nanoseconds.with_timezone("+02:00"))), expected);
    assert_eq!(values(array(TimestampMillisecondArray::from(vec![1]))), ["\"1970-01-01T00:00:00.001Z\""]);
    assert_eq!(
        values(array(Date32Array::from(vec![0, 20_000, -719_162]))),
        ["\"1970-01-01\"", "\"2024-10-04\"", "\"0001-01-01\""]
    );
    assert_eq!(
        values(array(Time64MicrosecondArray::from(vec![0, 34_200_500_000]))),
        ["\"00:00:00\"", "\"09:30:00.5\""]
    );
}

#[test]
fn bytes_lists_structs_and_dictionaries_have_a_form() {
    assert_eq!(values(array(BinaryArray::from_vec(vec![b"\xff\x00a"]))), ["\"/wBh\""]);
    let mut dictionary = StringDictionaryBuilder::<Int32Type>::new();
    dictionary.extend([Some("x\"\n"), None, Some("x\"\n")]);
    assert_eq!(values(array(dictionary.finish())), [r#""x\"\n""#, "null", r#""x\"\n""#]);
    let mut list = ListBuilder::new(arrow_array::builder::PrimitiveBuilder::<Float64Type>::new());
    list.append_value([Some(0.5), None, Some(f64::NAN)]);
    list.append_null();
    list.append_value([]);
    assert_eq!(values(array(list.finish())), ["[0.5,null,null]", "null", "[]"]);
    let structs = StructArray::try_from(vec![
        ("a", array(Int64Array::from(vec![Some(1), None]))),
        ("é", array(TimestampMicrosecondArray::from(vec![0, 1]))),
    ]);
    let expected = [r#"{"a":1,"é":"1970-01-01T00:00:00Z"}"#, r#"{"a":null,"é":"1970-01-01T00:00:00.000001Z"}"#];
    assert_eq!(values(array(structs.unwrap())), expected);
}

#[test]
fn ids_may_be_integers_and_columns_are_renamed() {
    let columns = || {
        vec![
            ("x", array(Int64Array::from(vec![7]))),
            ("at", array(TimestampMicrosecondArray::from(vec![0]))),
            ("customer", array(Int64Array::from(vec![-42]))),
        ]
    };
    let (found, _) = rows(columns(), &names("customer", "at", "c_"));
    assert_eq!(found, [Ok(r#"{"x":7,"event_time":"1970-01-01T00:00:00Z","entity_id":"c_-42"}"#.to_owned())]);
    let text = vec![("entity_id", array(LargeStringArray::from(vec!["a\"b"])))];
    assert_eq!(rows(text, &names("entity_id", "event_time", "c_")).0, [Ok(r#"{"entity_id":"c_a\"b"}"#.to_owned())]);
}

#[test]
fn a_row_without_entity_or_time_is_bad_and_the_others_are_not() {
    let columns = vec![
        ("entity_id", array(StringArray::from(vec![Some("a"), None, Some(""), Some("b"), Some("c")]))),
        ("event_time", array(TimestampMicrosecondArray::from(vec![None, Some(0), Some(0), Some(i64::MAX), Some(0)]))),
    ];
    let (rows, _) = rows(columns, &names("entity_id", "event_time", ""));
    let expected = [
        (1, "event_time", "the event time is null"),
        (2, "entity_id", "the entity id is null"),
        (3, "entity_id", "the entity id is empty"),
        (4, "event_time", "a time outside the years 1 to 9999, or no time of a day"),
    ];
    for (row, (position, field, message)) in rows.iter().zip(expected) {
        let bad = row.as_ref().unwrap_err();
        assert_eq!((bad.position, bad.field.as_str(), bad.message.as_str()), (position, field, message));
    }
    assert_eq!(rows[4], Ok(r#"{"entity_id":"c","event_time":"1970-01-01T00:00:00Z"}"#.to_owned()));
}

#[test]
fn a_file_that_is_no_table_of_rows_is_refused_in_words() {
    let names = names("entity_id", "event_time", "");
    let refused = |file: File| ParquetRows::open(file, &names).err().unwrap_or_default();
    let ids = || ("entity_id", array(StringArray::from(vec!["a"])));
    for (columns, part) in [
        (vec![("id", array(StringArray::from(vec!["a"])))], "no column \"entity_id\""),
        (
            vec![("entity_id", array(Float64Array::from(vec![1.0])))],
            "is Float64: an entity id is a string or an integer",
        ),
        (vec![ids(), ("event_time", array(Int64Array::from(vec![1])))], "an event time is a timestamp"),
        (vec![ids(), ("event_time", array(Date32Array::from(vec![1])))], "an event time is a timestamp"),
    ] {
        let error = refused(written(columns));
        assert!(error.contains(part), "{error}");
    }
    for bytes in [&b""[..], b"PAR1", b"entity_id,x\na,1\n", b"PAR1\0\0\0\0PAR1", &[0; 100]] {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let error = refused(file);
        assert!(error.contains("is no whole Parquet file"), "{error}");
    }
    let whole = written(vec![ids()]);
    let length = whole.metadata().unwrap().len();
    whole.set_len(length - 1).unwrap();
    assert!(refused(whole).contains("is no whole Parquet file"));
}
