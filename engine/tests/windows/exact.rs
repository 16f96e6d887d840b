//! Exact arithmetic by the book: whole numbers of any size, one division, one rounding.

use num_bigint::{BigInt, Sign};

/// Numbers that are each a whole number divided by 2^`bits`.
#[derive(Debug)]
pub struct Exact {
    values: Vec<BigInt>,
    bits: u64,
}

impl Exact {
    pub fn of_ints(values: impl Iterator<Item = i64>) -> Self {
        Self { values: values.map(BigInt::from).collect(), bits: 0 }
    }

    /// Of finite floats: every one is a multiple of 2^-1074.
    pub fn of_floats(values: impl Iterator<Item = f64>) -> Self {
        Self { values: values.map(scaled).collect(), bits: 1074 }
    }

    /// How many there are.
    pub fn count(&self) -> BigInt {
        BigInt::from(self.values.len())
    }

    /// The sum of their `power`-th powers times 2^(bits·power).
    fn powers(&self, power: u32) -> BigInt {
        self.values.iter().map(|value| value.pow(power)).sum()
    }

    /// The sum as a whole number; of ints alone.
    pub fn whole_sum(&self) -> BigInt {
        assert_eq!(self.bits, 0);
        self.powers(1)
    }

    pub fn sum(&self) -> f64 {
        nearest(&self.powers(1), &(BigInt::from(1) << self.bits))
    }

    pub fn sum_float32(&self) -> f32 {
        nearest_float32(&self.powers(1), &(BigInt::from(1) << self.bits))
    }

    /// (n·Σx² − (Σx)²) / n².
    pub fn second_moment(&self) -> f64 {
        let n = self.count();
        nearest(&(&n * self.powers(2) - self.powers(1).pow(2)), &(n.pow(2) << (2 * self.bits)))
    }

    /// Σ(x − mean)³ / n.
    pub fn third_moment(&self) -> f64 {
        nearest(&self.deviations(3), &(self.count().pow(4) << (3 * self.bits)))
    }

    /// Σ(x − mean)⁴ / n.
    pub fn fourth_moment(&self) -> f64 {
        nearest(&self.deviations(4), &(self.count().pow(5) << (4 * self.bits)))
    }

    /// Σ(n·x − Σx)^power, times 2^(bits·power).
    fn deviations(&self, power: u32) -> BigInt {
        let (n, sum) = (self.count(), self.powers(1));
        self.values.iter().map(|value| (&n * value - &sum).pow(power)).sum()
    }
}

/// A finite float times 2^1074.
fn scaled(value: f64) -> BigInt {
    let bits = value.abs().to_bits();
    let (field, fraction) = (bits >> 52, bits & ((1 << 52) - 1));
    let magnitude = if field == 0 { BigInt::from(fraction) } else { BigInt::from(fraction | 1 << 52) << (field - 1) };
    if value < 0.0 { -magnitude } else { magnitude }
}

/// The float64 that is nearest to a fraction, ties to even; zero is +0.0.
pub fn nearest(numerator: &BigInt, denominator: &BigInt) -> f64 {
    let value = f64::from_bits(magnitude(numerator, denominator, 53, -1074).min(f64::INFINITY.to_bits()));
    if numerator.sign() == Sign::Minus && value != 0.0 { -value } else { value }
}

/// The float32 that is nearest to a fraction, ties to even; zero is +0.0.
fn nearest_float32(numerator: &BigInt, denominator: &BigInt) -> f32 {
    let bits = magnitude(numerator, denominator, 24, -149).min(f32::INFINITY.to_bits().into());
    let value = f32::from_bits(u32::try_from(bits).unwrap());
    if numerator.sign() == Sign::Minus && value != 0.0 { -value } else { value }
}

/// The bits of the nearest number of a format with so many digits, whose least number is 2^`least`; perhaps beyond its infinity.
fn magnitude(numerator: &BigInt, denominator: &BigInt, digits: i64, least: i64) -> u64 {
    let numerator = BigInt::from(numerator.magnitude().clone());
    if numerator.sign() == Sign::NoSign {
        return 0;
    }
    // The weight of the last digit: guessed from below, then raised until the quotient has no more digits than the format.
    let length = |number: &BigInt| i64::try_from(number.bits()).unwrap();
    let mut last = (length(&numerator) - length(denominator) - digits - 1).max(least);
    loop {
        let (dividend, divisor) = if last < 0 {
            (&numerator << -last, denominator.clone())
        } else {
            (numerator.clone(), denominator << last)
        };
        let quotient = &dividend / &divisor;
        if length(&quotient) > digits {
            last += 1;
            continue;
        }
        let twice: BigInt = (dividend - &quotient * &divisor) * 2;
        let up = twice > divisor || (twice == divisor && quotient.bit(0));
        let quotient = u64::try_from(quotient).unwrap() + u64::from(up);
        // Above the least exponent the first digit is implied, and adds one to the exponent. A carry does so too.
        let field = u64::try_from(last - least).unwrap();
        return field.saturating_mul(1 << (digits - 1)).saturating_add(quotient);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_round_to_the_nearest_float() {
        let ratio = |a: i64, b: i64| nearest(&a.into(), &b.into());
        assert_eq!(ratio(1, 10), 0.1);
        assert_eq!(ratio(-1, 3), -1.0 / 3.0);
        assert_eq!(ratio(0, 7).to_bits(), 0);
        assert_eq!(ratio((1 << 53) + 1, 1), 9_007_199_254_740_992.0);
        assert_eq!(ratio((1 << 53) + 3, 1), 9_007_199_254_740_996.0);
        assert_eq!(ratio(i64::MAX, 1), 9_223_372_036_854_775_808.0);
        assert_eq!(nearest(&1.into(), &(BigInt::from(1) << 1074)), 5e-324);
        assert_eq!(nearest(&1.into(), &(BigInt::from(1) << 1075)), 0.0);
        assert_eq!(nearest(&3.into(), &(BigInt::from(1) << 1076)), 5e-324);
        assert_eq!(nearest(&(BigInt::from(1) << 1024), &1.into()), f64::INFINITY);
        assert_eq!(nearest(&(BigInt::from(-1) << 8192), &1.into()), f64::NEG_INFINITY);
        assert_eq!(nearest(&((BigInt::from(1) << 1024) - (BigInt::from(1) << 970) - 1), &1.into()), f64::MAX);
        assert_eq!(nearest(&((BigInt::from(1) << 1024) - (BigInt::from(1) << 970)), &1.into()), f64::INFINITY);
        assert_eq!(nearest_float32(&1.into(), &10.into()), 0.1);
        assert_eq!(nearest_float32(&(BigInt::from(1) << 128), &1.into()), f32::INFINITY);
        for value in [0.1, 1e-310, 5e-324, f64::MAX, 1.5, f64::MIN_POSITIVE, -7e22] {
            assert_eq!(nearest(&scaled(value), &(BigInt::from(1) << 1074)), value);
        }
    }

    #[test]
    fn moments_of_small_numbers() {
        let exact = Exact::of_ints([1, 2, 3, 10].into_iter());
        // The mean is 4, the deviations are -3, -2, -1 and 6.
        assert_eq!(exact.sum(), 16.0);
        assert_eq!(exact.second_moment(), 12.5);
        assert_eq!(exact.third_moment(), 45.0);
        assert_eq!(exact.fourth_moment(), 348.5);
        let halves = Exact::of_floats([0.5, 1.0, 1.5, 5.0].into_iter());
        assert_eq!((halves.second_moment(), halves.third_moment()), (3.125, 5.625));
    }
}
