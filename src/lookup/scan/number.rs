//! Numbers: their grammar, and the float64 nearest to them.

use super::{ScanError, Scanner};

/// Integers up to here are exact in float64.
const EXACT_INTEGER: u64 = 1 << 53;
/// Powers of ten that are exact in float64.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// A number as it stands in the text; finite in float64.
#[derive(Clone, Copy, Debug)]
pub struct Number<'a> {
    text: &'a str,
    /// The digits as one integer; wrong when there are more than 19 of them.
    mantissa: u64,
    /// Digits in the mantissa, leading zeros included.
    digits: usize,
    /// Power of ten of the last digit.
    exponent: i32,
    is_integer: bool,
}

impl<'a> Number<'a> {
    /// The text.
    #[must_use]
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The float64 nearest to the number, ties to even.
    #[must_use]
    #[inline(always)]
    pub fn value(&self) -> f64 {
        // One exact operand each and one rounding: the nearest float64 (W. D. Clinger, How to read floating point numbers accurately, 1990).
        if self.digits <= 19 && self.mantissa <= EXACT_INTEGER {
            let power = self.exponent.unsigned_abs() as usize;
            if let Some(power) = EXACT_POWERS.get(power) {
                #[expect(clippy::cast_precision_loss, reason = "at most 2^53")]
                let mantissa = self.mantissa as f64;
                let value = if self.exponent < 0 { mantissa / power } else { mantissa * power };
                return if self.text.starts_with('-') { -value } else { value };
            }
        }
        if self.digits <= 19 && self.mantissa > 0 && RECIPROCALS.len() as i32 > -self.exponent && self.exponent < 0 {
            let value = divided(self.mantissa, self.exponent.unsigned_abs());
            return if self.text.starts_with('-') { -value } else { value };
        }
        fast_float2::parse(self.text).unwrap_or(f64::NAN)
    }

    /// Whether a reader that keeps integers exact, as Python's does, would get something else from the text than the float64: an integer
    /// beyond 2^53, or the integer -0.
    #[must_use]
    #[inline]
    pub fn is_beyond_float(&self) -> bool {
        self.is_integer
            && (self.digits > 15 && (self.digits > 19 || self.mantissa > EXACT_INTEGER) || self.text == "-0")
    }
}

impl<'a> Scanner<'a> {
    /// A number at the next byte, which is a minus or a digit.
    #[inline(always)]
    pub(super) fn number(&mut self) -> Result<Number<'a>, ScanError> {
        let (bytes, start) = (self.bytes, self.at);
        let first = if bytes.get(start) == Some(&b'-') { start + 1 } else { start };
        // Before the point there are few digits, mostly one.
        let (mut at, mut mantissa) = few_digits(bytes, first, 0);
        let mut count = at - first;
        if count == 0 {
            return Err(self.error_at(at, "expected a digit"));
        }
        if count > 1 && bytes.get(first) == Some(&b'0') {
            return Err(self.error_at(first, "a number can't begin with a zero"));
        }
        let mut exponent = 0;
        let mut is_integer = true;
        if bytes.get(at) == Some(&b'.') {
            is_integer = false;
            let point = at + 1;
            (at, mantissa) = digits(bytes, point, mantissa);
            if at == point {
                return Err(self.error_at(at, "expected a digit"));
            }
            count += at - point;
            exponent = -i32::try_from(at - point).unwrap_or(i32::MAX);
        }
        if let Some(b'e' | b'E') = bytes.get(at) {
            is_integer = false;
            let power;
            (at, power) = self.power(at)?;
            exponent = exponent.saturating_add(power);
        }
        let number = Number { text: &self.text[start..at], mantissa, digits: count, exponent, is_integer };
        // Only a long or a far number can be infinite; the others need no look.
        let magnitude = exponent.saturating_add(i32::try_from(count).unwrap_or(i32::MAX));
        if magnitude > 300 && !number.value().is_finite() {
            return Err(self.error_at(start, "a number outside float64"));
        }
        self.at = at;
        Ok(number)
    }

    /// The exponent whose `e` is at `at`: where it ends, and the power of ten.
    #[cold]
    fn power(&self, at: usize) -> Result<(usize, i32), ScanError> {
        let sign = self.bytes.get(at + 1);
        let start = if let Some(b'-' | b'+') = sign { at + 2 } else { at + 1 };
        let mut end = start;
        let mut power = 0_i32;
        while let Some(digit @ b'0'..=b'9') = self.bytes.get(end) {
            power = power.saturating_mul(10).saturating_add(i32::from(digit - b'0')).min(1_000_000);
            end += 1;
        }
        if end == start {
            return Err(self.error_at(end, "expected a digit in the exponent"));
        }
        Ok((end, if sign == Some(&b'-') { -power } else { power }))
    }
}

