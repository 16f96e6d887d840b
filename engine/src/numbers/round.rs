//! The one rounding at the end of exact arithmetic: to nearest, ties to even.

use num_bigint::{BigInt, BigUint, Sign};

/// A binary floating-point format.
struct Format {
    /// Bits of a normal number's mantissa, the implicit one included.
    digits: i32,
    /// The exponent of the least subnormal: every number is a multiple of two to this power.
    least: i32,
    /// The first power of two that is too large.
    limit: i32,
}

const FLOAT64: Format = Format { digits: 53, least: -1074, limit: 1024 };
const FLOAT32: Format = Format { digits: 24, least: -149, limit: 128 };

/// Rounds ±`magnitude`·2^`exponent` to the nearest float64, ties to even. With `sticky` the magnitude is a little more than it
/// says, by less than one; it must have 65 bits or more then. What is too large is infinite; zero is +0.0, and so is what
/// rounds to zero.
pub(super) fn round(negative: bool, magnitude: u128, exponent: i32, sticky: bool) -> f64 {
    let value = match round_in(&FLOAT64, magnitude, exponent, sticky) {
        Some(bits) => f64::from_bits(bits),
        None => f64::INFINITY,
    };
    if negative && value != 0.0 { -value } else { value }
}

/// The same to float32, in one rounding.
pub(super) fn round_float32(negative: bool, magnitude: u128, exponent: i32, sticky: bool) -> f32 {
    let value = match round_in(&FLOAT32, magnitude, exponent, sticky) {
        Some(bits) => f32::from_bits(bits as u32),
        None => f32::INFINITY,
    };
    if negative && value != 0.0 { -value } else { value }
}

/// The bits of the nearest number of a format; none if it is too large.
fn round_in(format: &Format, magnitude: u128, exponent: i32, sticky: bool) -> Option<u64> {
    let bits = 128 - magnitude.leading_zeros() as i32;
    // The weight of the result's last bit: so many digits below the first, but never below the least subnormal.
    let last = (exponent + bits - format.digits).max(format.least);
    if bits == 0 || last > exponent + bits {
        return Some(0);
    }
    if exponent + bits > format.limit {
        return None;
    }
    let shift = last - exponent;
    let kept = if shift <= 0 {
        magnitude << -shift
    } else {
        let quotient = magnitude.checked_shr(shift.unsigned_abs()).unwrap_or(0);
        let half = 1 << (shift - 1);
        let remainder = magnitude & (half | (half - 1));
        let up = remainder > half || (remainder == half && (sticky || quotient & 1 == 1));
        quotient + u128::from(up)
    };
    // The implicit bit of a normal number adds one to the exponent field, and so does a carry out of the mantissa; past the
    // greatest exponent that is the bit pattern of infinity.
    let field = u64::from((last - format.least).unsigned_abs()) << (format.digits - 1);
    Some(field + kept as u64)
}

/// `numerator`·2^`exponent` / `denominator`, rounded once to nearest, ties to even. `None` if the denominator is zero.
#[must_use]
pub fn divide(numerator: &BigInt, exponent: i32, denominator: &BigUint) -> Option<f64> {
    if denominator.bits() == 0 {
        return None;
    }
    // The quotient gets 66 or 67 bits: enough for the rounding, whose remainder is but a sticky bit.
    let shift = 66 + i64::try_from(denominator.bits()).ok()? - i64::try_from(numerator.bits()).ok()?;
    let (mut dividend, mut divisor) = (numerator.magnitude().clone(), denominator.clone());
    if shift >= 0 {
        dividend <<= shift;
    } else {
        divisor <<= -shift;
    }
    let quotient = &dividend / &divisor;
    let sticky = &quotient * &divisor != dividend;
    let magnitude = u128::try_from(&quotient).ok()?;
    Some(round(numerator.sign() == Sign::Minus, magnitude, exponent.checked_sub(i32::try_from(shift).ok()?)?, sticky))
}
