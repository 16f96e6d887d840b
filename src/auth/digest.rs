//! Keys are 256 random bits, so that one SHA-256 without salt or stretching is enough: there is nothing to guess.

use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

/// What every key begins with, so that people and scanners of secrets know one when they see it.
const PREFIX: &str = "unskew_";
/// Random bytes of a key.
const RANDOM: usize = 32;

/// The SHA-256 of a key.
#[derive(Clone, Copy, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of the text of a key.
    #[must_use]
    pub fn of(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// From 64 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
        let nibble = |digit: u8| (digit as char).to_digit(16).and_then(|value| u8::try_from(value).ok());
        let bytes: Option<Vec<u8>> =
            pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?)).collect();
        bytes?.try_into().ok().map(Self)
    }
}

impl PartialEq for Digest {
    /// Takes the same time wherever the two differ.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Digest").finish_non_exhaustive()
    }
}

/// A new key.
///
/// # Errors
/// When the operating system gives no random numbers.
pub fn generate() -> Result<String, getrandom::Error> {
    let mut random = [0; RANDOM];
    getrandom::fill(&mut random)?;
    let mut key = PREFIX.to_owned();
    // Writing to a String can't fail.
    let _ = write_hex(&random, &mut key);
    Ok(key)
}

fn write_hex(bytes: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_the_sha_256_of_the_text() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").to_string(), abc);
        assert_eq!(Digest::parse(abc), Some(Digest::of(b"abc")));
        assert_eq!(Digest::parse(&abc.to_uppercase()), Some(Digest::of(b"abc")));
        assert_ne!(Digest::of(b"abc"), Digest::of(b"abd"));
        assert!(!format!("{:?}", Digest::of(b"abc")).contains("ba78"));
        for bad in ["", "ba", &abc[1..], &abc[2..], &format!("{abc}00"), &format!("+f{}", &abc[2..]), &"é".repeat(32)]
        {
            assert_eq!(Digest::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn keys_are_long_and_differ() {
        let (one, two) = (generate().unwrap(), generate().unwrap());
        assert_eq!(one.len(), PREFIX.len() + 2 * RANDOM);
        assert!(one.starts_with(PREFIX) && one[PREFIX.len()..].bytes().all(|digit| digit.is_ascii_hexdigit()));
        assert_ne!(one, two);
    }
}
