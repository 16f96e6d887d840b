//! What a load measured: collected while it runs, and printed as JSON.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::http2::{CallError, Outcome};

/// RESOURCE_EXHAUSTED.
const TOO_MANY: &str = "8";
/// The wait for the last replies of a load.
pub(crate) const DRAIN: Duration = Duration::from_secs(10);
/// Latencies longer than this are recorded as this, in nanoseconds.
const LONGEST_NS: u64 = 120_000_000_000;
/// Significant decimal digits of a recorded latency.
const DIGITS: u8 = 3;

/// Counts and latencies of a load so far.
#[derive(Debug)]
pub(crate) struct Tally {
    latency: Histogram<u64>,
    lag: Histogram<u64>,
    refusals: Histogram<u64>,
    hints: u64,
    errors: u64,
    first_error: Option<String>,
    reply_bytes: u64,
}

impl Tally {
    pub(crate) fn new() -> Result<Self, hdrhistogram::CreationError> {
        let histogram = || Histogram::new_with_bounds(1, LONGEST_NS, DIGITS);
        Ok(Self {
            latency: histogram()?,
            lag: histogram()?,
            refusals: histogram()?,
            hints: 0,
            errors: 0,
            first_error: None,
            reply_bytes: 0,
        })
    }

    /// A call ended after `latency`; a failed one counts with its latency too, as its caller waited for it.
    pub(crate) fn ended(&mut self, latency: Duration, outcome: Outcome) {
        self.latency.saturating_record(nanoseconds(latency));
        match outcome {
            Ok(reply) => self.reply_bytes += u64::try_from(reply.length).unwrap_or(u64::MAX),
            Err(error) => {
                self.errors += 1;
                self.first_error.get_or_insert_with(|| error.to_string());
            }
        }
    }

    /// Takes down a call that was refused as one too many, so long after it was sent; of others nothing.
    pub(crate) fn refused(&mut self, time: Duration, outcome: &Outcome) {
        if let Err(CallError::Grpc { code, hint, .. }) = outcome
            && code == TOO_MANY
        {
            self.refusals.saturating_record(nanoseconds(time));
            self.hints += u64::from(*hint);
        }
    }

    /// A request left the client this much after it was due.
    pub(crate) fn sent(&mut self, lag: Duration) {
        self.lag.saturating_record(nanoseconds(lag));
    }

    /// The report on a load that took `elapsed` from its first request to its last reply.
    pub(crate) fn report(&self, mode: &'static str, elapsed: Duration) -> Report {
        let requests = self.latency.len();
        let answered = requests - self.errors;
        Report {
            mode,
            requests,
            errors: self.errors,
            first_error: self.first_error.clone(),
            seconds: elapsed.as_secs_f64(),
            rate: requests as f64 / elapsed.as_secs_f64(),
            reply_bytes: if answered == 0 { 0.0 } else { self.reply_bytes as f64 / answered as f64 },
            latency_us: Quantiles::of(&self.latency),
            refused: (!self.refusals.is_empty()).then(|| Refused {
                requests: self.refusals.len(),
                hints: self.hints,
                latency_us: Quantiles::of(&self.refusals),
            }),
            send_lag_us: (!self.lag.is_empty()).then(|| Quantiles::of(&self.lag)),
        }
    }
}

/// The result of a load.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    mode: &'static str,
    /// Calls that ended, failed ones included.
    requests: u64,
    errors: u64,
    first_error: Option<String>,
    seconds: f64,
    /// Calls per second.
    rate: f64,
    /// Mean bytes of a reply, with its frame.
    reply_bytes: f64,
    latency_us: Quantiles,
    /// Those that the server refused as too many.
    refused: Option<Refused>,
    /// How late the client itself was; large values mean that the machine, not the server, was the limit.
    send_lag_us: Option<Quantiles>,
}

/// Calls that were refused as too many.
#[derive(Debug, Serialize)]
struct Refused {
    requests: u64,
    /// Those that said when to try again.
    hints: u64,
    /// From the sending.
    latency_us: Quantiles,
}

/// Quantiles in microseconds.
#[derive(Debug, Serialize)]
struct Quantiles {
    mean: f64,
    p50: f64,
    p99: f64,
    p999: f64,
    max: f64,
}

impl Quantiles {
    fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
        Self {
            mean: histogram.mean() / 1e3,
            p50: at(0.5),
            p99: at(0.99),
            p999: at(0.999),
            max: histogram.max() as f64 / 1e3,
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(LONGEST_NS).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http2::{CallError, Reply};

    #[test]
    fn a_report_counts_failed_calls_and_their_latency() -> Result<(), hdrhistogram::CreationError> {
        let mut tally = Tally::new()?;
        for _ in 0..99 {
            tally.ended(Duration::from_micros(100), Ok(Reply { length: 50, bytes: Vec::new() }));
        }
        tally.ended(Duration::from_millis(5), Err(CallError::Short(0)));
        let report = tally.report("paced", Duration::from_secs(2));
        assert_eq!((report.requests, report.errors), (100, 1));
        assert!((report.rate - 50.0).abs() < 1e-9 && (report.reply_bytes - 50.0).abs() < 1e-9);
        assert!((report.latency_us.p50 - 100.0).abs() < 0.2 && (report.latency_us.max - 5000.0).abs() < 10.0);
        assert!(report.first_error.is_some() && report.send_lag_us.is_none() && report.refused.is_none());
        Ok(())
    }

    #[test]
    fn refusals_are_told_from_other_failures() -> Result<(), hdrhistogram::CreationError> {
        let mut tally = Tally::new()?;
        for (code, hint) in [("8", true), ("8", false), ("14", true)] {
            let outcome = Err(CallError::Grpc { code: code.into(), message: String::new(), hint });
            tally.refused(Duration::from_millis(2), &outcome);
            tally.ended(Duration::from_millis(3), outcome);
        }
        let report = tally.report("paced", Duration::from_secs(1));
        let refused = report.refused.as_ref();
        assert_eq!(refused.map(|refused| (refused.requests, refused.hints)), Some((2, 1)));
        assert!(refused.is_some_and(|refused| (refused.latency_us.p99 - 2000.0).abs() < 5.0) && report.errors == 3);
        Ok(())
    }
}
