//! A sum of floats and of products of floats, exact over the whole range of float64.

use num_bigint::{BigInt, Sign};

use super::bytes::{Reader, put_signed, put_varint};
use super::round::{round, round_float32};

const LIMB_BITS: i32 = 32;
const LIMB: i64 = 1 << LIMB_BITS;

/// How many words may be added before carries must be resolved: each adds less than 2^32 to a limb of 63 bits.
const LAZY: u32 = 1 << 30;

/// Bounds of the limbs of a saved state, in limbs: those of the fourth power of any float64, with room for carries.
const LIMB_RANGE: std::ops::Range<i32> = -160..160;

/// How many bits below the first term of an empty sum its fast lane reaches, and how far above its unit a term may begin.
const LANE_BELOW: i32 = 30;
const LANE_ABOVE: i32 = 60;

/// Limbs of a saved sum that are read into the fast lane.
const LANE_LIMBS: usize = 3;

/// A finite number taken apart: ±mantissa·2^exponent.
#[derive(Clone, Copy, Debug)]
pub struct Factor {
    negative: bool,
    mantissa: u64,
    exponent: i32,
}

impl Factor {
    /// Of a finite float.
    #[must_use]
    pub const fn of_float(value: f64) -> Self {
        let bits = value.to_bits();
        let fraction = bits & ((1 << 52) - 1);
        let field = ((bits >> 52) & 0x7ff) as i32;
        let (mantissa, exponent) = if field == 0 { (fraction, -1074) } else { (fraction | 1 << 52, field - 1075) };
        Self { negative: value.is_sign_negative(), mantissa, exponent }
    }

    /// Of a whole number.
    #[must_use]
    pub const fn of_int(value: i64) -> Self {
        Self { negative: value < 0, mantissa: value.unsigned_abs(), exponent: 0 }
    }

    /// The same with the other sign.
    #[must_use]
    pub const fn negated(mut self) -> Self {
        self.negative = !self.negative;
        self
    }
}

/// A unit in which each of some floats, and any sum of them, is a whole number of 128 bits.
#[derive(Clone, Copy, Debug)]
pub struct Lane {
    unit: i32,
}

impl Lane {
    /// The unit for these floats; none if one is infinite or NaN, or they lie too far apart.
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        // The bits of magnitudes are in the order of the magnitudes, and so are their exponents.
        let (mut least, mut greatest, mut count) = (u64::MAX, 0, 0_u64);
        for value in values {
            let magnitude = value.to_bits() << 1;
            count += 1;
            greatest = greatest.max(magnitude);
            least = least.min(if magnitude == 0 { u64::MAX } else { magnitude });
        }
        let (least, greatest) = (f64::from_bits(least >> 1), f64::from_bits(greatest >> 1));
        if greatest == 0.0 {
            return Some(Self { unit: 0 });
        }
        let (least, top) = (Factor::of_float(least), Factor::of_float(greatest));
        let carries = 64 - count.leading_zeros() as i32;
        let bits = top.exponent + 64 - top.mantissa.leading_zeros() as i32 - least.exponent;
        (greatest.is_finite() && bits + carries < 127).then_some(Self { unit: least.exponent })
    }

    /// One of these floats in the unit.
    #[must_use]
    #[inline]
    pub const fn whole(self, value: f64) -> i128 {
        let factor = Factor::of_float(value);
        if factor.mantissa == 0 {
            return 0;
        }
        let whole = (factor.mantissa as i128) << (factor.exponent - self.unit);
        if factor.negative { -whole } else { whole }
    }

    /// A sum of them in the unit as a float, rounded once to nearest, ties to even.
    #[must_use]
    #[inline]
    pub fn round(self, whole: i128) -> f64 {
        round_whole(whole, self.unit)
    }

    /// A sum of them in the unit.
    #[must_use]
    #[inline]
    pub const fn sum(self, whole: i128) -> Accumulator {
        Accumulator { lane: whole, unit: self.unit, low: 0, limbs: Vec::new(), pending: 0 }
    }
}

