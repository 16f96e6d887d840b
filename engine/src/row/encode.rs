//! Typed values into a packed row.

use super::Times;
use super::packed::{NULLS_AT, begin_row, seal};
use super::schema::{Place, Schema, SchemaColumn};
use crate::dtype::{DType, Scalar};
use crate::value::{List, Value, float32, float64, write_item, write_list};

impl Schema {
    /// Appends the packed row of `values`, in the order of [`Schema::columns`]. On an error nothing is appended.
    ///
    /// float32 columns round to nearest; every NaN is stored as the quiet one, so that equal rows have equal bytes.
    ///
    /// # Errors
    /// The column whose value is of another type or does not fit, in words.
    pub fn encode(&self, times: Times, values: &[Value<'_>], out: &mut Vec<u8>) -> Result<(), String> {
        let start = begin_row(self.id(), times, out);
        match self.encode_columns(values, start, out) {
            Ok(()) => {
                seal(start, out);
                Ok(())
            }
            Err(why) => {
                out.truncate(start);
                Err(why)
            }
        }
    }

    fn encode_columns(&self, values: &[Value<'_>], start: usize, out: &mut Vec<u8>) -> Result<(), String> {
        if values.len() != self.columns().len() {
            let (given, wanted) = (values.len(), self.columns().len());
            return Err(format!("a row of the view `{}` has {wanted} values, not {given}", self.view()));
        }
        let (ends_at, variable) = self.variable_part();
        let data = start + ends_at + variable * 4;
        out.resize(data, 0);
        for (index, (column, value)) in self.columns().iter().zip(values).enumerate() {
            if value.is_null() {
                out[start + NULLS_AT + index / 8] |= 1 << (index % 8);
            }
            let end = match column.place {
                Place::Fixed(scalar, at) => {
                    place_fixed(scalar, *value, start + at, out).ok_or_else(|| column.refuses(*value))?;
                    continue;
                }
                Place::Vector(at, bytes) => {
                    place_vector(*value, start + at, bytes, out).ok_or_else(|| column.refuses(*value))?;
                    continue;
                }
                Place::Text(end) | Place::Bytes(end) | Place::List(_, end) => end,
            };
            append_variable(column.dtype, *value, out).ok_or_else(|| column.refuses(*value))?;
            let length =
                u32::try_from(out.len() - data).map_err(|_| "a row of more than 4 GiB can't be stored".to_owned())?;
            out[start + ends_at + end * 4..][..4].copy_from_slice(&length.to_le_bytes());
        }
        Ok(())
    }
}

impl SchemaColumn {
    pub(super) fn refuses(&self, value: Value<'_>) -> String {
        format!("the column `{}` is {} and can't hold {value:?}", self.name, self.dtype)
    }
}

fn place_fixed(scalar: Scalar, value: Value<'_>, at: usize, out: &mut [u8]) -> Option<()> {
    match (scalar, value) {
        (_, Value::Null) => {}
        (Scalar::Bool, Value::Bool(value)) => place(at, [u8::from(value)], out),
        (Scalar::Int32, Value::Int(value)) => place(at, i32::try_from(value).ok()?.to_le_bytes(), out),
        (Scalar::Int64, Value::Int(value)) | (Scalar::Timestamp, Value::Time(value)) => {
            place(at, value.to_le_bytes(), out)
        }
        (Scalar::Float32, Value::Float(value)) => place(at, float32(value)?.to_le_bytes(), out),
        (Scalar::Float64, Value::Float(value)) => place(at, float64(value).to_le_bytes(), out),
        _ => return None,
    }
    Some(())
}

fn place<const N: usize>(at: usize, bytes: [u8; N], out: &mut [u8]) {
    out[at..][..N].copy_from_slice(&bytes);
}

fn place_vector(value: Value<'_>, at: usize, bytes: usize, out: &mut [u8]) -> Option<()> {
    if value.is_null() {
        return Some(());
    }
    let Value::List(list) = value else { return None };
    if list.item() != Scalar::Float32 || list.len() * 4 != bytes {
        return None;
    }
    for (index, item) in list.iter().enumerate() {
        let Value::Float(item) = item else { return None };
        place(at + index * 4, float32(item)?.to_le_bytes(), out);
    }
    Some(())
}

/// Appends the bytes of a variable column; null has none.
fn append_variable(dtype: DType, value: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    let done = match (dtype, value) {
        (_, Value::Null) => true,
        (DType::Scalar(scalar), value) => write_item(scalar, value, out),
        (DType::List(item), Value::List(list)) => append_list(item, list, out),
        _ => false,
    };
    done.then_some(())
}

fn append_list(item: Scalar, list: List<'_>, out: &mut Vec<u8>) -> bool {
    list.item() == item && write_list(item, list.iter(), out)
}
