//! Values whose JSON is ours to say: floats, times, bytes. The others are written by arrow-json.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Float16Type, Float32Type, Float64Type, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow_array::{Array, ArrowPrimitiveType, PrimitiveArray};
use arrow_cast::base64::{BASE64_STANDARD, Engine};
use arrow_json::writer::{Encoder, EncoderFactory, EncoderOptions, NullableEncoder};
use arrow_schema::{ArrowError, FieldRef};

use crate::clock::Micros;
use crate::lookup::time;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// What encoders met on their way; they can't fail.
#[derive(Debug, Default)]
pub(super) struct Notes {
    not_in_json: AtomicU64,
    out_of_range: AtomicBool,
}

impl Notes {
    /// NaN and infinite values so far.
    pub(super) fn not_in_json(&self) -> u64 {
        self.not_in_json.load(Ordering::Relaxed)
    }

    /// Whether a time since the last call had no text.
    pub(super) fn take_out_of_range(&self) -> bool {
        self.out_of_range.swap(false, Ordering::Relaxed)
    }
}

/// Makes the encoders of arrays of these types, at any depth.
#[derive(Debug)]
pub(super) struct Factory {
    pub(super) notes: Arc<Notes>,
}

impl EncoderFactory for Factory {
    fn make_default_encoder<'a>(
        &self,
        _: &'a FieldRef,
        array: &'a dyn Array,
        _: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let encoder = self.floats(array).or_else(|| self.timestamps(array)).or_else(|| self.dates_and_times(array));
        Ok(encoder.or_else(|| bytes(array)).map(|encoder| NullableEncoder::new(encoder, array.nulls().cloned())))
    }
}

type Boxed<'a> = Box<dyn Encoder + 'a>;

impl Factory {
    fn floats<'a>(&self, array: &'a dyn Array) -> Option<Boxed<'a>> {
        if let Some(array) = array.as_primitive_opt::<Float64Type>() {
            return Some(self.float(move |index| array.value(index)));
        }
        if let Some(array) = array.as_primitive_opt::<Float32Type>() {
            return Some(self.float(move |index| array.value(index)));
        }
        let array = array.as_primitive_opt::<Float16Type>()?;
        Some(self.float(move |index| array.value(index).to_f32()))
    }

    fn timestamps<'a>(&self, array: &'a dyn Array) -> Option<Boxed<'a>> {
        let write = |micros: Micros| time::is_writable(micros).then(|| time::format(micros));
        self.time::<TimestampMicrosecondType>(array, Some, write)
            .or_else(|| self.time::<TimestampMillisecondType>(array, |value| value.checked_mul(1000), write))
            .or_else(|| self.time::<TimestampNanosecondType>(array, |value| Some(value.div_euclid(1000)), write))
            .or_else(|| self.time::<TimestampSecondType>(array, |value| value.checked_mul(SECOND), write))
    }

    fn dates_and_times<'a>(&self, array: &'a dyn Array) -> Option<Boxed<'a>> {
        // `2026-01-31T09:30:00.5Z`: a date is the text before the T, a time of day the text after it.
        let date = |micros: Micros| {
            let text = time::is_writable(micros).then(|| time::format(micros))?;
            text.split_once('T').map(|(date, _)| date.to_owned())
        };
        let clock = |micros: Micros| {
            let text = (0..DAY).contains(&micros).then(|| time::format(micros))?;
            text.split_once('T').map(|(_, clock)| clock.trim_end_matches('Z').to_owned())
        };
        self.time::<Date32Type>(array, |days| i64::from(days).checked_mul(DAY), date)
            .or_else(|| self.time::<Date64Type>(array, |value| value.checked_mul(1000), date))
            .or_else(|| self.time::<Time32SecondType>(array, |value| i64::from(value).checked_mul(SECOND), clock))
            .or_else(|| self.time::<Time32MillisecondType>(array, |value| i64::from(value).checked_mul(1000), clock))
            .or_else(|| self.time::<Time64MicrosecondType>(array, Some, clock))
            .or_else(|| self.time::<Time64NanosecondType>(array, |value| Some(value.div_euclid(1000)), clock))
    }

    fn float<'a, F: Float>(&self, value: impl Fn(usize) -> F + 'a) -> Boxed<'a> {
        let notes = Arc::clone(&self.notes);
        Box::new(By(move |index: usize, out: &mut Vec<u8>| {
            let value = value(index);
            if value.is_in_json() {
                out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
            } else {
                notes.not_in_json.fetch_add(1, Ordering::Relaxed);
                out.extend_from_slice(b"null");
            }
        }))
    }

    /// An encoder for an array of `T`. `micros`: the value in microseconds; `write`: their text; both none when out of range.
    fn time<'a, T: ArrowPrimitiveType>(
        &self,
        array: &'a dyn Array,
        micros: fn(T::Native) -> Option<Micros>,
        write: fn(Micros) -> Option<String>,
    ) -> Option<Boxed<'a>> {
        let array: &PrimitiveArray<T> = array.as_primitive_opt()?;
        let notes = Arc::clone(&self.notes);
        Some(Box::new(By(move |index: usize, out: &mut Vec<u8>| match micros(array.value(index)).and_then(write) {
            Some(text) => quoted(&text, out),
            None => notes.out_of_range.store(true, Ordering::Relaxed),
        })))
    }
}

/// Bytes are base64 text (RFC 4648, with padding).
fn bytes(array: &dyn Array) -> Option<Boxed<'_>> {
    if let Some(array) = array.as_binary_opt::<i32>() {
        return Some(base64(move |index| array.value(index)));
    }
    if let Some(array) = array.as_binary_opt::<i64>() {
        return Some(base64(move |index| array.value(index)));
    }
    if let Some(array) = array.as_binary_view_opt() {
        return Some(base64(move |index| array.value(index)));
    }
    let array = array.as_fixed_size_binary_opt()?;
    Some(base64(move |index| array.value(index)))
}

fn base64<'a>(value: impl Fn(usize) -> &'a [u8] + 'a) -> Boxed<'a> {
    Box::new(By(move |index: usize, out: &mut Vec<u8>| quoted(&BASE64_STANDARD.encode(value(index)), out)))
}

/// Text that needs no escape.
fn quoted(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// An encoder that is a closure.
struct By<F>(F);

impl<F: FnMut(usize, &mut Vec<u8>)> Encoder for By<F> {
    fn encode(&mut self, index: usize, out: &mut Vec<u8>) {
        (self.0)(index, out);
    }
}

/// A float that is written as the shortest decimal of its own type.
trait Float: zmij::Float + Copy {
    fn is_in_json(self) -> bool;
}

impl Float for f32 {
    fn is_in_json(self) -> bool {
        self.is_finite()
    }
}

impl Float for f64 {
    fn is_in_json(self) -> bool {
        self.is_finite()
    }
}
