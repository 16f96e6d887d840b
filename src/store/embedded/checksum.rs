//! The checksum on every stored value: CRC-32C over the key and the value, in the last four bytes. With the key in it, a value that
//! turns up under another key is found out too.

use bytes::{BufMut, Bytes, BytesMut};

/// Bytes that the checksum adds to a value.
pub(super) const LENGTH: usize = 4;

/// The value as it is stored.
pub(super) fn seal(key: &[u8], value: &[u8]) -> Bytes {
    let mut sealed = BytesMut::with_capacity(value.len() + LENGTH);
    sealed.put_slice(value);
    sealed.put_u32(of(key, value));
    sealed.freeze()
}

/// The value as it was written; none when the checksum does not match.
pub(super) fn open(key: &[u8], sealed: &Bytes) -> Option<Bytes> {
    let at = sealed.len().checked_sub(LENGTH)?;
    let stored = u32::from_be_bytes(sealed[at..].try_into().ok()?);
    (of(key, &sealed[..at]) == stored).then(|| sealed.slice(..at))
}

fn of(key: &[u8], value: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(key), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_was_sealed() {
        for value in [&b""[..], b"x", &[0xff; 5000]] {
            assert_eq!(open(b"key", &seal(b"key", value)).as_deref(), Some(value));
        }
    }

    #[test]
    fn finds_every_flipped_bit_a_short_value_and_another_key() {
        let sealed = seal(b"key", b"some value");
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut bytes = sealed.to_vec();
                bytes[at] ^= 1 << bit;
                assert_eq!(open(b"key", &bytes.into()), None);
            }
        }
        assert_eq!(open(b"yek", &sealed), None);
        assert_eq!(open(b"key", &sealed.slice(..3)), None);
    }
}
