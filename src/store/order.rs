//! The order of the rows of one key: (event time, created, bytes), read from the bytes as they are stored.
//!
//! A JSON row that unskew wrote begins with two reserved members, `{"__event_time":<µs>,"__created":<µs>`. A value without the first,
//! set by any tool, has unknown time: it is older than any row that has one.
//!
//! A packed row (`docs/row-format.md`) begins with its format, 1 or 2, which no JSON does; both times lie behind its schema id, big-endian
//! with the sign flipped, so that they compare as bytes.

use std::cmp::Ordering;

use super::PutRow;

/// Reserved member that holds the event time.
pub const EVENT_TIME: &str = "__event_time";
/// Reserved member that holds the time of first acceptance.
pub const CREATED: &str = "__created";

/// The times that a stored row carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Times {
    /// Event time in microseconds since 1970-01-01 UTC.
    pub event_time: i64,
    /// Time of first acceptance in microseconds; the least there is when the row does not say.
    pub created: i64,
}

/// Where the times of a packed row begin, and how long the shortest is.
const PACKED_TIMES: usize = 5;
const PACKED_LEAST: usize = 25;

impl Times {
    /// Those of a row to store.
    #[must_use]
    pub fn of(row: &PutRow) -> Self {
        Self { event_time: row.event_time, created: row.created }
    }
}

/// Times as packed rows carry them.
#[must_use]
pub fn packed(times: Times) -> [u8; 16] {
    let order = |time: i64| u128::from(time.cast_unsigned() ^ (1 << 63));
    (order(times.event_time) << 64 | order(times.created)).to_be_bytes()
}

/// The times of a packed row, as it carries them.
fn of_packed(value: &[u8]) -> Option<&[u8; 16]> {
    let is_packed = matches!(value.first(), Some(1 | 2)) && value.len() >= PACKED_LEAST;
    if is_packed { value.get(PACKED_TIMES..)?.first_chunk() } else { None }
}

/// The times of a stored JSON value, and where the rest of its members begins: at the comma or the closing brace after the last reserved
/// member. None when it does not begin with the reserved member, or when that is not an int64.
#[must_use]
pub fn of(value: &[u8]) -> Option<(Times, usize)> {
    let at = skip_space(value, 0);
    if value.get(at) != Some(&b'{') {
        return None;
    }
    let (event_time, at) = reserved(value, at + 1, EVENT_TIME)?;
    if value.get(at) == Some(&b',')
        && let Some((created, after)) = reserved(value, at + 1, CREATED)
    {
        return Some((Times { event_time, created }, after));
    }
    Some((Times { event_time, created: i64::MIN }, at))
}

/// Whether a new row replaces the stored one. Equal bytes do not: there is nothing to write.
#[must_use]
pub fn replaces(new: Times, new_value: &[u8], stored: &[u8]) -> bool {
    if let Some(old) = of_packed(stored) {
        return packed(new).cmp(old).then_with(|| new_value.cmp(stored)) == Ordering::Greater;
    }
    match of(stored) {
        None => true,
        Some((old, _)) => new.cmp(&old).then_with(|| new_value.cmp(stored)) == Ordering::Greater,
    }
}