/// 2^191 / (5^k shifted to 64 bits), rounded up: 128 bits of the reciprocal of a power of five.
const RECIPROCALS: [u128; 28] = {
    let mut table = [0; 28];
    let mut power = 1_u64;
    let mut k = 1;
    while k < table.len() {
        power *= 5;
        let divisor = (power << power.leading_zeros()) as u128;
        let high = (1 << 127) / divisor;
        let low = (((1 << 127) % divisor) << 64) / divisor;
        table[k] = (high << 64 | low) + 1;
        k += 1;
    }
    table
};

/// The float64 nearest to `mantissa / 10^k`, for a mantissa that is not 0 and k from 1 to 27 (D. Lemire, Number parsing at a gigabyte per second,
/// 2021; for these k its approximation always decides).
#[inline]
fn divided(mantissa: u64, k: u32) -> f64 {
    let shift = mantissa.leading_zeros();
    let mantissa = u128::from(mantissa << shift);
    let reciprocal = RECIPROCALS[k as usize];
    let mut product = mantissa * (reciprocal >> 64);
    // The lower half of the reciprocal matters only when the bits that decide the rounding are all ones.
    if product >> 64 & 0x1ff == 0x1ff {
        product += (mantissa * (reciprocal & u128::from(u64::MAX))) >> 64;
    }
    let [low, high] = [product, product >> 64].map(|half| (half & u128::from(u64::MAX)) as u64);
    let upper = (high >> 63) as u32;
    let mut bits = high >> (upper + 9);
    // Exactly between two float64: to the even one.
    if low <= 1 && k <= 4 && bits & 3 == 1 && bits << (upper + 9) == high {
        bits &= !1;
    }
    bits = (bits + (bits & 1)) >> 1;
    // floor(log2(10^-k)), in fixed point.
    let power = ((-i64::from(k) * 217_706) >> 16) + 63;
    let exponent = power + i64::from(upper) - i64::from(shift) + 1023;
    // A carry out of the fraction goes into the exponent by itself.
    f64::from_bits((exponent.cast_unsigned() << 52) + (bits - (1 << 52)))
}

/// Reads a few digits from `at` on, one by one: where they end, and the mantissa with them appended.
#[inline(always)]
fn few_digits(bytes: &[u8], mut at: usize, mut mantissa: u64) -> (usize, u64) {
    while let Some(&byte) = bytes.get(at)
        && byte.is_ascii_digit()
    {
        mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
        at += 1;
    }
    (at, mantissa)
}

/// Reads digits from `at` on: where they end, and the mantissa with them appended.
#[inline(always)]
fn digits(bytes: &[u8], mut at: usize, mut mantissa: u64) -> (usize, u64) {
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>)
        && let Some(eight) = eight_digits(u64::from_le_bytes(*chunk))
    {
        mantissa = mantissa.wrapping_mul(100_000_000).wrapping_add(eight);
        at += 8;
    }
    few_digits(bytes, at, mantissa)
}

/// The value of eight ASCII digits, the first in the lowest byte; none if one is no digit.
#[inline]
fn eight_digits(word: u64) -> Option<u64> {
    let digits = word ^ 0x3030_3030_3030_3030;
    if (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    Some(fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff)
}
