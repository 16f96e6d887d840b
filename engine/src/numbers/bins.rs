//! Log-linear bins: quantiles within a relative error of 2⁻⁸, from counts that can be added and subtracted.

use std::collections::BTreeMap;

use super::bytes::{Reader, put_count};

/// The bits of a float below its sign, exponent and top 7 bits of the mantissa.
const BELOW: u32 = 45;

/// Counts of floats by sign, exponent and top 7 bits of the mantissa. Zero has a bin of its own. A state depends on its
/// multiset of values alone.
///
/// A quantile is the midpoint of its bin, at most 2⁻⁸ of the value away; below 2⁻¹⁰²², where floats lose their relative precision,
/// at most 2⁻¹⁰³⁰ away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bins {
    count: i64,
    /// By key, in the order of the values; no count is zero.
    counts: BTreeMap<i32, i64>,
}

/// The bin of a value: 0 for zero, else ±(1 + its top bits).
const fn key(value: f64) -> i32 {
    let magnitude = value.abs().to_bits();
    match (magnitude == 0, value < 0.0) {
        (true, _) => 0,
        (false, false) => 1 + (magnitude >> BELOW) as i32,
        (false, true) => -1 - (magnitude >> BELOW) as i32,
    }
}

/// The midpoint of a bin; infinity has a bin of its own.
fn midpoint(key: i32) -> f64 {
    let Some(top) = key.unsigned_abs().checked_sub(1) else { return 0.0 };
    let low = u64::from(top) << BELOW;
    let value = f64::from_bits(low);
    let value = if value.is_infinite() { value } else { f64::from_bits(low | 1 << (BELOW - 1)) };
    if key < 0 { -value } else { value }
}

impl Bins {
    /// Adds a value that is not NaN.
    pub fn add(&mut self, value: f64) {
        self.change(key(value), 1);
    }

    /// Takes a value out that was added before.
    pub fn subtract(&mut self, value: f64) {
        self.change(key(value), -1);
    }

    fn change(&mut self, key: i32, by: i64) {
        self.count += by;
        let count = self.counts.entry(key).or_default();
        *count += by;
        if *count == 0 {
            self.counts.remove(&key);
        }
    }

    /// Adds the values of another state.
    pub fn merge(&mut self, other: &Self) {
        other.counts.iter().for_each(|(key, count)| self.change(*key, *count));
    }

    /// Takes the values of another state out.
    pub fn unmerge(&mut self, other: &Self) {
        other.counts.iter().for_each(|(key, count)| self.change(*key, -count));
    }

    /// How many values there are.
    #[must_use]
    pub const fn count(&self) -> i64 {
        self.count
    }

    /// The midpoint of the bin of the ⌈q·n⌉-th smallest value, the product in float64; the smallest for q = 0. `None` without
    /// a value.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let mut rank = (q * self.count as f64).ceil() as i64;
        rank = rank.clamp(1, self.count.max(1));
        self.counts.iter().find_map(|(key, count)| {
            rank -= count;
            (rank <= 0).then(|| midpoint(*key))
        })
    }

    /// Appends the state; equal multisets give equal bytes.
    pub fn save(&self, out: &mut Vec<u8>) {
        put_count(self.counts.len(), out);
        for (key, count) in &self.counts {
            out.extend_from_slice(&key.to_le_bytes());
            out.extend_from_slice(&count.to_le_bytes());
        }
    }

    /// Reads a saved state; none if the bytes are not one.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut bins = Self::default();
        for _ in 0..reader.count(12)? {
            let key = reader.array().map(i32::from_le_bytes)?;
            let count = reader.i64()?;
            // No key beyond infinity, none twice, and no count that a multiset can't have.
            if key.unsigned_abs() > 1 + (0x7ff << 7) || bins.counts.contains_key(&key) || count <= 0 {
                return None;
            }
            bins.count = bins.count.checked_add(count)?;
            bins.counts.insert(key, count);
        }
        Some(bins)
    }
}
