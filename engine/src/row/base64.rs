//! Bytes as text: base64 in JSON, base64url in keys.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD_INDIFFERENT, PAD_INDIFFERENT};

const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, PAD_INDIFFERENT);
const URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, NO_PAD_INDIFFERENT);

/// Reads base64 in either alphabet, with or without padding.
///
/// # Errors
/// What would be right, when the text is something else.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, String> {
    let engine = if text.iter().any(|byte| matches!(byte, b'-' | b'_')) { &URL } else { &STANDARD };
    engine.decode(text).map_err(|error| format!("must be bytes in base64: {error}").to_lowercase())
}

/// Writes base64 with padding, as JSON has it.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Writes base64url without padding, as keys have it.
#[must_use]
pub fn encode_url(bytes: &[u8]) -> String {
    URL.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_alphabet_reads_with_or_without_padding() {
        for text in ["+/8=", "+/8", "-_8=", "-_8"] {
            assert_eq!(decode(text.as_bytes()), Ok(vec![0xfb, 0xff]), "{text}");
        }
        assert_eq!(encode(&[0xfb, 0xff]), "+/8=");
        assert_eq!(encode_url(&[0xfb, 0xff]), "-_8");
    }

    #[test]
    fn what_is_not_base64_is_refused() {
        for text in ["a", "abc!", "+_8=", "ab=c", "-_9"] {
            assert!(decode(text.as_bytes()).is_err(), "{text}");
        }
    }
}
