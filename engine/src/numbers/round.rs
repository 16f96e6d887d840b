//! The one rounding at the end of exact arithmetic: to nearest, ties to even.

use num_bigint::{BigInt, BigUint, Sign};

/// The exponent of the least subnormal: every float64 is a multiple of two to this power.
const LEAST: i32 = -1074;

/// Rounds ±`magnitude`·2^`exponent` to the nearest float64, ties to even. With `sticky` the magnitude is a little more than it
/// says, by less than one; it must have 65 bits or more then. What is too large is infinite; zero is +0.0, and so is what
/// rounds to zero.
pub(super) fn round(negative: bool, magnitude: u128, exponent: i32, sticky: bool) -> f64 {
    let bits = 128 - magnitude.leading_zeros() as i32;
    // The weight of the result's last bit: 53 bits below the first, but never below the least subnormal.
    let last = (exponent + bits - 53).max(LEAST);
    if bits == 0 || last > exponent + bits {
        return 0.0;
    }
    if exponent + bits > 1024 {
        return if negative { f64::NEG_INFINITY } else { f64::INFINITY };
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
    let field = u64::from((last - LEAST).unsigned_abs()) << 52;
    let value = f64::from_bits(field + kept as u64);
    if negative && value != 0.0 { -value } else { value }
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
