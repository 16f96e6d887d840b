//! Times as text: RFC 3339 with `Z` or an offset, in the years that it can write.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// 0001-01-01T00:00:00Z.
pub const MIN: i64 = -62_135_596_800_000_000;
/// 9999-12-30T22:00:00Z, the latest time whose date has four digits in every zone.
pub const MAX: i64 = 253_402_207_200_000_000;

/// Whether a time, in microseconds since 1970-01-01 UTC, can be written as RFC 3339.
#[must_use]
pub const fn is_writable(time: i64) -> bool {
    MIN <= time && time <= MAX
}

/// Reads RFC 3339 text as microseconds since 1970-01-01 UTC; finer is floored.
///
/// # Errors
/// What would be right, when the text is something else, a time without zone for example.
pub fn parse(text: &str) -> Result<i64, String> {
    let time = read(text.as_bytes()).ok_or_else(|| {
        format!("{} is no RFC 3339 time with Z or an offset, such as 2026-01-31T09:30:00Z", super::shown(text))
    })?;
    if is_writable(time) { Ok(time) } else { Err(format!("{text:?} is outside the years 1 to 9999")) }
}

/// Writes RFC 3339 with `Z`; none for a time that can't be written.
#[must_use]
pub fn format(time: i64) -> Option<String> {
    if !is_writable(time) {
        return None;
    }
    Timestamp::from_microsecond(time).ok().map(|time| time.to_string())
}

/// A time for people: RFC 3339, or microseconds where that can't write it.
#[must_use]
pub fn shown(time: i64) -> String {
    format(time).unwrap_or_else(|| time.to_string())
}

fn read(text: &[u8]) -> Option<i64> {
    let (head, tail) = text.split_first_chunk::<19>()?;
    let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T' | b't' | b' ', h0, h1, b':', n0, n1, b':', s0, s1] = head
    else {
        return None;
    };
    let two = |tens: u8, ones: u8| number(&[tens, ones]).and_then(|number| i8::try_from(number).ok());
    let year = i16::try_from(number(&[y0, y1, y2, y3])?).ok()?;
    // A leap second is the last second before it: the contract's times have none.
    let second = match two(s0, s1)? {
        60 => 59,
        second => second,
    };
    let civil = DateTime::new(year, two(m0, m1)?, two(d0, d1)?, two(h0, h1)?, two(n0, n1)?, second, 0).ok()?;
    let (micros, zone) = fraction(tail)?;
    Some(offset(zone)?.to_timestamp(civil).ok()?.as_microsecond() + micros)
}

/// Microseconds of `.123…`, finer cut off, which floors; and what follows.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some(text) = text.strip_prefix(b".") else { return Some((0, text)) };
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(digits)?;
    let kept = digits.get(..6).unwrap_or(digits);
    let missing = u32::try_from(6 - kept.len()).ok()?;
    (!digits.is_empty()).then_some((i64::from(number(kept)?) * 10_i64.pow(missing), rest))
}

fn offset(zone: &[u8]) -> Option<Offset> {
    let (sign, [h0, h1, b':', m0, m1]) = (match zone {
        [b'Z' | b'z'] => return Some(Offset::UTC),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    }) else {
        return None;
    };
    let (hours, minutes) = (number(&[*h0, *h1])?, number(&[*m0, *m1])?);
    (hours < 24 && minutes < 60).then(|| Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok())?
}

/// At most nine digits as a number.
fn number(digits: &[u8]) -> Option<i32> {
    digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i32::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finer_than_a_microsecond_is_floored() {
        assert_eq!(parse("1970-01-01T00:00:00.0000019Z"), Ok(1));
        assert_eq!(parse("1969-12-31T23:59:59.9999991Z"), Ok(-1));
        assert_eq!(parse("1970-01-01T00:00:00.0000019999999999999Z"), Ok(1));
        assert_eq!(parse("1970-01-01T00:00:00.5Z"), Ok(500_000));
    }

    #[test]
    fn zones_count() {
        for text in [
            "1970-01-01T01:00:00+01:00",
            "1969-12-31T23:00:00-01:00",
            "1970-01-01 00:00:00z",
            "1970-01-01t00:00:00-00:00",
        ] {
            assert_eq!(parse(text), Ok(0), "{text}");
        }
        assert_eq!(parse("2016-12-31T23:59:60Z"), parse("2016-12-31T23:59:59Z"));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "1970-01-01T00:00:00",
            "1970-01-01",
            "0",
            "",
            "yesterday",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00+01",
            "1970-01-01T00:00:00+0100",
            "1970-01-01T00:00:00+24:00",
            "1970-01-01T00:00:00Z ",
            "1970-02-30T00:00:00Z",
            "1970-01-01T24:00:00Z",
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "+970-01-01T00:00:00Z",
            "1970-01-01T00:00:00Z[UTC]",
            "１970-01-01T00:00:00Z",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_ends_of_the_range_read_back() {
        for time in [MIN, MAX, 0, -1, 1_700_000_000_123_456] {
            assert_eq!(parse(&format(time).unwrap()), Ok(time));
        }
        assert_eq!(format(MIN - 1), None);
        assert_eq!(format(MAX + 1), None);
    }
}
