//! W3C Trace Context: what a client says of the trace that its request belongs to, and what it is told.

use http::{HeaderMap, HeaderName, HeaderValue};

/// `VERSION-TRACE-SPAN-FLAGS`, in lower-case hexadecimal digits.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// What the systems of a trace tell each other beside it.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Bytes of version 00, and of what later versions begin with.
const LENGTH: usize = 55;
/// The version that there can't be.
const NO_VERSION: u128 = 0xff;
const SAMPLED: u128 = 1;
/// The longest `tracestate` that is handed on.
const MAX_STATE: usize = 512;

/// The span of the client that a request is made in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parent {
    pub(super) trace: u128,
    pub(super) span: u64,
    /// Whether the client records it.
    pub(super) sampled: bool,
}

impl Parent {
    /// What the headers say; none where they say nothing, or something malformed.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let value = values.next()?;
        if values.next().is_some() { None } else { Self::parse(value.as_bytes()) }
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let (text, rest) = text.split_at_checked(LENGTH)?;
        let parts: Vec<&[u8]> = text.split(|byte| *byte == b'-').collect();
        let [version, trace, span, flags] = parts[..] else { return None };
        if [version.len(), trace.len(), span.len(), flags.len()] != [2, 32, 16, 2] {
            return None;
        }
        // A later version may have more, behind another hyphen.
        let good_end = rest.is_empty() || hex(version)? != 0 && rest.starts_with(b"-");
        let (trace, span) = (hex(trace)?, u64::try_from(hex(span)?).ok()?);
        let sampled = hex(flags)? & SAMPLED != 0;
        (hex(version)? != NO_VERSION && good_end && trace != 0 && span != 0).then_some(Self { trace, span, sampled })
    }
}

fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u128::from(digit))
    })
}

/// What the systems of a trace tell each other beside it, as it came; empty if there is none, or too much of it.
pub(super) fn state(headers: &HeaderMap) -> String {
    let mut state = String::new();
    for value in headers.get_all(TRACESTATE) {
        let Ok(value) = value.to_str() else { return String::new() };
        if !state.is_empty() {
            state.push(',');
        }
        state.push_str(value);
    }
    if state.len() > MAX_STATE { String::new() } else { state }
}

/// The `traceparent` of this span.
pub(super) fn header(trace: u128, span: u64, sampled: bool) -> Option<HeaderValue> {
    let mut value =
        HeaderValue::from_maybe_shared(format!("00-{trace:032x}-{span:016x}-{:02x}", u8::from(sampled))).ok()?;
    // No secret, but a value that never comes again: so marked, HTTP/2 keeps it out of the table of its header compression.
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: u128 = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c;
    const SPAN: u64 = 0xb7ad_6b71_6920_3331;
    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn of(values: &[&str]) -> Option<Parent> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(TRACEPARENT, HeaderValue::from_str(value).unwrap());
        }
        Parent::of(&headers)
    }

    #[test]
    fn a_good_parent_is_read_and_written_alike() {
        let parent = Parent { trace: TRACE, span: SPAN, sampled: true };
        assert_eq!(of(&[GOOD]), Some(parent));
        assert_eq!(header(TRACE, SPAN, true).unwrap(), GOOD);
        let ends = [("00", false), ("02", false), ("fe", false), ("ff", true), ("03", true)];
        for (flags, sampled) in ends {
            assert_eq!(
                of(&[&GOOD.replace("-01", &format!("-{flags}"))]),
                Some(Parent { sampled, ..parent }),
                "{flags}"
            );
        }
    }

    #[test]
    fn later_versions_may_have_more_behind_a_hyphen() {
        let later = GOOD.replacen("00", "cc", 1);
        assert!(of(&[&later]).is_some());
        assert!(of(&[&format!("{later}-what-the-future")]).is_some());
        assert!(of(&[&format!("{later}-")]).is_some());
        assert_eq!(of(&[&format!("{later}.what")]), None);
        assert_eq!(of(&[&format!("{GOOD}-more")]), None);
    }

    #[test]
    fn what_is_malformed_is_none() {
        let zeros = "0".repeat(32);
        let bad = [
            String::new(),
            "garbage".to_owned(),
            GOOD.replacen("00", "ff", 1),
            GOOD.replacen("00", "0x", 1),
            GOOD.to_uppercase(),
            GOOD.replace("0af7651916cd43dd8448eb211c80319c", &zeros),
            GOOD.replace("b7ad6b7169203331", &zeros[..16]),
            GOOD.replace("-01", "-0"),
            GOOD.replace("-01", "-0g"),
            GOOD.replace("-01", "-+1"),
            GOOD.replace('-', "_"),
            GOOD.replacen('-', "", 1),
            format!("{GOOD} "),
            GOOD[..54].to_owned(),
            "-".repeat(55),
            "é".repeat(28),
        ];
        for text in &bad {
            let bytes = text.as_bytes();
            assert_eq!(Parent::parse(bytes), None, "{text:?}");
        }
        assert_eq!(of(&[GOOD, GOOD]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn the_state_is_handed_on_as_it_is() {
        let mut headers = HeaderMap::new();
        assert_eq!(state(&headers), "");
        headers.append(TRACESTATE, HeaderValue::from_static("one=1, two=2"));
        headers.append(TRACESTATE, HeaderValue::from_static("three=3"));
        assert_eq!(state(&headers), "one=1, two=2,three=3");
        headers.append(TRACESTATE, HeaderValue::from_str(&"x".repeat(MAX_STATE)).unwrap());
        assert_eq!(state(&headers), "");
    }
}
