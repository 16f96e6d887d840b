//! What became of a load.

use std::fmt;
use std::time::Duration;

/// Counts of a load.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// Rows that the store has now, or that lost to a newer row of their entity.
    pub accepted: u64,
    /// Rows that were refused.
    pub bad: u64,
    /// NaN and infinite values, which JSON can't hold; stored as null.
    pub not_in_json: u64,
    /// How long it took.
    pub elapsed: Duration,
}

impl Summary {
    /// Rows that were read and have an answer.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.accepted + self.bad
    }

    /// Rows in a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a figure to read")]
        let rows = self.read() as f64;
        rows / self.elapsed.as_secs_f64().max(1e-6)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (read, seconds, rate) = (self.read(), self.elapsed.as_secs_f64(), self.rate());
        writeln!(
            f,
            "rows read: {read}, accepted: {}, bad: {}, seconds: {seconds:.2}, rows/s: {rate:.0}",
            self.accepted, self.bad
        )?;
        if self.not_in_json > 0 {
            writeln!(f, "values that JSON can't hold (NaN, infinite): {}, stored as null", self.not_in_json)?;
        }
        Ok(())
    }
}
