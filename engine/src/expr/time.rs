//! Timestamps: microseconds since 1970-01-01 UTC, in the proleptic Gregorian calendar over the whole range of int64.

use super::node::Part;
use crate::scope::Fault;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A date. Years count on through 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Date {
    year: i64,
    /// From 1.
    month: i64,
    /// From 1.
    day: i64,
}

/// The days of the 400 years after which the calendar repeats.
const CYCLE: i64 = 146_097;

/// From 1970-01-01 back to 0000-03-01. Years that begin in March have their leap day at the end.
const TO_MARCH_OF_YEAR_0: i64 = 719_468;

impl Date {
    /// `days` since 1970-01-01.
    fn of(days: i64) -> Self {
        let days = days + TO_MARCH_OF_YEAR_0;
        let (cycle, day) = (days.div_euclid(CYCLE), days.rem_euclid(CYCLE));
        // Takes out the leap days so far: one in 4 years, but none in 100, but the one that ends the 400.
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        // From March on, months come in groups of five of 153 days.
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (year, month) = (cycle * 400 + year, month + 3);
        if month > 12 { Self { year: year + 1, month: month - 12, day } } else { Self { year, month, day } }
    }

    /// Days since 1970-01-01.
    fn days(self) -> i64 {
        let (year, month) = if self.month > 2 { (self.year, self.month - 3) } else { (self.year - 1, self.month + 9) };
        let (cycle, year) = (year.div_euclid(400), year.rem_euclid(400));
        let day = (153 * month + 2) / 5 + self.day - 1;
        cycle * CYCLE + 365 * year + year / 4 - year / 100 + day - TO_MARCH_OF_YEAR_0
    }
}

/// Days since the Monday before, or the same day.
fn since_monday(days: i64) -> i64 {
    // 1970-01-01 was a Thursday.
    (days + 3).rem_euclid(7)
}

fn first_of(year: i64) -> i64 {
    Date { year, month: 1, day: 1 }.days()
}

/// The year of the ISO week that a day lies in: the one of its Thursday.
fn thursday(days: i64) -> (i64, i64) {
    let thursday = days - since_monday(days) + 3;
    (Date::of(thursday).year, thursday)
}

/// A part of a timestamp.
pub(super) fn extract(part: Part, time: i64) -> i64 {
    let (days, within) = (time.div_euclid(DAY), time.rem_euclid(DAY));
    match part {
        Part::Microsecond => within % MINUTE,
        Part::Millisecond => within % MINUTE / 1_000,
        Part::Second => within % MINUTE / SECOND,
        Part::Minute => within % HOUR / MINUTE,
        Part::Hour => within / HOUR,
        Part::Day => Date::of(days).day,
        Part::DayOfWeek => (since_monday(days) + 1) % 7,
        Part::IsoDayOfWeek => since_monday(days) + 1,
        Part::DayOfYear => days - first_of(Date::of(days).year) + 1,
        Part::Week => {
            let (year, thursday) = thursday(days);
            (thursday - first_of(year)) / 7 + 1
        }
        Part::IsoYear => thursday(days).0,
        Part::Month => Date::of(days).month,
        Part::Quarter => (Date::of(days).month - 1) / 3 + 1,
        Part::Year => Date::of(days).year,
    }
}

/// The start of the unit that a timestamp lies in.
///
/// # Errors
/// A start before the first timestamp.
pub(super) fn truncate(unit: Part, time: i64) -> Result<i64, &'static Fault> {
    let floor = |unit: i64| time.checked_sub(time.rem_euclid(unit)).ok_or(&Fault::OVERFLOW);
    let days = time.div_euclid(DAY);
    let days = match unit {
        Part::Microsecond => return Ok(time),
        Part::Millisecond => return floor(1_000),
        Part::Second => return floor(SECOND),
        Part::Minute => return floor(MINUTE),
        Part::Hour => return floor(HOUR),
        Part::Day | Part::DayOfWeek | Part::IsoDayOfWeek | Part::DayOfYear => days,
        Part::Week => days - since_monday(days),
        Part::Month => Date { day: 1, ..Date::of(days) }.days(),
        Part::Quarter => {
            let date = Date::of(days);
            Date { month: (date.month - 1) / 3 * 3 + 1, day: 1, ..date }.days()
        }
        Part::Year | Part::IsoYear => first_of(Date::of(days).year),
    };
    days.checked_mul(DAY).ok_or(&Fault::OVERFLOW)
}

/// Seconds since 1970-01-01 UTC.
#[expect(clippy::cast_precision_loss, reason = "an epoch is a float64, rounded to nearest")]
pub(super) fn epoch(time: i64) -> f64 {
    time as f64 / 1e6
}

/// Reads a timestamp: a date, or a date and a time, in UTC or with an offset. Finer than a microsecond is floored.
pub(super) fn parse(text: &str) -> Option<i64> {
    let text = text.trim_matches(' ');
    // Nothing but digits and their signs: the library also reads names of zones, and then ignores them.
    let plain = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b':' | b'.' | b' ' | b'T' | b'Z');
    if !text.bytes().all(plain) {
        return None;
    }
    let nanoseconds = match text.parse::<jiff::Timestamp>() {
        Ok(timestamp) => timestamp.as_nanosecond(),
        Err(_) => utc(text)?,
    };
    i64::try_from(nanoseconds.div_euclid(1_000)).ok()
}

/// A date, or a date and a time, without an offset.
fn utc(text: &str) -> Option<i128> {
    let clock = text.split_once([' ', 'T']).map_or("", |(_, clock)| clock);
    if text.contains(['+', 'Z']) || clock.contains('-') {
        return None;
    }
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp().as_nanosecond())
}
