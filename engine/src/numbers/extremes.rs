//! The least and the greatest of floats.

use super::bytes::Reader;

/// The least and the greatest of a multiset of floats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extremes {
    /// +∞ without a value.
    pub min: f64,
    /// −∞ without a value.
    pub max: f64,
}

impl Default for Extremes {
    fn default() -> Self {
        Self { min: f64::INFINITY, max: f64::NEG_INFINITY }
    }
}

impl Extremes {
    /// Adds a value that is not NaN. −0.0 counts as +0.0.
    pub fn add(&mut self, value: f64) {
        let value = value + 0.0;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// Adds the values of another state.
    pub fn merge(&mut self, other: &Self) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// Appends the state; equal multisets give equal bytes.
    pub fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.min.to_le_bytes());
        out.extend_from_slice(&self.max.to_le_bytes());
    }

    /// Reads a saved state; none if the bytes are not one.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (min, max) = (reader.f64()?, reader.f64()?);
        (!min.is_nan() && !max.is_nan()).then_some(Self { min, max })
    }
}