/// A product of up to four numbers, exact: ±words·2^exponent, the words least first.
#[derive(Clone, Copy, Debug)]
pub struct Term {
    negative: bool,
    words: [u64; 4],
    exponent: i32,
}

impl Term {
    /// A number as it is.
    #[must_use]
    pub const fn new(factor: Factor) -> Self {
        Self { negative: factor.negative, words: [factor.mantissa, 0, 0, 0], exponent: factor.exponent }
    }

    /// This times another number. Four factors are the most.
    #[must_use]
    pub fn times(mut self, factor: Factor) -> Self {
        let mut carry = 0;
        for word in &mut self.words {
            let product = u128::from(*word) * u128::from(factor.mantissa) + carry;
            *word = product as u64;
            carry = product >> 64;
        }
        let negative = self.negative != factor.negative;
        Self { negative, words: self.words, exponent: self.exponent + factor.exponent }
    }

    /// The same with the other sign: what takes it out again.
    #[must_use]
    pub const fn negated(mut self) -> Self {
        self.negative = !self.negative;
        self
    }
}

/// A sum of [`Term`]s, exact. Adding a term with the other sign is the exact inverse.
///
/// What fits goes into a fast lane, a whole number of 128 bits in units of a power of two that the first term sets. The rest goes
/// into a fixed-point number as wide as its terms need, in limbs of 32 bits whose carries are resolved now and then. The value is
/// the sum of both, so that it does not matter which term went where.
#[derive(Clone, Debug, Default)]
pub struct Accumulator {
    lane: i128,
    /// The exponent of the lane's unit.
    unit: i32,
    /// The first limb weighs 2^(32·low).
    low: i32,
    /// Each within ±2^32·(pending + 1).
    limbs: Vec<i64>,
    /// Words added since carries were resolved.
    pending: u32,
}

impl Accumulator {
    /// Adds a number.
    #[inline]
    pub fn add_factor(&mut self, factor: Factor) {
        if self.lane == 0 {
            self.unit = factor.exponent - LANE_BELOW;
        }
        let shift = factor.exponent - self.unit;
        if (0..=LANE_ABOVE).contains(&shift) {
            let part = i128::from(factor.mantissa) << shift;
            if let Some(lane) = self.lane.checked_add(if factor.negative { -part } else { part }) {
                self.lane = lane;
                return;
            }
        }
        if factor.mantissa != 0 {
            self.add_word(factor.negative, factor.mantissa, factor.exponent);
        }
    }

    /// Adds a term.
    pub fn add(&mut self, term: Term) {
        for (index, word) in (0..).zip(term.words) {
            if word != 0 {
                self.add_word(term.negative, word, term.exponent + 64 * index);
            }
        }
    }

    /// Adds a lane to the limbs.
    fn add_lane(&mut self, lane: i128, unit: i32) {
        let magnitude = lane.unsigned_abs();
        for (word, exponent) in [(magnitude as u64, unit), ((magnitude >> 64) as u64, unit + 64)] {
            if word != 0 {
                self.add_word(lane < 0, word, exponent);
            }
        }
    }

    fn add_word(&mut self, negative: bool, word: u64, exponent: i32) {
        if self.pending >= LAZY {
            self.carry();
        }
        self.pending += 1;
        let first = self.reach(exponent.div_euclid(LIMB_BITS), 3);
        let mut rest = u128::from(word) << exponent.rem_euclid(LIMB_BITS);
        for limb in &mut self.limbs[first..first + 3] {
            let part = i64::from(rest as u32);
            *limb += if negative { -part } else { part };
            rest >>= LIMB_BITS;
        }
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &Self) {
        self.combine(other, 1);
    }

    /// Takes another sum out: the inverse of [`Accumulator::merge`].
    pub fn subtract(&mut self, other: &Self) {
        self.combine(other, -1);
    }

