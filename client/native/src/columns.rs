//! Columns of a request, as the contract has them on the wire (`Column`): lists in one pass, whatever else by way of Python.
//!
//! A request is as long on its way to the gateway as its columns take to be written, so that they are written here and not by protobuf, which
//! takes each value over before it writes it.

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyDateTime, PyDict, PyFloat, PyInt, PyList, PyString, PyTzInfo};

/// What a list holds, in the numbers of the fields of `Column`.
#[derive(Clone, Copy)]
enum Kind {
    Bools = 2,
    Ints = 3,
    Floats = 4,
    Texts = 5,
    Blobs = 6,
    Times = 7,
}

const NAME: u8 = 1;
const NULLS: u8 = 9;
/// The one field of `Bools`, `Ints` and so on.
const VALUES: u8 = 1;

const DAY: i64 = 86_400_000_000;
const SECOND: i64 = 1_000_000;

/// The least number of a whole column that a message is grown by.
const SOME: usize = 1024;

impl Kind {
    /// The kind of a value of one of these types, not of a type derived from one.
    fn of(value: &Bound<'_, PyAny>) -> Option<Self> {
        if value.is_exact_instance_of::<PyFloat>() {
            Some(Self::Floats)
        } else if value.is_exact_instance_of::<PyInt>() {
            Some(Self::Ints)
        } else if value.is_exact_instance_of::<PyString>() {
            Some(Self::Texts)
        } else if value.is_exact_instance_of::<PyDateTime>() {
            Some(Self::Times)
        } else if value.is_exact_instance_of::<PyBool>() {
            Some(Self::Bools)
        } else if value.is_exact_instance_of::<PyBytes>() {
            Some(Self::Blobs)
        } else {
            None
        }
    }

    /// Whether its values stand in one block, without a tag for each.
    fn packed(self) -> bool {
        !matches!(self, Self::Texts | Self::Blobs)
    }
}

/// A column but for its name: the numbers of the rows that are null, and the values, where something stands for each null.
struct Values {
    kind: Kind,
    block: Vec<u8>,
    nulls: Vec<u8>,
}

impl Values {
    /// Those of a list of one type and of None, or a refusal.
    fn of(list: &Bound<'_, PyList>) -> PyResult<Self> {
        // Without any value it is a column of texts.
        let kind = match list.iter().find(|value| !value.is_none()) {
            Some(first) => Kind::of(&first).ok_or_else(several)?,
            None => Kind::Texts,
        };
        let mut values = Self { kind, block: Vec::with_capacity(SOME), nulls: Vec::new() };
        match kind {
            Kind::Bools => values.each::<PyBool>(list, &[0], |value, block| {
                block.push(value.extract::<bool>()?.into());
                Ok(())
            }),
            Kind::Ints => values.each::<PyInt>(list, &[0], |value, block| {
                put_varint(block, zigzag(value.extract()?));
                Ok(())
            }),
            Kind::Floats => values.each::<PyFloat>(list, &[0; 8], |value, block| {
                block.extend(value.extract::<f64>()?.to_le_bytes());
                Ok(())
            }),
            Kind::Texts => values.each::<PyString>(list, &[tag(VALUES), 0], |value, block| {
                put(block, VALUES, value.to_str()?.as_bytes());
                Ok(())
            }),
            Kind::Blobs => values.each::<PyBytes>(list, &[tag(VALUES), 0], |value, block| {
                put(block, VALUES, value.as_bytes());
                Ok(())
            }),
            Kind::Times => {
                let epoch = epoch(list.py())?;
                values.each::<PyDateTime>(list, &[0], |value, block| {
                    put_varint(block, zigzag(micros(&value.as_any().sub(epoch)?)?));
                    Ok(())
                })
            }
        }?;
        Ok(values)
    }

    /// Adds the values of a list, all of this type or None.
    fn each<'py, T: pyo3::PyTypeCheck + pyo3::PyTypeInfo>(
        &mut self,
        list: &Bound<'py, PyList>,
        null: &[u8],
        mut add: impl FnMut(&Bound<'py, T>, &mut Vec<u8>) -> PyResult<()>,
    ) -> PyResult<()> {
        for (row, value) in list.iter().enumerate() {
            if let Ok(value) = value.cast_exact::<T>() {
                add(value, &mut self.block)?;
            } else if value.is_none() {
                put_varint(&mut self.nulls, row as u64);
                self.block.extend_from_slice(null);
            } else {
                return Err(several());
            }
        }
        Ok(())
    }

