//! Hash functions that put values into bins, bit for bit those of the libraries they come from.

use std::fmt::Write;

use siphasher::sip::SipHasher24;

use super::parameter::{Argument, Arguments, Default, Parameter, Takes};
use super::{Problem, types};

/// The words of a parameter `hash`, in the order of the variants.
pub(super) const FARMHASH64: &str = "farmhash64";
pub(super) const SIPHASH64: &str = "siphash64";
pub(super) const MURMUR3: &str = "murmur3";

/// `salt` of the transforms that hash.
pub(super) const SALT: Parameter = Parameter {
    name: "salt",
    takes: Takes::Constants,
    default: Default::Absent,
    doc: "the key of siphash64, which needs one: one whole number, used twice, or two; 0 or greater",
};

/// `bins` of the transforms that hash.
pub(super) const BINS: Parameter = Parameter {
    name: "bins",
    takes: Takes::Integer { min: 1, max: i64::MAX },
    default: Default::Required,
    doc: "how many bins there are; the result is from 0 to bins − 1",
};

/// A hash function and its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    /// Fingerprint64 of FarmHash, as TensorFlow and Keras use it.
    Farmhash64,
    /// SipHash-2-4 with a key, as TensorFlow's strong hash and Keras with a salt.
    Siphash64 { key: [u64; 2] },
    /// MurmurHash3 x86 32 with seed 0, the absolute value of it as a signed number, as scikit-learn's `FeatureHasher`.
    Murmur3,
}

impl Hash {
    /// Reads the parameters `hash` and `salt`.
    pub(super) fn read(arguments: &Arguments) -> Result<Self, Problem> {
        let salt = arguments.list(SALT.name);
        let hash = match arguments.text("hash") {
            Some(SIPHASH64) => {
                return match salt {
                    [one] => Ok(Self::Siphash64 { key: [key(one)?; 2] }),
                    [first, second] => Ok(Self::Siphash64 { key: [key(first)?, key(second)?] }),
                    _ => Err(Problem::parameter(
                        SALT.name,
                        "siphash64 needs a salt of one or two whole numbers, such as `[133, 137]`",
                    )),
                };
            }
            Some(MURMUR3) => Self::Murmur3,
            _ => Self::Farmhash64,
        };
        if salt.is_empty() { Ok(hash) } else { Err(Problem::parameter(SALT.name, "only siphash64 takes a salt")) }
    }

    /// The bin of some bytes, below `bins`, which is not 0.
    pub(super) fn bin(self, bytes: &[u8], bins: u64) -> u64 {
        let hash = match self {
            Self::Farmhash64 => farmhash::fingerprint64(bytes),
            Self::Siphash64 { key: [first, second] } => SipHasher24::new_with_keys(first, second).hash(bytes),
            // Reading from a slice can't fail.
            Self::Murmur3 => {
                murmur3::murmur3_32(&mut &*bytes, 0).unwrap_or_default().cast_signed().unsigned_abs().into()
            }
        };
        hash % bins.max(1)
    }
}

fn key(argument: &Argument) -> Result<u64, Problem> {
    let number = if let Argument::Int(value) = argument { u64::try_from(*value).ok() } else { None };
    number.ok_or_else(|| {
        let what = types::describe(argument);
        Problem::parameter(SALT.name, format!("{what} is no key; a key is a whole number, 0 or greater"))
    })
}

/// Two fingerprints as one; the order matters. TensorFlow's hashed crosses chain it.
pub(super) const fn join_fingerprints(first: u64, second: u64) -> u64 {
    const MULTIPLIER: u64 = 0xc6a4_a793_5bd1_e995;
    const fn mix(value: u64) -> u64 {
        value ^ (value >> 47)
    }
    let folded = mix(second.wrapping_mul(MULTIPLIER)).wrapping_mul(MULTIPLIER);
    let joined = ((first ^ MULTIPLIER) ^ folded).wrapping_mul(MULTIPLIER);
    mix(mix(joined).wrapping_mul(MULTIPLIER))
}

/// A short text on the stack: numbers and times are written into it before they are hashed or copied into an arena.
#[derive(Debug)]
pub(super) struct Short {
    bytes: [u8; 48],
    length: usize,
}

impl Short {
    /// The text of a value; cut off behind 48 bytes, which no number or time has.
    pub(super) fn of(value: impl std::fmt::Display) -> Self {
        let mut short = Self { bytes: [0; 48], length: 0 };
        // Only a text that is too long fails, and keeps what fitted.
        let _ = write!(short, "{value}");
        short
    }

    /// The text.
    pub(super) fn as_str(&self) -> &str {
        self.bytes.get(..self.length).and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or("")
    }
}

impl Write for Short {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(std::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_number_fits() {
        assert_eq!(Short::of(i64::MIN).as_str(), i64::MIN.to_string());
    }
}
