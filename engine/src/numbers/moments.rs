//! Count, sum, mean and variance of floats, from exact sums of their powers.

use num_bigint::{BigInt, BigUint};

use super::accumulator::{Accumulator, Factor, Term};
use super::bytes::{Reader, put_signed};
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

impl Moments<1> {
    /// So many finite values with this sum.
    #[must_use]
    #[inline]
    pub const fn of_sum(count: i64, sum: Accumulator) -> Self {
        Self { count, nans: 0, infinities: [0; 2], powers: [sum] }
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

    /// Adds a whole number.
    pub fn add_int(&mut self, value: i64) {
        self.count += 1;
        self.change_powers(Factor::of_int(value), 1);
    }

    /// Takes a whole number out that was added before.
    pub fn subtract_int(&mut self, value: i64) {
        self.count -= 1;
        self.change_powers(Factor::of_int(value), -1);
    }

    #[inline]
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
        self.change_powers(Factor::of_float(value), sign);
    }

    #[inline]
    fn change_powers(&mut self, factor: Factor, sign: i64) {
        let Some((sum, higher)) = self.powers.split_first_mut() else { return };
        sum.add_factor(if sign < 0 { factor.negated() } else { factor });
        let mut term = Term::new(factor);
        for power in higher {
            term = term.times(factor);
            power.add(if sign < 0 { term.negated() } else { term });
        }
        if self.count == 0 {
            // Nothing is left: nor is the room that it took.
            self.powers = std::array::from_fn(|_| Accumulator::default());
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
            [false, false] => self.powers.first().map(Accumulator::round),
            [false, true] => Some(f64::INFINITY),
            [true, false] => Some(f64::NEG_INFINITY),
            [true, true] => None,
        }
    }

    /// The sum as [`Moments::sum`] gives it, rounded once to float32.
    #[must_use]
    pub fn sum_float32(&self) -> Option<f32> {
        let sum = self.sum()?;
        if self.infinities != [0; 2] {
            return Some(if sum > 0.0 { f32::INFINITY } else { f32::NEG_INFINITY });
        }
        self.powers.first().map(Accumulator::round_float32)
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

    /// The third and the fourth central moment, each rounded once. `None` as for the variance, and below four powers.
    #[must_use]
    pub fn third_and_fourth(&self) -> Option<(f64, f64)> {
        if self.nans != 0 || self.infinities != [0; 2] || self.count == 0 || N < 4 {
            return None;
        }
        let [one, two, three, four] = [0, 1, 2, 3].map(|power| self.powers.get(power).map(Accumulator::value));
        let (one, two, three, four) = (one?, two?, three?, four?);
        // All four in one unit, so that the powers of a sum have multiples of its exponent.
        let unit = [one.exponent(), two.exponent() / 2 - 1, three.exponent() / 3 - 1, four.exponent() / 4 - 1];
        let unit = unit.into_iter().min()?;
        let scaled = |sum: &super::Dyadic, power: i32| sum.integer() << (sum.exponent() - power * unit);
        let (a, b, c, d) = (scaled(&one, 1), scaled(&two, 2), scaled(&three, 3), scaled(&four, 4));
        let n = self.count;
        let third = &c * n * n - &a * &b * (3 * n) + &a * &a * &a * 2;
        let squared = &a * &a;
        let fourth = &d * n * n * n - &a * &c * n * n * 4 + &squared * &b * n * 6 - &squared * &squared * 3;
        let n = natural(n)?;
        let cubed = &n * &n * &n;
        Some((divide(&third, 3 * unit, &cubed)?, divide(&fourth, 4 * unit, &(cubed * n))?))
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
            put_signed(count, out);
        }
        self.powers.iter().for_each(|power| power.save(out));
    }

    /// Reads a saved state; none if the bytes are not one.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut moments = Self {
            count: reader.signed()?,
            nans: reader.signed()?,
            infinities: [reader.signed()?, reader.signed()?],
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
