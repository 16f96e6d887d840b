//! A sum of floats and of products of floats, exact over the whole range of float64.

use num_bigint::{BigInt, Sign};

use super::bytes::Reader;
use super::round::round;

const LIMB_BITS: i32 = 32;
const LIMB: i64 = 1 << LIMB_BITS;

/// How many words may be added before carries must be resolved: each adds less than 2^32 to a limb of 63 bits.
const LAZY: u32 = 1 << 30;

/// Bounds of the limbs of a saved state, in limbs: those of the fourth power of any float64, with room for carries.
const LIMB_RANGE: std::ops::Range<i32> = -160..160;

/// A product of up to four floats, exact: ±words·2^exponent, the words least first.
#[derive(Clone, Copy, Debug)]
pub struct Term {
    negative: bool,
    words: [u64; 4],
    exponent: i32,
}

impl Term {
    /// A finite float as it is.
    #[must_use]
    pub const fn new(value: f64) -> Self {
        let (negative, mantissa, exponent) = decode(value);
        Self { negative, words: [mantissa, 0, 0, 0], exponent }
    }

    /// This times another finite float. Four factors are the most.
    #[must_use]
    pub fn times(mut self, value: f64) -> Self {
        let (negative, mantissa, exponent) = decode(value);
        let mut carry = 0;
        for word in &mut self.words {
            let product = u128::from(*word) * u128::from(mantissa) + carry;
            *word = product as u64;
            carry = product >> 64;
        }
        Self { negative: self.negative != negative, words: self.words, exponent: self.exponent + exponent }
    }

    /// The same with the other sign: what takes it out again.
    #[must_use]
    pub const fn negated(mut self) -> Self {
        self.negative = !self.negative;
        self
    }
}

/// Sign, mantissa and exponent of a finite float: ±mantissa·2^exponent.
const fn decode(value: f64) -> (bool, u64, i32) {
    let bits = value.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    let field = ((bits >> 52) & 0x7ff) as i32;
    let (mantissa, exponent) = if field == 0 { (fraction, -1074) } else { (fraction | 1 << 52, field - 1075) };
    (value.is_sign_negative(), mantissa, exponent)
}

/// A sum of [`Term`]s, exact: a fixed-point number as wide as its terms need, in limbs of 32 bits whose carries are resolved
/// now and then. Adding a term with the other sign is the exact inverse.
#[derive(Clone, Debug, Default)]
pub struct Accumulator {
    /// The first limb weighs 2^(32·low).
    low: i32,
    /// Each within ±2^32·(pending + 1).
    limbs: Vec<i64>,
    /// Words added since carries were resolved.
    pending: u32,
}

impl Accumulator {
    /// Adds a term.
    pub fn add(&mut self, term: Term) {
        for (index, word) in (0..).zip(term.words) {
            if word != 0 {
                self.add_word(term.negative, word, term.exponent + 64 * index);
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

    /// Appends the state; equal sums give equal bytes.
    pub fn save(&self, out: &mut Vec<u8>) {
        let value = self.value();
        out.extend_from_slice(&(value.low as i16).to_le_bytes());
        out.push(u8::from(value.negative));
        super::bytes::put_count(value.limbs.len(), out);
        value.limbs.iter().for_each(|limb| out.extend_from_slice(&limb.to_le_bytes()));
    }

    /// Reads a saved state; none if the bytes are not one.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let low = i32::from(reader.i16()?);
        let sign = match reader.u8()? {
            0 => 1,
            1 => -1,
            _ => return None,
        };
        let count = reader.count(4)?;
        let end = low.checked_add(i32::try_from(count).ok()?)?;
        if count > 0 && !(LIMB_RANGE.contains(&low) && LIMB_RANGE.contains(&(end - 1))) {
            return None;
        }
        let limbs = (0..count).map(|_| reader.u32().map(|limb| sign * i64::from(limb))).collect::<Option<_>>()?;
        Some(Self { low, limbs, pending: 0 })
    }
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
        let kept = self.limbs.len().min(4);
        let (rest, top) = self.limbs.split_at(self.limbs.len() - kept);
        let magnitude = top.iter().rev().fold(0, |sum, limb| sum << LIMB_BITS | u128::from(*limb));
        // The lowest limb is not zero, so whatever is left out counts.
        round(self.negative, magnitude, self.exponent() + LIMB_BITS * rest.len() as i32, !rest.is_empty())
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