    fn combine(&mut self, other: &Self, sign: i64) {
        if other.lane != 0 {
            if self.lane == 0 {
                self.unit = other.unit;
            }
            let lane = i128::from(sign) * other.lane;
            match aligned(lane, other.unit, self.unit).and_then(|lane| self.lane.checked_add(lane)) {
                Some(sum) => self.lane = sum,
                None => self.add_lane(lane, other.unit),
            }
        }
        if other.limbs.is_empty() {
            return;
        }
        if self.pending.saturating_add(other.pending) >= LAZY {
            self.carry();
        }
        let first = self.reach(other.low, other.limbs.len());
        for (limb, added) in self.limbs[first..].iter_mut().zip(&other.limbs) {
            *limb += sign * added;
        }
        self.pending += other.pending + 1;
    }

    /// Makes room for `count` limbs from limb `low` on, and gives the index of the first.
    fn reach(&mut self, low: i32, count: usize) -> usize {
        if self.limbs.is_empty() {
            self.low = low;
        }
        if low < self.low {
            let missing = self.low.abs_diff(low) as usize;
            self.limbs.splice(0..0, std::iter::repeat_n(0, missing));
            self.low = low;
        }
        let first = low.abs_diff(self.low) as usize;
        if self.limbs.len() < first + count {
            self.limbs.resize(first + count, 0);
        }
        first
    }

    /// Resolves carries: all limbs but the last are within 0..2^32 then, and the last, which bears the sign, within ±2^32.
    fn carry(&mut self) {
        self.pending = 0;
        let mut carry = 0;
        let mut index = 0;
        while index < self.limbs.len() {
            let value = self.limbs[index] + carry;
            let is_last = index + 1 == self.limbs.len();
            if is_last && (-LIMB < value && value < LIMB) {
                self.limbs[index] = value;
                return;
            }
            self.limbs[index] = value & (LIMB - 1);
            carry = value >> LIMB_BITS;
            if is_last {
                self.limbs.push(0);
            }
            index += 1;
        }
    }

    /// The exact value. Equal sums give equal values, however they came about.
    #[must_use]
    pub fn value(&self) -> Dyadic {
        let mut copy = self.clone();
        copy.add_lane(self.lane, self.unit);
        copy.carry();
        let negative = copy.limbs.last().is_some_and(|limb| *limb < 0);
        if negative {
            copy.limbs.iter_mut().for_each(|limb| *limb = -*limb);
            copy.carry();
        }
        let zeros = copy.limbs.iter().take_while(|limb| **limb == 0).count();
        let mut limbs: Vec<u32> = copy.limbs.iter().skip(zeros).map(|limb| *limb as u32).collect();
        while limbs.last() == Some(&0) {
            limbs.pop();
        }
        let low = if limbs.is_empty() { 0 } else { copy.low + zeros as i32 };
        Dyadic { negative, low, limbs }
    }

    /// The value, rounded to the nearest float64 as by [`Dyadic::round`].
    #[must_use]
    pub fn round(&self) -> f64 {
        if self.limbs.is_empty() {
            return round_whole(self.lane, self.unit);
        }
        self.value().round()
    }

    /// The value, rounded once to the nearest float32, ties to even.
    #[must_use]
    pub fn round_float32(&self) -> f32 {
        self.value().round_float32()
    }

    /// Appends the state; equal sums give equal bytes.
    pub fn save(&self, out: &mut Vec<u8>) {
        let value = self.value();
        put_signed(value.low.into(), out);
        out.push(u8::from(value.negative));
        put_varint(value.limbs.len() as u64, out);
        value.limbs.iter().for_each(|limb| out.extend_from_slice(&limb.to_le_bytes()));
    }