    /// Writes the fields of `Column`, the values into that of this number.
    fn write(&self, number: u8, out: &mut Vec<u8>) {
        // Set also where there is no row. A block has its own tag and length; texts and bytes have theirs each.
        let mut head = Vec::new();
        if self.kind.packed() && !self.block.is_empty() {
            head.push(tag(VALUES));
            put_varint(&mut head, self.block.len() as u64);
        }
        out.push(tag(number));
        put_varint(out, (head.len() + self.block.len()) as u64);
        out.extend_from_slice(&head);
        out.extend_from_slice(&self.block);
        if !self.nulls.is_empty() {
            put(out, NULLS, &self.nulls);
        }
    }
}

/// The columns of a request, each as its field of this number. What is not a list of one type and of None, `encode` has to write: it is given where
/// the column stands, and its values, and returns what `encode_values` does.
#[pyfunction]
pub(crate) fn encode_columns<'py>(
    columns: &Bound<'py, PyDict>,
    number: u8,
    field: &str,
    encode: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyBytes>> {
    let (mut out, mut column) = (Vec::with_capacity(SOME), Vec::with_capacity(SOME));
    // A copy: `encode` runs what could change the columns.
    for item in columns.items() {
        let (name, values): (Bound<'py, PyString>, Bound<'py, PyAny>) = item.extract()?;
        let name = name.to_str()?;
        column.clear();
        if !name.is_empty() {
            put(&mut column, NAME, name.as_bytes());
        }
        match values.cast_exact::<PyList>().ok().and_then(|list| Values::of(list).ok()) {
            Some(values) => values.write(values.kind as u8, &mut column),
            None => {
                let encoded = encode.call1((format!("{field}.{name}"), values))?;
                column.extend_from_slice(encoded.cast::<PyBytes>()?.as_bytes());
            }
        }
        put(&mut out, number, &column);
    }
    Ok(PyBytes::new(columns.py(), &out))
}

/// Values of one type in the field of this number of a column: a list, where None is null, or the bytes of float64. `nulls`: rows that are null, whatever
/// stands there.
#[pyfunction]
pub(crate) fn encode_values<'py>(
    values: &Bound<'py, PyAny>,
    number: u8,
    nulls: Vec<u32>,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut encoded = match values.cast::<PyBytes>() {
        Ok(floats) => Values { kind: Kind::Floats, block: floats.as_bytes().to_vec(), nulls: Vec::new() },
        Err(_) => Values::of(values.cast::<PyList>()?)?,
    };
    for row in nulls {
        put_varint(&mut encoded.nulls, row.into());
    }
    let mut out = Vec::with_capacity(encoded.block.len() + SOME);
    encoded.write(number, &mut out);
    Ok(PyBytes::new(values.py(), &out))
}

fn several() -> PyErr {
    PyTypeError::new_err("values of several types")
}

/// What stands before a field that has a length.
const fn tag(number: u8) -> u8 {
    number << 3 | 2
}

fn put(out: &mut Vec<u8>, number: u8, content: &[u8]) {
    out.push(tag(number));
    put_varint(out, content.len() as u64);
    out.extend_from_slice(content);
}

fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

const fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63).cast_unsigned()
}

/// The stable ABI has nothing that reads a datetime. A difference has three attributes, and knows of zones.
fn micros(since: &Bound<'_, PyAny>) -> PyResult<i64> {
    let py = since.py();
    let days: i64 = since.getattr(intern!(py, "days"))?.extract()?;
    let seconds: i64 = since.getattr(intern!(py, "seconds"))?.extract()?;
    let micros: i64 = since.getattr(intern!(py, "microseconds"))?.extract()?;
    Ok(days * DAY + seconds * SECOND + micros)
}

/// What times are counted from; its class is kept too.
pub(crate) fn epoch(py: Python<'_>) -> PyResult<&Bound<'_, PyDateTime>> {
    static EPOCH: PyOnceLock<Py<PyDateTime>> = PyOnceLock::new();
    let make = || Ok::<_, PyErr>(PyDateTime::new(py, 1970, 1, 1, 0, 0, 0, 0, Some(&*PyTzInfo::utc(py)?))?.unbind());
    Ok(EPOCH.get_or_try_init(py, make)?.bind(py))
}
