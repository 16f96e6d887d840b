//! Times as text: RFC 3339 with `Z` or an offset, in the years that it can write.

use crate::clock::Micros;

/// 0001-01-01T00:00:00Z.
pub const MIN: Micros = -62_135_596_800_000_000;
/// 9999-12-30T22:00:00Z, the latest time whose date has four digits in every zone.
pub const MAX: Micros = 253_402_207_200_000_000;

/// Whether a time can be written as RFC 3339.
#[must_use]
pub const fn is_writable(time: Micros) -> bool {
    MIN <= time && time <= MAX
}

/// Reads RFC 3339 text; finer than a microsecond is floored.
///
/// # Errors
/// What would be right, when the text is something else, a time without zone for example.
pub fn parse(text: &str) -> Result<Micros, String> {
    // More than RFC 3339 is refused here that the parser below would read: a zone by name, for example.
    let wanted = || format!("{text:?} is no RFC 3339 time with Z or an offset, such as 2026-01-31T09:30:00Z");
    if text.contains('[') {
        return Err(wanted());
    }
    let time: jiff::Timestamp = text.parse().map_err(|_| wanted())?;
    let micros = i64::try_from(time.as_nanosecond().div_euclid(1000)).map_err(|_| wanted())?;
    if is_writable(micros) { Ok(micros) } else { Err(format!("{text:?} is outside the years 1 to 9999")) }
}

/// Writes RFC 3339 with `Z`; the nearest writable time for one outside.
#[must_use]
pub fn format(time: Micros) -> String {
    jiff::Timestamp::from_microsecond(time.clamp(MIN, MAX)).map_or_else(|_| String::new(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finer_than_a_microsecond_is_floored() {
        assert_eq!(parse("1970-01-01T00:00:00.0000019Z"), Ok(1));
        assert_eq!(parse("1969-12-31T23:59:59.9999991Z"), Ok(-1));
    }

    #[test]
    fn offsets_count_and_naive_times_and_numbers_are_refused() {
        assert_eq!(parse("1970-01-01T01:00:00+01:00"), Ok(0));
        for text in ["1970-01-01T00:00:00", "1970-01-01", "0", "", "yesterday"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_ends_of_the_range_read_back() {
        for time in [MIN, MAX, 0, -1, 1_700_000_000_123_456] {
            assert_eq!(parse(&format(time)), Ok(time));
        }
    }
}
