use std::sync::Arc;

use arrow_array::builder::{FixedSizeListBuilder, Float32Builder, ListBuilder, StringBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, BooleanArray, Date32Array, DictionaryArray, FixedSizeBinaryArray,
    Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, LargeBinaryArray, LargeListArray,
    LargeStringArray, ListArray, NullArray, StringArray, StringViewArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt8Array, UInt64Array,
};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field};
use bumpalo::Bump;
use proptest::prelude::*;

use super::Column;
use crate::dtype::{DType, Scalar};
use crate::row::json::value as json_value;
use crate::row::tests::support::{Owned, bits, of_type};
use crate::value::Value;

/// All values of an array as text, or why one can't be read.
fn read(array: &dyn Array, dtype: &str) -> Vec<String> {
    let arena = Bump::new();
    let column = Column::new(array, dtype.parse().unwrap()).unwrap();
    (0..column.len()).map(|row| column.value(row, &arena).map_or_else(|why| why, bits)).collect()
}

fn all(values: &[Value<'_>]) -> Vec<String> {
    values.iter().map(|value| bits(*value)).collect()
}

#[test]
fn ints_of_any_width_are_read_where_they_fit() {
    let arrays: [ArrayRef; 5] = [
        Arc::new(Int8Array::from(vec![Some(1), None, Some(3)])),
        Arc::new(Int16Array::from(vec![Some(1), None, Some(3)])),
        Arc::new(Int32Array::from(vec![Some(1), None, Some(3)])),
        Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])),
        Arc::new(UInt8Array::from(vec![Some(1), None, Some(3)])),
    ];
    for array in &arrays {
        for dtype in ["int32", "int64"] {
            assert_eq!(read(array, dtype), all(&[Value::Int(1), Value::Null, Value::Int(3)]));
        }
        for dtype in ["float32", "float64"] {
            assert_eq!(read(array, dtype), all(&[Value::Float(1.0), Value::Null, Value::Float(3.0)]));
        }
    }
    let large = UInt64Array::from(vec![1, u64::MAX]);
    assert_eq!(read(&large, "int64"), ["Int(1)", "18446744073709551615 does not fit int64"]);
    assert_eq!(read(&Int64Array::from(vec![i64::MIN]), "int32"), ["-9223372036854775808 does not fit int32"]);
}

#[test]
fn ints_are_floats_where_they_are_exact() {
    let ints = Int64Array::from(vec![1 << 53, (1 << 53) + 1, (1 << 53) + 2, i64::MIN, 0]);
    let wanted = [
        bits(Value::Float(9_007_199_254_740_992.0)),
        "9007199254740993 is not exact as float64; declare the column as int64".to_owned(),
        bits(Value::Float(9_007_199_254_740_994.0)),
        bits(Value::Float(-9_223_372_036_854_775_808.0)),
        bits(Value::Float(0.0)),
    ];
    assert_eq!(read(&ints, "float64"), wanted);
    let ints = Int32Array::from(vec![1 << 24, (1 << 24) + 1]);
    assert!(read(&ints, "float32")[1].contains("not exact as float32"));
}

#[test]
fn float64_rounds_to_float32_and_must_fit() {
    let floats = Float64Array::from(vec![0.1, 1e300, f64::INFINITY, f64::NAN]);
    let wanted = [
        bits(Value::Float(0.1_f32.into())),
        "1e300 does not fit float32".to_owned(),
        bits(Value::Float(f64::INFINITY)),
        "NaN".to_owned(),
    ];
    assert_eq!(read(&floats, "float32"), wanted);
    assert_eq!(read(&Float32Array::from(vec![0.1]), "float64"), all(&[Value::Float(0.1_f32.into())]));
}

#[test]
fn texts_and_bytes_of_any_form_are_read() {
    let texts: [ArrayRef; 4] = [
        Arc::new(StringArray::from(vec![Some("a"), None, Some("")])),
        Arc::new(LargeStringArray::from(vec![Some("a"), None, Some("")])),
        Arc::new(StringViewArray::from(vec![Some("a"), None, Some("")])),
        Arc::new(vec![Some("a"), None, Some("")].into_iter().collect::<DictionaryArray<Int32Type>>()),
    ];
    for array in &texts {
        assert_eq!(read(array, "string"), all(&[Value::Str("a"), Value::Null, Value::Str("")]));
    }
    let blobs: [ArrayRef; 4] = [
        Arc::new(BinaryArray::from(vec![Some(&b"ab"[..]), None])),
        Arc::new(LargeBinaryArray::from(vec![Some(&b"ab"[..]), None])),
        Arc::new(BinaryViewArray::from(vec![Some(&b"ab"[..]), None])),
        Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size([Some(b"ab"), None].into_iter(), 2).unwrap()),
    ];
    for array in &blobs {
        assert_eq!(read(array, "bytes"), all(&[Value::Bytes(b"ab"), Value::Null]));
    }
}