fn skip_space(value: &[u8], mut at: usize) -> usize {
    while matches!(value.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// `"name": <int64>` at `at`, then a comma or a brace: the number, and where the comma or brace is.
fn reserved(value: &[u8], at: usize, name: &str) -> Option<(i64, usize)> {
    let at = skip_space(value, at);
    let rest = value.get(at..)?.strip_prefix(b"\"")?.strip_prefix(name.as_bytes())?.strip_prefix(b"\"")?;
    let at = skip_space(value, value.len() - rest.len());
    if value.get(at) != Some(&b':') {
        return None;
    }
    let start = skip_space(value, at + 1);
    let mut end = start;
    while matches!(value.get(end), Some(b'-' | b'0'..=b'9')) {
        end += 1;
    }
    let number = std::str::from_utf8(&value[start..end]).ok()?.parse().ok()?;
    let end = skip_space(value, end);
    matches!(value.get(end), Some(b',' | b'}')).then_some((number, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_both_times_and_where_the_features_begin() {
        let value = br#"{"__event_time":1700000000000000,"__created":-5,"a":1}"#;
        let (times, at) = of(value).unwrap();
        assert_eq!(times, Times { event_time: 1_700_000_000_000_000, created: -5 });
        assert_eq!(&value[at..], br#","a":1}"#);
    }

    #[test]
    fn accepts_white_space_and_a_row_without_created() {
        let (times, _) = of(b" {\n\"__event_time\" : 12 }").unwrap();
        assert_eq!(times, Times { event_time: 12, created: i64::MIN });
    }

    #[test]
    fn anything_else_has_unknown_time() {
        for value in [
            &b""[..],
            b"{",
            b"{}",
            br#"{"a":1,"__event_time":5}"#,
            br#"{"__event_time":1.5}"#,
            br#"{"__event_time":1e3}"#,
            br#"{"__event_time":"5"}"#,
            br#"{"__event_time":99999999999999999999}"#,
            br#"{"__event_time":}"#,
            br#"[{"__event_time":5}]"#,
        ] {
            assert_eq!(of(value), None, "{}", String::from_utf8_lossy(value));
        }
    }

    #[test]
    fn the_greatest_row_wins_and_equal_bytes_write_nothing() {
        let row = |e: i64, c: i64, x: i64| format!(r#"{{"__event_time":{e},"__created":{c},"x":{x}}}"#).into_bytes();
        let wins = |new: (i64, i64, i64), old: &[u8]| {
            replaces(Times { event_time: new.0, created: new.1 }, &row(new.0, new.1, new.2), old)
        };
        assert!(wins((1, 1, 1), b"not json"));
        assert!(wins((1, 1, 1), br#"{"x":1}"#));
        assert!(wins((10, 1, 1), &row(9, 1, 1)));
        assert!(!wins((9, 9, 9), &row(10, 1, 1)));
        assert!(wins((9, 2, 1), &row(9, 1, 5)));
        assert!(!wins((9, 1, 1), &row(9, 2, 5)));
        assert!(wins((9, 1, 2), &row(9, 1, 1)));
        assert!(!wins((9, 1, 1), &row(9, 1, 1)));
    }

    #[test]
    fn packed_rows_compare_with_each_other_and_with_json() {
        let row = |event_time: i64, created: i64, last: u8| {
            let mut bytes = vec![1, 9, 9, 9, 9];
            bytes.extend_from_slice(&packed(Times { event_time, created }));
            bytes.extend_from_slice(&[0, 0, 0, last]);
            bytes
        };
        let wins = |new: (i64, i64, u8), old: &[u8]| {
            replaces(Times { event_time: new.0, created: new.1 }, &row(new.0, new.1, new.2), old)
        };
        assert!(wins((-1, i64::MAX, 0), &row(-2, i64::MAX, 0)));
        assert!(wins((1, 0, 0), &row(-1, 0, 0)));
        assert!(!wins((i64::MIN, 0, 0), &row(0, 0, 0)));
        assert!(wins((0, 0, 1), &row(0, -1, 2)));
        assert!(wins((0, 0, 2), &row(0, 0, 1)));
        assert!(!wins((0, 0, 1), &row(0, 0, 1)));
        assert!(wins((10, 0, 0), br#"{"__event_time":9}"#));
        assert!(!wins((8, 0, 0), br#"{"__event_time":9}"#));
        assert!(wins((8, 0, 0), &row(9, 0, 0)[..24]), "a cut row has no times");
        assert_eq!(unskew_engine::row::order_key(&row(3, 4, 5)), of_packed(&row(3, 4, 5)), "the engine agrees");
    }
}
