//! `approx_count_distinct`: HyperLogLog with p = 12 and Ertl's improved raw estimator, as the paper writes them down (Algorithm 6 of "New
//! cardinality estimation algorithms for HyperLogLog sketches", 2017).

use std::hash::Hasher;

use siphasher::sip::SipHasher24;

use crate::cell::Cell;

/// The key of SipHash's own test vectors: the bytes 0 to 15.
const KEY: [u64; 2] = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
const P: u32 = 12;
const M: usize = 1 << P;
const Q: usize = 64 - P as usize;

/// About how many different values there are.
pub fn estimate(values: &[Cell]) -> usize {
    let mut registers = vec![0_usize; M];
    for value in values {
        let hash = hash(value);
        let index = usize::try_from(hash >> Q).unwrap();
        // The place of the first set bit behind the index, from 1; q + 1 where none is set.
        let rank = usize::try_from((hash << P).leading_zeros()).unwrap().min(Q) + 1;
        registers[index] = registers[index].max(rank);
    }
    let count = |rank: usize| registers.iter().filter(|register| **register == rank).count() as f64;
    let m = M as f64;
    let mut z = m * tau(1.0 - count(Q + 1) / m);
    for rank in (1..=Q).rev() {
        z = 0.5 * (z + count(rank));
    }
    z += m * sigma(count(0) / m);
    let estimate = m * m / (2.0 * std::f64::consts::LN_2) / z;
    estimate.round_ties_even() as usize
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
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

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x).powi(2) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

/// SipHash-2-4 of a value: numbers and times as 64 bits, least byte first; text and bytes as they are; a bool as one byte.
fn hash(value: &Cell) -> u64 {
    let mut hasher = SipHasher24::new_with_keys(KEY[0], KEY[1]);
    match value {
        Cell::Null | Cell::List(_) => panic!("{value:?} is not counted"),
        Cell::Bool(value) => hasher.write(&[u8::from(*value)]),
        Cell::Int(value) | Cell::Time(value) => hasher.write(&value.to_le_bytes()),
        Cell::Float(value) => hasher.write(&value.to_le_bytes()),
        Cell::Text(text) => hasher.write(text.as_bytes()),
        Cell::Bytes(bytes) => hasher.write(bytes),
    }
    hasher.finish()
}
