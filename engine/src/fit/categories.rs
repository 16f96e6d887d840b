//! A table by the values of a column: counts for the mode, sums for target encoding.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::TORN;
use crate::dtype::Scalar;
use crate::numbers::{Reader, put_bytes, put_count};
use crate::value::Value;

/// An entry for each distinct value of a column of bools, numbers or texts, ordered by value. −0.0 is +0.0.
#[derive(Clone, Debug)]
pub(crate) struct Categories<T> {
    scalar: Scalar,
    /// More distinct values are an error.
    most: usize,
    /// Bools and whole numbers as they are; floats by [`float_key`].
    numbers: BTreeMap<i64, T>,
    texts: BTreeMap<Box<str>, T>,
}

/// An int for a float, in the same order; its own inverse on the bits.
const fn float_key(bits: i64) -> i64 {
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

impl<T: Default> Categories<T> {
    pub(crate) const fn new(scalar: Scalar, most: usize) -> Self {
        Self { scalar, most, numbers: BTreeMap::new(), texts: BTreeMap::new() }
    }

    /// The entry of a value that is neither null nor NaN.
    pub(crate) fn entry(&mut self, value: Value<'_>) -> Result<&mut T, String> {
        match value {
            Value::Str(text) => entry(&mut self.texts, text, self.most),
            Value::Bool(value) => entry(&mut self.numbers, &i64::from(value), self.most),
            Value::Int(value) => entry(&mut self.numbers, &value, self.most),
            Value::Float(value) => {
                let key = float_key((value + 0.0).to_bits().cast_signed());
                entry(&mut self.numbers, &key, self.most)
            }
            Value::Null | Value::Bytes(_) | Value::Time(_) | Value::List(_) => Err(format!("{value:?} is no category")),
        }
    }

    /// All values, as they stand in fitted parameters, and their entries, by value. A float that is not finite is JSON's null.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Json, &T)> {
        let numbers = self.numbers.iter().map(|(key, entry)| match self.scalar {
            Scalar::Bool => (Json::from(*key != 0), entry),
            Scalar::Float32 | Scalar::Float64 => (Json::from(f64::from_bits(float_key(*key).cast_unsigned())), entry),
            Scalar::Int32 | Scalar::Int64 | Scalar::String | Scalar::Bytes | Scalar::Timestamp => {
                (Json::from(*key), entry)
            }
        });
        numbers.chain(self.texts.iter().map(|(text, entry)| (Json::from(&**text), entry)))
    }

    /// Appends all values and their entries.
    pub(crate) fn save(&self, out: &mut Vec<u8>, save: impl Fn(&T, &mut Vec<u8>)) {
        put_count(self.numbers.len(), out);
        for (key, entry) in &self.numbers {
            out.extend_from_slice(&key.to_le_bytes());
            save(entry, out);
        }
        put_count(self.texts.len(), out);
        for (text, entry) in &self.texts {
            put_bytes(text.as_bytes(), out);
            save(entry, out);
        }
    }

    /// Takes in the saved entries of other rows: `merge` reads one and adds it.
    pub(crate) fn merge(
        &mut self,
        reader: &mut Reader<'_>,
        merge: impl Fn(&mut T, &mut Reader<'_>) -> Option<()>,
    ) -> Result<(), String> {
        for _ in 0..reader.count(8).ok_or(TORN)? {
            let key = reader.i64().ok_or(TORN)?;
            merge(entry(&mut self.numbers, &key, self.most)?, reader).ok_or(TORN)?;
        }
        for _ in 0..reader.count(4).ok_or(TORN)? {
            let text = reader.text().ok_or(TORN)?;
            merge(entry(&mut self.texts, text, self.most)?, reader).ok_or(TORN)?;
        }
        Ok(())
    }
}

fn entry<'t, K, Q, T>(table: &'t mut BTreeMap<K, T>, key: &Q, most: usize) -> Result<&'t mut T, String>
where
    K: Ord + Borrow<Q> + From<Q::Owned>,
    Q: Ord + ToOwned + ?Sized,
    T: Default,
{
    if !table.contains_key(key) {
        if table.len() >= most {
            return Err(format!(
                "more than {most} distinct values (`max_distinct`); is the column an id, or continuous?"
            ));
        }
        table.insert(K::from(key.to_owned()), T::default());
    }
    // It is there: the table was asked or has just got it.
    table.get_mut(key).ok_or_else(|| TORN.to_owned())
}
