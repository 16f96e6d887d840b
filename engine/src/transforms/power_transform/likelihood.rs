//! The derivative of the likelihood of a power, from exact sums over one pass.

use num_bigint::BigInt;

use super::{Family, power};
use crate::numbers::{Accumulator, Dyadic, Factor, Reader, Term, divide, subtract};

/// What the first pass tells of the column: where it lies, and the logarithms of its bases.
///
/// With y(λ) the raised values, the likelihood is, up to a constant and the number of rows, −½ ln var(y) + (λ − 1)·mean(±ln b), over
/// bases b = x, or 1 + |x|. It is concave, so its derivative, mean(±ln b) − cov(y, y′) / var(y), falls through zero once.
///
/// A column on one side of zero is reckoned relative to the geometric mean of its bases, which scales and shifts y, adds nothing
/// else to the likelihood, and leaves −cov(y, y′) / var(y) as the derivative. Without that, values far from zero would drown in
/// the −1 / λ that they have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Column {
    pub(super) side: Side,
    /// The mean of ±ln b.
    pub(super) mean_log: f64,
}

/// Where a column lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Nothing below zero. The power sought is λ.
    Above,
    /// Nothing above zero. The power sought is 2 − λ, that of the mirror image.
    Below,
    /// Both. The power sought is λ.
    Both,
}

/// Beyond this exponent a power is not reckoned: it would be infinite soon.
const MOST_EXPONENT: f64 = 700.0;

impl Column {
    /// λ for the power that was sought.
    pub(super) const fn lambda(self, power: f64) -> f64 {
        match self.side {
            Side::Above | Side::Both => power,
            Side::Below => 2.0 - power,
        }
    }

    /// y and y′ of a value at a power; none if they are out of reach.
    fn raise(self, family: Family, value: f64, at: f64) -> Option<[f64; 2]> {
        let log = match family {
            Family::BoxCox => libm::log(value),
            Family::YeoJohnson => libm::log1p(value.abs()),
        };
        match self.side {
            Side::Above => raise(at, log - self.mean_log),
            // The mean is of −ln b.
            Side::Below => raise(at, log + self.mean_log),
            Side::Both if value < 0.0 => raise(2.0 - at, log).map(|[y, slope]| [-y, slope]),
            Side::Both => raise(at, log),
        }
    }
}

/// (b^p − 1) / p and its derivative by p, for the logarithm of b.
fn raise(p: f64, log: f64) -> Option<[f64; 2]> {
    let exponent = p * log;
    (exponent <= MOST_EXPONENT).then(|| [power(p, log), log * log * slope(exponent)])
}

/// (t·eᵗ − eᵗ + 1) / t², by its series Σ k·tᵏ⁻¹ / (k + 1)! where the difference would cancel.
fn slope(t: f64) -> f64 {
    if t.abs() >= 0.5 {
        return (t * libm::exp(t) - libm::expm1(t)) / (t * t);
    }
    let (mut sum, mut power_over_factorial) = (0.0, 0.5);
    for k in 1..20 {
        let k = f64::from(k);
        sum += k * power_over_factorial;
        power_over_factorial *= t / (k + 2.0);
    }
    sum
}

/// The exact sums of one pass at one power.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    count: i64,
    /// Values out of reach at this power.
    beyond: i64,
    /// Of y, y′, y², y·y′.
    sums: [Accumulator; 4],
}

impl Sums {
    pub(super) fn add(&mut self, column: Column, family: Family, value: f64, at: f64) {
        let Some([y, slope]) = column.raise(family, value, at) else {
            self.beyond += 1;
            return;
        };
        self.count += 1;
        let (y, slope) = (Factor::of_float(y), Factor::of_float(slope));
        let terms = [Term::new(y), Term::new(slope), Term::new(y).times(y), Term::new(y).times(slope)];
        self.sums.iter_mut().zip(terms).for_each(|(sum, term)| sum.add(term));
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.beyond += other.beyond;
        self.sums.iter_mut().zip(&other.sums).for_each(|(mine, theirs)| mine.merge(theirs));
    }

    /// The derivative of the likelihood at the power; none if y does not vary.
    pub(super) fn derivative(&self, column: Column, at: f64) -> Option<f64> {
        if self.beyond > 0 {
            // Powers that blow values up make them less normal: the maximum lies nearer to where they don't.
            let neutral = if column.side == Side::Both { 1.0 } else { 0.0 };
            return Some(if at > neutral { f64::NEG_INFINITY } else { f64::INFINITY });
        }
        let [y, slope, squares, products] = self.sums.each_ref().map(Accumulator::value);
        let (covariance, covariance_exponent) = self.centred(&products, &y, &slope);
        let (variance, variance_exponent) = self.centred(&squares, &y, &y);
        let ratio = divide(&covariance, covariance_exponent - variance_exponent, variance.magnitude())?;
        Some(if column.side == Side::Both { column.mean_log - ratio } else { -ratio })
    }

    /// n·Σab − Σa·Σb, and its exponent.
    fn centred(&self, products: &Dyadic, a: &Dyadic, b: &Dyadic) -> (BigInt, i32) {
        let scaled = (products.integer() * self.count, products.exponent());
        subtract(scaled, (a.integer() * b.integer(), a.exponent() + b.exponent()))
    }

    pub(super) fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&self.beyond.to_le_bytes());
        self.sums.iter().for_each(|sum| sum.save(out));
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut sums = Self { count: reader.i64()?, beyond: reader.i64()?, ..Self::default() };
        for sum in &mut sums.sums {
            *sum = Accumulator::read(reader)?;
        }
        Some(sums)
    }
}
