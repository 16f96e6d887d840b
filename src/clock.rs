//! The one place that reads the wall clock. Everything else gets time as an argument, so that a result can be computed again for
//! the same time later, in a test or in a training set.

use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds since 1970-01-01 UTC.
pub type Micros = i64;

/// The time now, in microseconds since 1970-01-01 UTC, floored.
#[must_use]
pub fn now() -> Micros {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    let now = SystemTime::now();
    match now.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
        Err(before) => {
            let nanos = before.duration().as_nanos();
            i64::try_from(nanos.div_ceil(1000)).map_or(i64::MIN, |micros| -micros)
        }
    }
}
