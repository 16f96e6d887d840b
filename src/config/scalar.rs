//! How values are taken: each reader refuses what is out of place with the words of what is allowed, and never repeats the value, which
//! may be a secret. The words end up in error messages and in `docs/configuration.md`.

use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::{Deserializer, Error, Unexpected, Visitor};

use super::quantity::{parse_duration, parse_size, show_duration, show_size};

/// One millisecond, in the unit of the bounds of [`duration`].
pub(super) const MILLISECOND: u64 = 1_000;
/// One minute, in the unit of the bounds of [`duration`].
pub(super) const MINUTE: u64 = 60_000 * MILLISECOND;
/// One hour, in the unit of the bounds of [`duration`].
pub(super) const HOUR: u64 = 60 * MINUTE;
/// One day, in the unit of the bounds of [`duration`].
pub(super) const DAY: u64 = 24 * HOUR;
/// 1024 bytes.
pub(super) const KIB: u64 = 1 << 10;
/// 1024 KiB.
pub(super) const MIB: u64 = 1 << 20;
/// 1024 MiB.
pub(super) const GIB: u64 = 1 << 30;

/// A value that is written as text.
pub(super) trait Text: Sized {
    /// What is allowed, in words.
    const ALLOWED: &'static str;

    /// The value of this text, if it is one.
    fn parse(text: &str) -> Option<Self>;
}

/// Takes a value that is written as text.
pub(super) fn text<'de, T: Text, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Reader<T>(PhantomData<T>);

    impl<T: Text> Visitor<'_> for Reader<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(T::ALLOWED)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
            T::parse(text).ok_or_else(|| refused(&self))
        }
    }

    deserializer.deserialize_str(Reader(PhantomData))
}

/// Takes a duration of `MIN` to `MAX` microseconds.
pub(super) fn duration<'de, const MIN: u64, const MAX: u64, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Duration, D::Error> {
    struct Reader<const MIN: u64, const MAX: u64>;

    impl<const MIN: u64, const MAX: u64> Visitor<'_> for Reader<MIN, MAX> {
        type Value = Duration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let (min, max) = (show_duration(Duration::from_micros(MIN)), show_duration(Duration::from_micros(MAX)));
            write!(f, "a duration from {min} to {max}: a number and a unit (us, ms, s, m, h, d), for example 250ms")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
            let bounds = Duration::from_micros(MIN)..=Duration::from_micros(MAX);
            parse_duration(text).filter(|duration| bounds.contains(duration)).ok_or_else(|| refused(&self))
        }
    }

    deserializer.deserialize_str(Reader::<MIN, MAX>)
}

/// Takes a size of `MIN` to `MAX` bytes.
pub(super) fn size<'de, const MIN: u64, const MAX: u64, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<usize, D::Error> {
    struct Reader<const MIN: u64, const MAX: u64>;

    impl<const MIN: u64, const MAX: u64> Visitor<'_> for Reader<MIN, MAX> {
        type Value = usize;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let (min, max) = (show_size(MIN), show_size(MAX));
            write!(f, "a size from {min} to {max}: a number of bytes, or a number and a unit (B, KiB, MiB, GiB)")
        }

        fn visit_u64<E: Error>(self, bytes: u64) -> Result<usize, E> {
            bounded::<MIN, MAX>(bytes).ok_or_else(|| refused(&self))
        }

        fn visit_i64<E: Error>(self, bytes: i64) -> Result<usize, E> {
            u64::try_from(bytes).ok().and_then(bounded::<MIN, MAX>).ok_or_else(|| refused(&self))
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<usize, E> {
            parse_size(text).and_then(bounded::<MIN, MAX>).ok_or_else(|| refused(&self))
        }
    }

    deserializer.deserialize_any(Reader::<MIN, MAX>)
}

/// Takes a whole number of `MIN` to `MAX`.
pub(super) fn whole<'de, const MIN: u64, const MAX: u64, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<usize, D::Error> {
    struct Reader<const MIN: u64, const MAX: u64>;

    impl<const MIN: u64, const MAX: u64> Visitor<'_> for Reader<MIN, MAX> {
        type Value = usize;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a whole number from {MIN} to {MAX}")
        }

        fn visit_u64<E: Error>(self, number: u64) -> Result<usize, E> {
            bounded::<MIN, MAX>(number).ok_or_else(|| refused(&self))
        }

        fn visit_i64<E: Error>(self, number: i64) -> Result<usize, E> {
            u64::try_from(number).ok().and_then(bounded::<MIN, MAX>).ok_or_else(|| refused(&self))
        }
    }

    deserializer.deserialize_u64(Reader::<MIN, MAX>)
}

/// Takes true or false, as they are or as text.
pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    struct Reader;

    impl Visitor<'_> for Reader {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("true or false")
        }

        fn visit_bool<E: Error>(self, flag: bool) -> Result<bool, E> {
            Ok(flag)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<bool, E> {
            text.parse().map_err(|_| refused(&self))
        }
    }

    deserializer.deserialize_any(Reader)
}

fn bounded<const MIN: u64, const MAX: u64>(number: u64) -> Option<usize> {
    (MIN..=MAX).contains(&number).then_some(number).and_then(|number| usize::try_from(number).ok())
}

/// An error that says what is allowed and not what was there.
fn refused<'de, V: Visitor<'de>, E: Error>(reader: &V) -> E {
    E::invalid_value(Unexpected::Other("another value"), reader)
}

impl Text for Option<String> {
    const ALLOWED: &'static str = "any text, or empty for none";

    fn parse(text: &str) -> Option<Self> {
        Some((!text.is_empty()).then(|| text.to_owned()))
    }
}

impl Text for Option<PathBuf> {
    const ALLOWED: &'static str = "the path of a file, or empty for none";

    fn parse(text: &str) -> Option<Self> {
        (!text.contains('\0')).then(|| (!text.is_empty()).then(|| PathBuf::from(text)))
    }
}