#[test]
fn a_dictionary_may_have_nulls_in_its_values() {
    let values = StringArray::from(vec![Some("a"), None]);
    let array = DictionaryArray::<Int32Type>::new(Int32Array::from(vec![Some(1), Some(0), None]), Arc::new(values));
    assert_eq!(read(&array, "string"), all(&[Value::Null, Value::Str("a"), Value::Null]));
    assert_eq!(read(&array.slice(1, 1), "string"), all(&[Value::Str("a")]));
}

#[test]
fn times_of_any_unit_are_microseconds() {
    let zoned = TimestampMillisecondArray::from(vec![-1]).with_timezone("+02:00");
    assert_eq!(read(&zoned, "timestamp"), all(&[Value::Time(-1000)]));
    assert_eq!(
        read(&TimestampNanosecondArray::from(vec![1999, -1]), "timestamp"),
        all(&[Value::Time(1), Value::Time(-1)])
    );
    assert_eq!(read(&TimestampMicrosecondArray::from(vec![5]), "timestamp"), all(&[Value::Time(5)]));
    assert_eq!(read(&Date32Array::from(vec![-1]), "timestamp"), all(&[Value::Time(-86_400_000_000)]));
    let far = TimestampSecondArray::from(vec![1, i64::MAX, 300_000_000_000]);
    let outside = "is outside the years 1 to 9999".to_owned();
    assert_eq!(read(&far, "timestamp"), [bits(Value::Time(1_000_000)), outside.clone(), outside]);
}

#[test]
fn lists_and_vectors_are_read_from_any_list() {
    let offsets = OffsetBuffer::new(ScalarBuffer::from(vec![0, 2, 2, 3]));
    let items: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None, Some(1 << 25)]));
    let field = Arc::new(Field::new("item", DataType::Int32, true));
    let lists = ListArray::new(field, offsets, items, Some(vec![true, false, true].into()));
    assert_eq!(
        read(&lists, "list<int64>"),
        ["int64 [\"Int(1)\", \"Null\"]".to_owned(), "Null".to_owned(), "int64 [\"Int(33554432)\"]".to_owned()]
    );
    assert_eq!(read(&lists.slice(2, 1), "list<int64>"), ["int64 [\"Int(33554432)\"]"]);
    assert_eq!(read(&lists, "vector<2>")[0], "item 1 is null; a vector has none");
    assert_eq!(read(&lists, "vector<2>")[2], "must have 2 items (vector<2>), not 1");
    let mut vectors = FixedSizeListBuilder::new(Float32Builder::new(), 2);
    for items in [[1.0, 2.0], [3.0, 4.0]] {
        vectors.values().append_slice(&items);
        vectors.append(true);
    }
    let vectors = vectors.finish();
    let float = |float: f64| format!("{:?}", bits(Value::Float(float)));
    assert_eq!(read(&vectors.slice(1, 1), "vector<2>"), [format!("float32 [{}, {}]", float(3.0), float(4.0))]);
    let mut texts = ListBuilder::new(StringBuilder::new());
    texts.append_value([Some("a"), None]);
    let texts = texts.finish();
    assert_eq!(read(&texts, "list<string>"), ["string [\"Str(\\\"a\\\")\", \"Null\"]"]);
    let large = LargeListArray::new(
        Arc::new(Field::new("item", DataType::Utf8, true)),
        OffsetBuffer::new(ScalarBuffer::from(vec![0_i64, 2])),
        Arc::clone(texts.values()),
        None,
    );
    assert_eq!(read(&large, "list<string>"), read(&texts, "list<string>"));
}

#[test]
fn null_arrays_are_of_every_type_and_rows_behind_the_end_are_null() {
    for dtype in ["int64", "string", "list<int64>", "vector<2>"] {
        assert_eq!(read(&NullArray::new(2), dtype), ["Null", "Null"]);
    }
    let arena = Bump::new();
    let bools = BooleanArray::from(vec![true]);
    let column = Column::new(&bools, Scalar::Bool.into()).unwrap();
    assert_eq!(column.value(1, &arena), Ok(Value::Null));
}

