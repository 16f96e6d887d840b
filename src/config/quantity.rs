//! Durations and sizes: a number and a unit.

use std::time::Duration;

/// Nanoseconds of each unit of time, the smallest first.
const TIMES: [(&str, u64); 6] = [
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Bytes of each unit of size, the smallest first.
const SIZES: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Reads `250ms`, `1.5s` and the like.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    parse(text, &TIMES).map(Duration::from_nanos)
}

/// Reads `4MiB`, `1.5GiB` and the like, or a plain number of bytes.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok();
    }
    parse(text, &SIZES)
}

/// Writes a duration with the greatest unit that leaves a whole number.
pub(super) fn show_duration(duration: Duration) -> String {
    show(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX), &TIMES, "s")
}

/// Writes a size with the greatest unit that leaves a whole number.
pub(super) fn show_size(bytes: u64) -> String {
    show(bytes, &SIZES, "B")
}

/// The number times its unit, where that is a whole number of the base unit that fits. A fraction is exact or refused.
fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.')?);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    let (whole, fraction) = match number.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (number, ""),
    };
    // At most 18 decimals, so that the product below stays within 128 bits.
    if whole.is_empty() || fraction.len() > 18 || fraction.contains('.') {
        return None;
    }
    let whole = u128::from(whole.parse::<u64>().ok()?);
    let decimals = u128::from(if fraction.is_empty() { 0 } else { fraction.parse::<u64>().ok()? });
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let factor = u128::from(*factor);
    if !(decimals * factor).is_multiple_of(scale) {
        return None;
    }
    u64::try_from(whole.checked_mul(factor)?.checked_add(decimals * factor / scale)?).ok()
}

fn show(amount: u64, units: &[(&str, u64)], unit_of_zero: &str) -> String {
    let fits = units.iter().rev().find(|(_, factor)| amount.is_multiple_of(*factor));
    match fits {
        Some((name, factor)) if amount > 0 => format!("{}{name}", amount / factor),
        Some(_) | None => format!("{amount}{unit_of_zero}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        let good = [
            ("1us", 1_000),
            ("250ms", 250_000_000),
            ("250 ms", 250_000_000),
            ("1.5s", 1_500_000_000),
            ("0s", 0),
            ("007s", 7_000_000_000),
            ("2m", 120_000_000_000),
            ("1h", 3_600_000_000_000),
            ("0.5d", 43_200_000_000_000),
            (" 3s ", 3_000_000_000),
        ];
        for (text, nanos) in good {
            assert_eq!(parse_duration(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
        let bad = [
            "",
            " ",
            "s",
            "1",
            "0",
            "-1s",
            "+1s",
            "1S",
            "1sec",
            "1 m s",
            "1.s",
            ".5s",
            "1..5s",
            "1.2.3s",
            "1e3s",
            "1,5s",
            "1_000ms",
            "١s",
            "99999999999999999999s",
            "300000d",
            "1.0000000000000000001s",
            "0.0001us",
            "NaNs",
            "infs",
        ];
        for text in bad {
            assert_eq!(parse_duration(text), None, "{text:?}");
        }
    }

    #[test]
    fn sizes_are_bytes_or_a_number_and_a_unit() {
        let good =
            [("0", 0), ("4194304", 4 << 20), ("4MiB", 4 << 20), ("1.5KiB", 1536), ("64 GiB", 64 << 30), ("512B", 512)];
        for (text, bytes) in good {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        for text in [
            "",
            "MiB",
            "4MB",
            "4M",
            "4mib",
            "-4MiB",
            "0.5B",
            "1.0001KiB",
            "4 Mi B",
            "18446744073709551616",
            "99999999999GiB",
        ] {
            assert_eq!(parse_size(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(amount in any::<u64>()) {
            prop_assert_eq!(parse_size(&show_size(amount)), Some(amount));
            let micros = Duration::from_micros(amount / 1_000);
            prop_assert_eq!(parse_duration(&show_duration(micros)), Some(micros));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = parse_duration(&text);
            let _ = parse_size(&text);
        }
    }
}
