//! When a certificate ends: the one figure of it that is told to operators. The library that judges certificates keeps it to itself.

use jiff::civil;
use jiff::tz::TimeZone;

/// Tags of DER.
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// The end of the validity of a certificate (RFC 5280, 4.1), in seconds since 1970-01-01 UTC; none: that can't be read.
pub(super) fn end(certificate: &[u8]) -> Option<i64> {
    let (mut certificate, _) = expect(SEQUENCE, certificate)?;
    let (mut signed, _) = expect(SEQUENCE, certificate)?;
    if let Some((_, rest)) = expect(VERSION, signed) {
        signed = rest;
    }
    // Its serial number, the algorithm of its signature, and who signed it.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        (_, signed) = expect(tag, signed)?;
    }
    (certificate, _) = expect(SEQUENCE, signed)?;
    let (_, _, rest) = element(certificate)?;
    let (tag, end, _) = element(rest)?;
    time(tag, str::from_utf8(end).ok()?)
}

/// Both forms end with seconds and a Z in certificates.
fn time(tag: u8, text: &str) -> Option<i64> {
    let digits = text.strip_suffix('Z').filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))?;
    let (year, rest) = match tag {
        UTC_TIME if digits.len() == 12 => {
            let year = digits[..2].parse::<i16>().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, &digits[2..])
        }
        GENERALIZED_TIME if digits.len() == 14 => (digits[..4].parse().ok()?, &digits[4..]),
        _ => return None,
    };
    let part = |at: usize| rest[2 * at..2 * at + 2].parse::<i8>().ok();
    let time = civil::DateTime::new(year, part(0)?, part(1)?, part(2)?, part(3)?, part(4)?, 0).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

/// The content of the element of this tag, and what follows.
fn expect(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    element(bytes).filter(|(found, _, _)| *found == tag).map(|(_, content, rest)| (content, rest))
}

/// The tag and the content of the first element, and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, mut rest) = rest.split_first()?;
    let mut length = usize::from(*first);
    if length >= 0x80 {
        let (digits, after) = rest.split_at_checked(length - 0x80).filter(|(digits, _)| digits.len() <= 4)?;
        length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
        rest = after;
    }
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_two_forms() {
        assert_eq!(time(UTC_TIME, "300101000000Z"), Some(1_893_456_000));
        assert_eq!(time(UTC_TIME, "491231235959Z"), Some(2_524_607_999));
        assert_eq!(time(UTC_TIME, "500101000000Z"), Some(-631_152_000));
        assert_eq!(time(GENERALIZED_TIME, "20500101000000Z"), Some(2_524_608_000));
        for (tag, text) in [
            (UTC_TIME, ""),
            (UTC_TIME, "300101000000"),
            (UTC_TIME, "20300101000000Z"),
            (UTC_TIME, "301301000000Z"),
            (UTC_TIME, "30010100000éZ"),
            (GENERALIZED_TIME, "300101000000Z"),
            (INTEGER, "300101000000Z"),
        ] {
            assert_eq!(time(tag, text), None, "{text}");
        }
    }

    #[test]
    fn what_is_cut_or_spoilt_has_no_end() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2060, 1, 1);
        let certificate = params.self_signed(&key).unwrap().der().to_vec();
        assert_eq!(end(&certificate), Some(2_840_140_800));
        for at in 0..certificate.len() {
            assert_eq!(end(&certificate[..at]), None);
            let mut spoilt = certificate.clone();
            spoilt[at] ^= 0xff;
            end(&spoilt);
        }
    }
}