#[test]
fn a_type_that_would_lose_something_is_refused() {
    let cases: [(ArrayRef, &str); 6] = [
        (Arc::new(Float64Array::from(vec![1.0])), "int64"),
        (Arc::new(Int64Array::from(vec![1])), "timestamp"),
        (Arc::new(StringArray::from(vec!["1"])), "int64"),
        (Arc::new(StringArray::from(vec!["1"])), "bytes"),
        (Arc::new(BooleanArray::from(vec![true])), "int64"),
        (Arc::new(Int64Array::from(vec![1])), "list<int64>"),
    ];
    for (array, dtype) in cases {
        let why = Column::new(&array, dtype.parse().unwrap()).unwrap_err();
        assert!(why.contains(&format!("can't be read as {dtype}")), "{why}");
    }
}

/// An array of one type for each scalar.
fn array(scalar: Scalar, values: &[Owned]) -> ArrayRef {
    let ints =
        || values.iter().map(|value| if let Owned::Int(int) | Owned::Time(int) = value { Some(*int) } else { None });
    let floats = || values.iter().map(|value| if let Owned::Float(float) = value { Some(*float) } else { None });
    match scalar {
        Scalar::Bool => Arc::new(
            values.iter().map(|v| if let Owned::Bool(v) = v { Some(*v) } else { None }).collect::<BooleanArray>(),
        ),
        Scalar::Int32 | Scalar::Int64 => Arc::new(ints().collect::<Int64Array>()),
        Scalar::Float32 | Scalar::Float64 => Arc::new(floats().collect::<Float64Array>()),
        Scalar::String => Arc::new(
            values.iter().map(|v| if let Owned::Str(v) = v { Some(v.as_str()) } else { None }).collect::<StringArray>(),
        ),
        Scalar::Bytes => Arc::new(
            values
                .iter()
                .map(|v| if let Owned::Bytes(v) = v { Some(v.as_slice()) } else { None })
                .collect::<BinaryArray>(),
        ),
        Scalar::Timestamp => Arc::new(ints().collect::<TimestampMicrosecondArray>()),
    }
}

/// The JSON that a client writes for a value; none for what JSON lacks.
fn json(value: &Owned) -> Option<serde_json::Value> {
    Some(match value {
        Owned::Null => serde_json::Value::Null,
        Owned::Bool(value) => (*value).into(),
        Owned::Int(int) => (*int).into(),
        Owned::Float(float) => serde_json::Number::from_f64(*float)?.into(),
        Owned::Str(text) => text.as_str().into(),
        Owned::Bytes(bytes) => crate::row::base64::encode(bytes).into(),
        Owned::Time(time) => crate::row::time::format(*time)?.into(),
        Owned::List(_, items) => items.iter().map(json).collect::<Option<Vec<_>>>()?.into(),
        Owned::Vector(_) => return None,
    })
}

proptest! {
    #[test]
    fn arrow_gives_the_values_of_json(
        (scalar, values) in crate::row::tests::support::scalar()
            .prop_flat_map(|scalar| (Just(scalar), prop::collection::vec(of_type(DType::Scalar(scalar)), 0..20)))
    ) {
        let arena = Bump::new();
        let array = array(scalar, &values);
        let column = Column::new(&array, scalar.into()).unwrap();
        for (row, owned) in values.iter().enumerate() {
            let read = column.value(row, &arena);
            prop_assert_eq!(read.map(bits), Ok(bits(owned.value(&arena))));
            if let Some(json) = json(owned) {
                prop_assert_eq!(json_value(&json, scalar.into(), &arena).map(bits), Ok(bits(owned.value(&arena))));
            }
        }
        // As one list, and as a slice of the array.
        let length = i32::try_from(values.len()).unwrap();
        let offsets = OffsetBuffer::new(ScalarBuffer::from(vec![0, length]));
        let field = Arc::new(Field::new("item", array.data_type().clone(), true));
        let list = ListArray::new(field, offsets, Arc::clone(&array), None);
        let wanted = Owned::List(scalar, values.clone());
        let column = Column::new(&list, DType::List(scalar)).unwrap();
        prop_assert_eq!(column.value(0, &arena).map(bits), Ok(bits(wanted.value(&arena))));
        let half = values.len() / 2;
        let slice = array.slice(half, values.len() - half);
        let column = Column::new(&slice, scalar.into()).unwrap();
        for (row, owned) in values[half..].iter().enumerate() {
            prop_assert_eq!(column.value(row, &arena).map(bits), Ok(bits(owned.value(&arena))));
        }
    }
}