    /// Reads a saved state; none if the bytes are not one.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let low = i32::try_from(reader.signed()?).ok()?;
        let sign = match reader.u8()? {
            0 => 1,
            1 => -1,
            _ => return None,
        };
        let count = reader.short_count(4)?;
        let end = low.checked_add(i32::try_from(count).ok()?)?;
        if count > 0 && !(LIMB_RANGE.contains(&low) && LIMB_RANGE.contains(&(end - 1))) {
            return None;
        }
        if count <= LANE_LIMBS {
            let mut magnitude = 0;
            for index in 0..count {
                magnitude |= i128::from(reader.u32()?) << (LIMB_BITS * index as i32);
            }
            return Some(Self { lane: i128::from(sign) * magnitude, unit: LIMB_BITS * low, ..Self::default() });
        }
        let limbs = (0..count).map(|_| reader.u32().map(|limb| sign * i64::from(limb))).collect::<Option<_>>()?;
        Some(Self { low, limbs, ..Self::default() })
    }
}

/// How many of the 128 bits of a whole number have to be zeros for the others to be 62.
const KEPT_BITS: u32 = 66;

/// `whole`·2^`unit`, rounded once to nearest, ties to even.
#[inline]
fn round_whole(whole: i128, unit: i32) -> f64 {
    // Between these every product is normal, and so exact: the conversion alone rounds.
    if (-1022..=890).contains(&unit) {
        let magnitude = whole.unsigned_abs();
        // Its upper 62 bits, which a signed word has room for, the last of them set if any below is: what is left to round is the same.
        let shift = KEPT_BITS.saturating_sub(magnitude.leading_zeros());
        let has_more = magnitude & ((1 << shift) - 1) != 0;
        let kept = (magnitude >> shift) as i64 | i64::from(has_more);
        let rounded = kept as f64 * power_of_two(shift.cast_signed() + unit);
        return if whole < 0 { -rounded } else { rounded };
    }
    round(whole < 0, whole.unsigned_abs(), unit, false)
}

/// 2^`exponent`, which is that of a normal float64.
const fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023).unsigned_abs() as u64) << 52)
}

/// A lane in another unit; none where it does not fit.
const fn aligned(lane: i128, unit: i32, to: i32) -> Option<i128> {
    let shift = unit.abs_diff(to);
    if unit >= to {
        return if shift < lane.unsigned_abs().leading_zeros().saturating_sub(1) { Some(lane << shift) } else { None };
    }
    if shift <= lane.trailing_zeros() && shift < 128 { Some(lane >> shift) } else { None }
}

/// An exact value ±limbs·2^(32·low), the limbs least first, neither the first nor the last of them zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dyadic {
    negative: bool,
    low: i32,
    limbs: Vec<u32>,
}

impl Dyadic {
    /// The nearest float64, ties to even. Too large is infinite; zero is +0.0.
    #[must_use]
    pub fn round(&self) -> f64 {
        let (magnitude, exponent, sticky) = self.top();
        round(self.negative, magnitude, exponent, sticky)
    }

    /// The nearest float32 in the same way, in one rounding.
    #[must_use]
    pub fn round_float32(&self) -> f32 {
        let (magnitude, exponent, sticky) = self.top();
        round_float32(self.negative, magnitude, exponent, sticky)
    }

    /// The four highest limbs, their exponent, and whether there are more: the lowest limb is not zero, so whatever is left out counts.
    fn top(&self) -> (u128, i32, bool) {
        let kept = self.limbs.len().min(4);
        let (rest, top) = self.limbs.split_at(self.limbs.len() - kept);
        let magnitude = top.iter().rev().fold(0, |sum, limb| sum << LIMB_BITS | u128::from(*limb));
        (magnitude, self.exponent() + LIMB_BITS * rest.len() as i32, !rest.is_empty())
    }

    /// The number that [`Dyadic::integer`] is to be multiplied by, as a power of two.
    #[must_use]
    pub const fn exponent(&self) -> i32 {
        LIMB_BITS * self.low
    }

    /// The value divided by 2^[`Dyadic::exponent`]: a whole number.
    #[must_use]
    pub fn integer(&self) -> BigInt {
        BigInt::from_slice(if self.negative { Sign::Minus } else { Sign::Plus }, &self.limbs)
    }
}
