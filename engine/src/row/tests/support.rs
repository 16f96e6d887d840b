//! Random types and values of them, for the property tests of rows, keys and Arrow.

use bumpalo::Bump;
use proptest::prelude::*;

use crate::dtype::{DType, Scalar};
use crate::row::{Schema, time};
use crate::value::{List, Value, write_list};

/// A value that owns what it holds.
#[derive(Clone, Debug)]
pub(crate) enum Owned {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
    Bytes(Vec<u8>),
    Time(i64),
    List(Scalar, Vec<Self>),
    Vector(Vec<f32>),
}

impl Owned {
    pub(crate) fn value<'v>(&'v self, arena: &'v Bump) -> Value<'v> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::Int(*value),
            Self::Float(value) => Value::Float(*value),
            Self::Str(text) => Value::Str(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::Time(time) => Value::Time(*time),
            Self::List(item, items) => {
                let mut bytes = Vec::new();
                let items: Vec<_> = items.iter().map(|item| item.value(arena)).collect();
                assert!(write_list(*item, items.into_iter(), &mut bytes));
                Value::List(List::read(*item, arena.alloc_slice_copy(&bytes)).unwrap())
            }
            Self::Vector(items) => {
                let bytes: Vec<u8> = items.iter().flat_map(|item| item.to_le_bytes()).collect();
                Value::List(List::vector(arena.alloc_slice_copy(&bytes)).unwrap())
            }
        }
    }
}

/// Text that is equal exactly when two values are equal bit for bit; all NaN are one.
pub(crate) fn bits(value: Value<'_>) -> String {
    match value {
        Value::Float(float) if float.is_nan() => "NaN".to_owned(),
        Value::Float(float) => format!("float {:016x}", float.to_bits()),
        Value::List(list) => format!("{} {:?}", list.item(), list.iter().map(bits).collect::<Vec<_>>()),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Str(_) | Value::Bytes(_) | Value::Time(_) => {
            format!("{value:?}")
        }
    }
}

pub(crate) fn scalar() -> impl Strategy<Value = Scalar> {
    prop::sample::select(Scalar::ALL.to_vec())
}

pub(crate) fn dtype() -> impl Strategy<Value = DType> {
    prop_oneof![
        4 => scalar().prop_map(DType::Scalar),
        2 => scalar().prop_map(DType::List),
        1 => (1_u32..5).prop_map(DType::Vector),
    ]
}

fn any_float32() -> impl Strategy<Value = f32> {
    prop_oneof![any::<u32>().prop_map(f32::from_bits), (-100_i16..100).prop_map(|n| f32::from(n) / 8.0)]
}

fn of_scalar(scalar: Scalar) -> BoxedStrategy<Owned> {
    match scalar {
        Scalar::Bool => any::<bool>().prop_map(Owned::Bool).boxed(),
        Scalar::Int32 => any::<i32>().prop_map(|int| Owned::Int(int.into())).boxed(),
        Scalar::Int64 => any::<i64>().prop_map(Owned::Int).boxed(),
        Scalar::Float32 => any_float32().prop_map(|float| Owned::Float(float.into())).boxed(),
        Scalar::Float64 => prop_oneof![
            any::<u64>().prop_map(|bits| Owned::Float(f64::from_bits(bits))),
            (-1000_i32..1000).prop_map(|n| Owned::Float(f64::from(n) / 100.0)),
        ]
        .boxed(),
        Scalar::String => ".{0,12}".prop_map(Owned::Str).boxed(),
        Scalar::Bytes => prop::collection::vec(any::<u8>(), 0..12).prop_map(Owned::Bytes).boxed(),
        Scalar::Timestamp => (time::MIN..=time::MAX).prop_map(Owned::Time).boxed(),
    }
}

/// A value of a type, or null.
pub(crate) fn of_type(dtype: DType) -> BoxedStrategy<Owned> {
    let some = match dtype {
        DType::Scalar(scalar) => of_scalar(scalar),
        DType::List(item) => prop::collection::vec(prop_oneof![1 => Just(Owned::Null), 5 => of_scalar(item)], 0..12)
            .prop_map(move |items| Owned::List(item, items))
            .boxed(),
        DType::Vector(length) => prop::collection::vec(any_float32(), length as usize).prop_map(Owned::Vector).boxed(),
    };
    prop_oneof![1 => Just(Owned::Null), 5 => some].boxed()
}

/// A schema of random features, and values in its order.
pub(crate) fn row() -> impl Strategy<Value = (Schema, Vec<Owned>)> {
    prop::collection::btree_map("[a-z_]{1,6}", dtype(), 1..20).prop_flat_map(|features| {
        let schema = Schema::new("v", 3, features.iter().map(|(name, dtype)| (name.as_str(), *dtype))).unwrap();
        let values: Vec<_> = schema.columns().iter().map(|column| of_type(column.dtype)).collect();
        (Just(schema), values)
    })
}

/// Values in an arena.
pub(crate) fn values<'v>(owned: &'v [Owned], arena: &'v Bump) -> Vec<Value<'v>> {
    owned.iter().map(|owned| owned.value(arena)).collect()
}
