//! Quantiles of floats: exact up to a million values, binned above.

use super::bins::Bins;
use super::bytes::{Reader, put_count};

/// Up to this many values quantiles are exact.
pub const EXACT_QUANTILES: usize = 1_000_000;

/// A multiset of floats whose quantiles are asked for. The values are kept up to [`EXACT_QUANTILES`] of them; one more, and
/// they are counted in [`Bins`]. The count alone decides that, so a result depends on nothing but the multiset.
#[derive(Clone, Debug)]
pub enum Quantiles {
    /// The values, in any order.
    Exact(Vec<f64>),
    /// Their counts.
    Binned(Bins),
}

impl Default for Quantiles {
    fn default() -> Self {
        Self::Exact(Vec::new())
    }
}

impl Quantiles {
    /// Adds a value that is not NaN. −0.0 counts as +0.0.
    pub fn add(&mut self, value: f64) {
        let value = value + 0.0;
        match self {
            Self::Exact(values) if values.len() < EXACT_QUANTILES => values.push(value),
            Self::Exact(values) => {
                let mut bins = Bins::default();
                values.iter().for_each(|kept| bins.add(*kept));
                bins.add(value);
                *self = Self::Binned(bins);
            }
            Self::Binned(bins) => bins.add(value),
        }
    }

    /// Adds the values of another state.
    pub fn merge(&mut self, other: Self) {
        match (&mut *self, other) {
            (_, Self::Exact(values)) => values.into_iter().for_each(|value| self.add(value)),
            (Self::Binned(mine), Self::Binned(theirs)) => mine.merge(&theirs),
            (Self::Exact(values), Self::Binned(mut bins)) => {
                values.iter().for_each(|value| bins.add(*value));
                *self = Self::Binned(bins);
            }
        }
    }

    /// The values in order, to ask quantiles of. `None` without a value.
    #[must_use]
    pub fn sorted(&self) -> Option<Sorted> {
        match self {
            Self::Exact(values) if values.is_empty() => None,
            Self::Exact(values) => {
                let mut values = values.clone();
                values.sort_unstable_by(f64::total_cmp);
                Some(Sorted::Exact(values))
            }
            Self::Binned(bins) => Some(Sorted::Binned(bins.clone())),
        }
    }

    /// Appends the state; equal multisets give equal bytes.
    pub fn save(&self, out: &mut Vec<u8>) {
        match self.sorted() {
            None => {
                out.push(0);
                put_count(0, out);
            }
            Some(Sorted::Exact(values)) => {
                out.push(0);
                put_count(values.len(), out);
                values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
            }
            Some(Sorted::Binned(bins)) => {
                out.push(1);
                bins.save(out);
            }
        }
    }

    /// Reads a saved state; none if the bytes are not one.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        match reader.u8()? {
            0 => {
                let count = reader.count(8)?;
                let values = (0..count).map(|_| reader.f64()).collect::<Option<Vec<_>>>()?;
                let fits = count <= EXACT_QUANTILES && values.iter().all(|value| !value.is_nan());
                fits.then_some(Self::Exact(values))
            }
            1 => Bins::read(reader).map(Self::Binned),
            _ => None,
        }
    }
}

/// How a quantile is taken of values that are kept. Of binned values it is always [`Bins::quantile`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// At rank q·(n − 1), between two values in proportion: NumPy's and scikit-learn's default.
    Linear,
    /// The ⌈q·n⌉-th smallest, or the midpoint to the next one where q·n is whole: what scikit-learn's binning calls
    /// `averaged_inverted_cdf`.
    AveragedInvertedCdf,
    /// The ⌈q·n⌉-th smallest.
    InvertedCdf,
}

/// Values in order, never none.
#[derive(Clone, Debug)]
pub enum Sorted {
    /// The values, ascending.
    Exact(Vec<f64>),
    /// Their counts.
    Binned(Bins),
}

impl Sorted {
    /// The quantile `q`, from 0 to 1.
    #[must_use]
    pub fn quantile(&self, q: f64, method: Method) -> f64 {
        let values = match self {
            Self::Exact(values) => values,
            Self::Binned(bins) => return bins.quantile(q).unwrap_or(f64::NAN),
        };
        let count = values.len() as f64;
        match method {
            Method::Linear => {
                let rank = q * (count - 1.0);
                between(at(values, rank.floor()), at(values, rank.floor() + 1.0), rank - rank.floor())
            }
            Method::AveragedInvertedCdf => {
                let rank = q * count - 1.0;
                let share = if rank == rank.floor() { 0.5 } else { 1.0 };
                between(at(values, rank.floor()), at(values, rank.floor() + 1.0), share)
            }
            Method::InvertedCdf => at(values, (q * count).ceil() - 1.0),
        }
    }

    /// The middle value, or the mean of the two middle ones.
    #[must_use]
    pub fn median(&self) -> f64 {
        match self {
            Self::Exact(values) => {
                let (low, high) = (at(values, ((values.len() - 1) / 2) as f64), at(values, (values.len() / 2) as f64));
                let sum = low + high;
                // Two values whose sum is beyond float64 are halved first, which is exact for values so large.
                if sum.is_finite() { sum / 2.0 } else { low / 2.0 + high / 2.0 }
            }
            Self::Binned(bins) => bins.quantile(0.5).unwrap_or(f64::NAN),
        }
    }

    /// How many values there are.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::Exact(values) => values.len(),
            Self::Binned(bins) => usize::try_from(bins.count()).unwrap_or(usize::MAX),
        }
    }
}

/// The value at an index; the first below, the last above.
fn at(values: &[f64], index: f64) -> f64 {
    // The cast takes what is negative to 0.
    let index = (index as usize).min(values.len().saturating_sub(1));
    values.get(index).copied().unwrap_or(f64::NAN)
}

/// Part of the way from `low` to `high`, reckoned from the nearer end as NumPy does, so that both ends are met exactly.
fn between(low: f64, high: f64, share: f64) -> f64 {
    if low == high {
        low
    } else if share < 0.5 {
        low + (high - low) * share
    } else {
        high - (high - low) * (1.0 - share)
    }
}
