//! About how many different values there are: HyperLogLog with 4096 registers.
//!
//! The estimate is that of O. Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017), without tables. It depends on the
//! registers alone, and they on the set of values alone.

use std::collections::BTreeMap;

use siphasher::sip::SipHasher24;

use super::order::Ordered;
use crate::numbers::{Reader, put_varint};
use crate::value::Value;

const BITS: u32 = 12;
const REGISTERS: usize = 1 << BITS;
/// The greatest rank: one more than the bits of a hash behind the number of its register.
const GREATEST: usize = 64 - BITS as usize + 1;
/// The key of SipHash-2-4: that of its authors' test vectors.
const KEY: [u64; 2] = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];

/// Ranks by register, each with how many values have it, so that values can be taken out again.
#[derive(Clone, Debug, Default)]
pub(super) struct Registers {
    counts: BTreeMap<(u16, u8), i64>,
}

/// The register of a value and its rank.
fn place(value: Value<'_>) -> (u16, u8) {
    let hasher = SipHasher24::new_with_keys(KEY[0], KEY[1]);
    let hash = match value {
        Value::Null => hasher.hash(&[]),
        Value::Bool(value) => hasher.hash(&[u8::from(value)]),
        Value::Int(value) | Value::Time(value) => hasher.hash(&value.to_le_bytes()),
        Value::Float(value) => hasher.hash(&value.to_le_bytes()),
        Value::Str(text) => hasher.hash(text.as_bytes()),
        Value::Bytes(bytes) => hasher.hash(bytes),
        Value::List(list) => list.iter().fold(0, |hash, item| hash ^ u64::from(place(item).0)),
    };
    let register = (hash >> (64 - BITS)) as u16;
    let rank = ((hash << BITS).leading_zeros() as usize + 1).min(GREATEST) as u8;
    (register, rank)
}

impl Registers {
    pub(super) fn add(&mut self, value: Ordered<'_>) {
        *self.counts.entry(place(value.0)).or_default() += 1;
    }

    /// Takes a value out that was added before.
    pub(super) fn remove(&mut self, value: Ordered<'_>) {
        let place = place(value.0);
        if let Some(count) = self.counts.get_mut(&place) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&place);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The registers that have a value, in order, with their greatest ranks.
    fn greatest(&self) -> impl Iterator<Item = (u16, u8)> {
        let mut ranks = self.counts.keys().peekable();
        std::iter::from_fn(move || {
            let mut last = *ranks.next()?;
            while let Some(next) = ranks.next_if(|next| next.0 == last.0) {
                last = *next;
            }
            Some(last)
        })
    }

    /// About how many different values were added.
    pub(super) fn estimate(&self) -> i64 {
        let mut histogram = [0_u32; GREATEST + 1];
        let mut empty = REGISTERS as u32;
        for (_, rank) in self.greatest() {
            if let Some(count) = histogram.get_mut(usize::from(rank)) {
                *count += 1;
                empty -= 1;
            }
        }
        let m = REGISTERS as f64;
        let share = |count: u32| f64::from(count) / m;
        let [_, ranks @ .., greatest] = &histogram;
        let mut z = m * tau(1.0 - share(*greatest));
        for count in ranks.iter().rev() {
            z = 0.5 * (z + f64::from(*count));
        }
        z += m * sigma(share(empty));
        let alpha = 0.5 / std::f64::consts::LN_2;
        (alpha * m * m / z).round_ties_even() as i64
    }

    /// Appends the greatest ranks: equal sets of values give equal bytes.
    pub(super) fn save(&self, out: &mut Vec<u8>) {
        put_varint(self.greatest().count() as u64, out);
        let mut next = 0;
        for (register, rank) in self.greatest() {
            put_varint(u64::from(register) - next, out);
            out.push(rank);
            next = u64::from(register) + 1;
        }
    }

    /// Adds saved ranks; none if the bytes are not such.
    pub(super) fn merge_saved(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let mut next = 0_u64;
        for _ in 0..reader.short_count(2)? {
            let register = next.checked_add(reader.varint()?)?;
            let rank = reader.u8()?;
            if register >= REGISTERS as u64 || !(1..=GREATEST).contains(&usize::from(rank)) {
                return None;
            }
            *self.counts.entry((register as u16, rank)).or_default() += 1;
            next = register + 1;
        }
        Some(())
    }
}

/// x + Σ x^(2^k)·2^(k−1).
fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

/// ⅓·(1 − x − Σ (1 − x^(2^−k))²·2^(−k)).
fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}
