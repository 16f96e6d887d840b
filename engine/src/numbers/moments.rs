//! Count, sum, mean and variance of floats, from exact sums of their powers.

use num_bigint::{BigInt, BigUint};

use super::accumulator::{Accumulator, Term};
use super::bytes::Reader;
use super::round::divide;

/// An exact sum of floats.
pub type ExactSum = Moments<1>;

/// The exact sums of the first `N` powers (four at most) of a multiset of floats. What is added can be subtracted again, which
/// leaves the state as if it had never been there.
///
/// Infinities and NaN are counted beside. −0.0 counts as +0.0.
#[derive(Clone, Debug)]
pub struct Moments<const N: usize> {
    /// All values but NaN.
    count: i64,
    nans: i64,
    /// Of minus and plus infinity.
    infinities: [i64; 2],
    powers: [Accumulator; N],
}

impl<const N: usize> Default for Moments<N> {
    fn default() -> Self {
        Self { count: 0, nans: 0, infinities: [0; 2], powers: std::array::from_fn(|_| Accumulator::default()) }
    }
}

impl<const N: usize> Moments<N> {
    /// Adds a value.
    pub fn add(&mut self, value: f64) {
        self.change(value, 1);
    }

    /// Takes a value out that was added before.
    pub fn subtract(&mut self, value: f64) {
        self.change(value, -1);
    }

    fn change(&mut self, value: f64, sign: i64) {
        if value.is_nan() {
            self.nans += sign;
            return;
        }
        self.count += sign;
        if value.is_infinite() {
            self.infinities[usize::from(value > 0.0)] += sign;
            return;
        }
        let mut term = Term::new(value);
        for (index, power) in self.powers.iter_mut().enumerate() {
            if index > 0 {
                term = term.times(value);
            }
            power.add(if sign < 0 { term.negated() } else { term });
        }
    }

    /// Adds the values of another state.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.nans += other.nans;
        self.infinities.iter_mut().zip(other.infinities).for_each(|(mine, theirs)| *mine += theirs);
        self.powers.iter_mut().zip(&other.powers).for_each(|(mine, theirs)| mine.merge(theirs));
    }

    /// Takes the values of another state out.
    pub fn unmerge(&mut self, other: &Self) {
        self.count -= other.count;
        self.nans -= other.nans;
        self.infinities.iter_mut().zip(other.infinities).for_each(|(mine, theirs)| *mine -= theirs);
        self.powers.iter_mut().zip(&other.powers).for_each(|(mine, theirs)| mine.subtract(theirs));
    }

    /// How many values there are, infinities included, NaN not.
    #[must_use]
    pub const fn count(&self) -> i64 {
        self.count
    }

    /// The sum, rounded once: infinite if it is beyond float64 or one kind of infinity was added; `None` for both kinds, a NaN,
    /// or no value.
    #[must_use]
    pub fn sum(&self) -> Option<f64> {
        if self.count == 0 || self.nans != 0 {
            return None;
        }
        match self.infinities.map(|count| count != 0) {
            [false, false] => self.powers.first().map(|sum| sum.value().round()),
            [false, true] => Some(f64::INFINITY),
            [true, false] => Some(f64::NEG_INFINITY),
            [true, true] => None,
        }
    }

    /// The sum divided by the count: two roundings, as the contract says. Infinite where the sum is.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        self.sum().map(|sum| sum / self.count as f64)
    }

    /// The variance, rounded once; `ddof` 0 is the population form. `None` without a finite value more than `ddof`, with an
    /// infinity or NaN, or below two powers.
    #[must_use]
    pub fn variance(&self, ddof: i64) -> Option<f64> {
        let (deviations, exponent) = self.scaled_deviations()?;
        divide(&deviations, exponent, &(natural(self.count)? * natural(self.count.checked_sub(ddof)?)?))
    }

    /// The sum of the squared deviations from the mean, rounded once. `None` as for the variance.
    #[must_use]
    pub fn squared_deviations(&self) -> Option<f64> {
        let (deviations, exponent) = self.scaled_deviations()?;
        divide(&deviations, exponent, &natural(self.count)?)
    }

    /// n·Σx² − (Σx)², exact, and its exponent.
    fn scaled_deviations(&self) -> Option<(BigInt, i32)> {
        if self.nans != 0 || self.infinities != [0; 2] {
            return None;
        }
        let (sum, squares) = (self.powers.first()?.value(), self.powers.get(1)?.value());
        let integer = sum.integer();
        Some(subtract((squares.integer() * self.count, squares.exponent()), (&integer * &integer, 2 * sum.exponent())))
    }

    /// Appends the state; equal multisets give equal bytes.
    pub fn save(&self, out: &mut Vec<u8>) {
        for count in [self.count, self.nans, self.infinities[0], self.infinities[1]] {
            out.extend_from_slice(&count.to_le_bytes());
        }
        self.powers.iter().for_each(|power| power.save(out));
    }

    /// Reads a saved state; none if the bytes are not one.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut moments = Self {
            count: reader.i64()?,
            nans: reader.i64()?,
            infinities: [reader.i64()?, reader.i64()?],
            ..Self::default()
        };
        for power in &mut moments.powers {
            *power = Accumulator::read(reader)?;
        }
        Some(moments)
    }
}

/// A count as a big number; `None` below zero.
pub(super) fn natural(count: i64) -> Option<BigUint> {
    u64::try_from(count).ok().map(BigUint::from)
}

/// The difference of two numbers that each come with an exponent, and its exponent.
pub(crate) fn subtract(a: (BigInt, i32), b: (BigInt, i32)) -> (BigInt, i32) {
    let exponent = a.1.min(b.1);
    ((a.0 << (a.1 - exponent)) - (b.0 << (b.1 - exponent)), exponent)
}
