//! Count, sum, mean and variance of 64-bit integers, from exact sums.

use num_bigint::BigInt;

use super::bytes::Reader;
use super::moments::natural;
use super::round::divide;

/// The exact sums of a multiset of integers and of their squares: Σx in 128 bits, Σx² in 256, so that neither can overflow.
/// What is added can be subtracted again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IntMoments {
    count: i64,
    sum: i128,
    /// Low and high half of Σx², as one number of 256 bits.
    squares: [u128; 2],
}

impl IntMoments {
    /// Adds a value.
    pub const fn add(&mut self, value: i64) {
        self.count += 1;
        self.sum += value as i128;
        let square = value.unsigned_abs() as u128 * value.unsigned_abs() as u128;
        self.add_squares([square, 0]);
    }

    /// Takes a value out that was added before.
    pub const fn subtract(&mut self, value: i64) {
        self.count -= 1;
        self.sum -= value as i128;
        let square = value.unsigned_abs() as u128 * value.unsigned_abs() as u128;
        self.subtract_squares([square, 0]);
    }

    /// Adds the values of another state.
    pub const fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.add_squares(other.squares);
    }

    /// Takes the values of another state out.
    pub const fn unmerge(&mut self, other: &Self) {
        self.count -= other.count;
        self.sum -= other.sum;
        self.subtract_squares(other.squares);
    }

    const fn add_squares(&mut self, squares: [u128; 2]) {
        let (low, carry) = self.squares[0].overflowing_add(squares[0]);
        self.squares = [low, self.squares[1].wrapping_add(squares[1]).wrapping_add(carry as u128)];
    }

    const fn subtract_squares(&mut self, squares: [u128; 2]) {
        let (low, borrow) = self.squares[0].overflowing_sub(squares[0]);
        self.squares = [low, self.squares[1].wrapping_sub(squares[1]).wrapping_sub(borrow as u128)];
    }

    /// How many values there are.
    #[must_use]
    pub const fn count(&self) -> i64 {
        self.count
    }

    /// The sum, which may be out of the range of int64: the caller says OVERFLOW then.
    #[must_use]
    pub const fn sum(&self) -> i128 {
        self.sum
    }

    /// The sum, rounded to float64, divided by the count. `None` without a value.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count != 0).then(|| self.sum as f64 / self.count as f64)
    }

    /// The variance, rounded once; `ddof` 0 is the population form. `None` without a value more than `ddof`.
    #[must_use]
    pub fn variance(&self, ddof: i64) -> Option<f64> {
        let squares = (BigInt::from(self.squares[1]) << 128) + BigInt::from(self.squares[0]);
        let sum = BigInt::from(self.sum);
        let deviations = squares * self.count - &sum * &sum;
        divide(&deviations, 0, &(natural(self.count)? * natural(self.count.checked_sub(ddof)?)?))
    }

    /// Appends the state; equal multisets give equal bytes.
    pub fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&self.sum.to_le_bytes());
        self.squares.iter().for_each(|half| out.extend_from_slice(&half.to_le_bytes()));
    }

    /// Reads a saved state; none if the bytes are not one.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            count: reader.i64()?,
            sum: reader.array().map(i128::from_le_bytes)?,
            squares: [reader.array().map(u128::from_le_bytes)?, reader.array().map(u128::from_le_bytes)?],
        })
    }
}
