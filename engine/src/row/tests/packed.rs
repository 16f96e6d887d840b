use std::sync::Arc;

use bumpalo::Bump;
use proptest::prelude::*;

use super::support::{bits, row, values};
use crate::dtype::{DType, Scalar};
use crate::row::packed::{NULLS_AT, begin_row, seal};
use crate::row::{Cell, Mapping, PackedRow, Schema, Times, is_json, order_key, write_delete};
use crate::value::{List, Value};

const TIMES: Times = Times { event_time: 1_700_000_000_000_000, created: -5 };

fn schema(features: &[(&str, &str)]) -> Arc<Schema> {
    Arc::new(Schema::new("v", 1, features.iter().map(|(name, dtype)| (*name, dtype.parse().unwrap()))).unwrap())
}

fn encoded(schema: &Schema, values: &[Value<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    schema.encode(TIMES, values, &mut out).unwrap();
    out
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("f{index}")).collect()
}

fn wide(count: usize, scalar: Scalar) -> Schema {
    Schema::new("v", 1, names(count).iter().map(|name| (name.as_str(), DType::Scalar(scalar)))).unwrap()
}

proptest! {
    #[test]
    fn typed_values_read_back_bit_for_bit(
        (schema, owned) in row(),
        event_time in any::<i64>(),
        created in any::<i64>(),
        before in prop::collection::vec(any::<u8>(), 0..5),
    ) {
        let arena = Bump::new();
        let values = values(&owned, &arena);
        let times = Times { event_time, created };
        let mut out = before.clone();
        schema.encode(times, &values, &mut out).unwrap();
        let stored = &out[before.len()..];
        let row = PackedRow::read(stored).unwrap();
        prop_assert_eq!((row.event_time(), row.created(), row.is_deleted()), (event_time, created, false));
        prop_assert_eq!(row.schema_id(), schema.id());
        prop_assert_eq!(order_key(stored), Some(&times.to_bytes()));
        prop_assert!(!is_json(stored));
        let open = row.open(&schema).unwrap();
        for (index, value) in values.iter().enumerate() {
            let Cell::Value(read) = open.value(index) else { panic!("{:?}", open.value(index)) };
            prop_assert_eq!(bits(read), bits(*value));
        }
        prop_assert_eq!(open.value(values.len()), Cell::Missing);
        let mut again = Vec::new();
        schema.encode(times, &values, &mut again).unwrap();
        prop_assert_eq!(&again, stored);
    }

    #[test]
    fn no_damaged_row_is_read((schema, owned) in row()) {
        let arena = Bump::new();
        let stored = encoded(&schema, &values(&owned, &arena));
        for end in 0..stored.len() {
            prop_assert!(PackedRow::read(&stored[..end]).is_err(), "cut at {}", end);
        }
        let mut damaged = stored.clone();
        for bit in 0..stored.len() * 8 {
            damaged[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(PackedRow::read(&damaged).is_err(), "bit {}", bit);
            damaged[bit / 8] ^= 1 << (bit % 8);
        }
        damaged.push(0);
        prop_assert!(PackedRow::read(&damaged).is_err());
    }

    /// Bytes with a right checksum and a right schema id, and anything between: what a writer that does not follow the format
    /// could store.
    #[test]
    fn a_foreign_row_never_panics((schema, _) in row(), between in prop::collection::vec(any::<u8>(), 0..120)) {
        let mut stored = Vec::new();
        let start = begin_row(schema.id(), TIMES, &mut stored);
        stored.extend_from_slice(&between);
        seal(start, &mut stored);
        if let Ok(row) = PackedRow::read(&stored).unwrap().open(&schema) {
            for index in 0..schema.columns().len() {
                if let Cell::Value(value) = row.value(index) {
                    bits(value);
                }
            }
        }
    }

    #[test]
    fn random_bytes_are_no_row(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = order_key(&bytes);
        prop_assert!(PackedRow::read(&bytes).is_err());
    }

    #[test]
    fn times_compare_as_bytes(a in any::<(i64, i64)>(), b in any::<(i64, i64)>()) {
        let times = |(event_time, created)| Times { event_time, created };
        prop_assert_eq!(times(a).to_bytes().cmp(&times(b).to_bytes()), a.cmp(&b));
        prop_assert_eq!(Times::from_bytes(times(a).to_bytes()), times(a));
    }
}

#[test]
fn rows_are_small() {
    let ints = wide(100, Scalar::Int32);
    assert_eq!(encoded(&ints, &[Value::Int(-1); 100]).len(), 438);
    let floats = wide(50, Scalar::Float32);
    assert_eq!(encoded(&floats, &[Value::Float(0.5); 50]).len(), 232);
}

#[test]
fn fixed_columns_lie_by_width_and_variable_ones_behind() {
    let schema = schema(&[("a", "bool"), ("b", "string"), ("c", "int32"), ("d", "int64"), ("e", "vector<2>")]);
    let vector: Vec<u8> = [1.0_f32, 2.0].iter().flat_map(|item| item.to_le_bytes()).collect();
    let values = [
        Value::Bool(true),
        Value::Str("xyz"),
        Value::Int(2),
        Value::Int(1),
        Value::List(List::vector(&vector).unwrap()),
    ];
    let row = encoded(&schema, &values);
    assert_eq!(row[NULLS_AT], 0);
    let fixed = NULLS_AT + 1;
    assert_eq!(row[fixed..fixed + 8], 1_i64.to_le_bytes());
    assert_eq!(row[fixed + 8..fixed + 12], 2_i32.to_le_bytes());
    assert_eq!(row[fixed + 12..fixed + 20], vector);
    assert_eq!(row[fixed + 20], 1);
    assert_eq!(row[fixed + 21..fixed + 25], 3_u32.to_le_bytes());
    assert_eq!(&row[fixed + 25..fixed + 28], b"xyz");
    assert_eq!(row.len(), fixed + 28 + 4);
}

#[test]
fn a_delete_has_times_and_nothing_else() {
    let mut out = Vec::new();
    write_delete(TIMES, &mut out);
    assert_eq!(out.len(), 25);
    let row = PackedRow::read(&out).unwrap();
    assert!(row.is_deleted());
    assert_eq!((row.event_time(), row.created()), (TIMES.event_time, TIMES.created));
    assert_eq!(order_key(&out), Some(&TIMES.to_bytes()));
    assert!(row.open(&schema(&[("a", "int32")])).is_err());
    for end in 0..out.len() {
        assert!(PackedRow::read(&out[..end]).is_err());
    }
    let mut longer = vec![2, 0, 0, 0, 0];
    longer.extend_from_slice(&TIMES.to_bytes());
    longer.push(0);
    seal(0, &mut longer);
    assert!(PackedRow::read(&longer).unwrap_err().to_string().contains("more than its times"));
}

#[test]
fn reasons_say_what_is_wrong() {
    let why = |stored: &[u8]| PackedRow::read(stored).unwrap_err().to_string();
    assert_eq!(why(b""), "the stored value is empty");
    assert_eq!(why(b"{}"), "format 123 is none that this version reads; it reads 1 (row) and 2 (delete)");
    assert_eq!(why(&[1; 24]), "the row is cut short");
    assert_eq!(why(&[1; 40]), "the row is damaged: its checksum is wrong");
    let row = encoded(&schema(&[("a", "int32")]), &[Value::Int(1)]);
    let why = PackedRow::read(&row).unwrap().open(&schema(&[("b", "int32")])).unwrap_err().to_string();
    assert_eq!(why, "the row is of another schema");
}

#[test]
fn a_foreign_text_and_a_foreign_list_are_errors_of_their_column_alone() {
    let schema = schema(&[("a", "string"), ("b", "list<int32>"), ("c", "bytes")]);
    let mut out = Vec::new();
    let start = begin_row(schema.id(), TIMES, &mut out);
    out.push(0);
    for end in [1_u32, 3, 4] {
        out.extend_from_slice(&end.to_le_bytes());
    }
    out.extend_from_slice(&[0xff, 1, 2, 9]);
    seal(start, &mut out);
    let row = PackedRow::read(&out).unwrap().open(&schema).unwrap();
    assert_eq!(row.value(0), Cell::Undecodable("the stored text is not UTF-8"));
    assert_eq!(row.value(1), Cell::Undecodable("the stored list is not of its form"));
    assert_eq!(row.value(2), Cell::Value(Value::Bytes(&[9])));
}

#[test]
fn a_value_of_another_type_is_refused_and_leaves_nothing() {
    let schema = schema(&[("a", "int32"), ("b", "float32"), ("c", "string"), ("d", "vector<2>"), ("e", "list<int64>")]);
    let wrong = [
        Value::Int(1 << 40),
        Value::Float(1e300),
        Value::Int(1),
        Value::List(List::vector(&[0; 4]).unwrap()),
        Value::List(List::vector(&[0; 4]).unwrap()),
    ];
    for (index, value) in wrong.into_iter().enumerate() {
        let mut values = [Value::Null; 5];
        values[index] = value;
        for encode in [Schema::encode, Schema::encode_json] {
            let mut out = vec![7];
            let why = encode(&schema, TIMES, &values, &mut out).unwrap_err();
            assert!(why.contains(&format!("`{}`", schema.columns()[index].name)), "{why}");
            assert_eq!(out, [7]);
        }
    }
    assert!(schema.encode(TIMES, &[Value::Null], &mut Vec::new()).is_err());
}

#[test]
fn rows_of_another_schema_are_mapped() {
    let old = schema(&[("a", "int64"), ("b", "string"), ("gone", "bool")]);
    let row = encoded(&old, &[Value::Int(7), Value::Null, Value::Bool(true)]);
    let wanted = [("new", DType::Scalar(Scalar::Int64)), ("b", Scalar::String.into()), ("a", Scalar::Float64.into())];
    let mapping = Mapping::new(wanted, old);
    let row = mapping.open(PackedRow::read(&row).unwrap()).unwrap();
    assert_eq!(row.cell(0), Cell::Missing);
    assert_eq!(row.cell(1), Cell::Value(Value::Null));
    assert_eq!(row.cell(2), Cell::Undecodable("`a` was stored as int64, and is now float64"));
    assert_eq!(row.cell(3), Cell::Missing);
}
