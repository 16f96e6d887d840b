//! What is told of a load while it runs: bad rows, trouble with the target, progress.

use std::io::Write;
use std::time::Instant;

use indicatif::{HumanCount, ProgressBar};

use super::Summary;
use super::batch::{BadRow, Batch};
use super::columns::{ENTITY_ID, EVENT_TIME};
use super::options::Options;
use super::progress::{self, Unit};

/// Counts, and tells on standard error.
pub(super) struct Report {
    summary: Summary,
    started: Instant,
    bar: ProgressBar,
    messages: Box<dyn Write + Send>,
    unit: Unit,
    entity_id: String,
    event_time: String,
    max_shown: u64,
    strict: bool,
}

impl Report {
    pub(super) fn new(options: &Options, unit: Unit, total: Option<u64>, messages: Box<dyn Write + Send>) -> Self {
        Self {
            summary: Summary::default(),
            started: Instant::now(),
            bar: progress::bar(total, options.no_progress),
            messages,
            unit,
            entity_id: options.entity_id.clone(),
            event_time: options.event_time.clone().unwrap_or_else(|| EVENT_TIME.to_owned()),
            max_shown: options.max_errors_shown,
            strict: options.strict,
        }
    }

    /// The target answered for a batch: how many rows it took, and those that it refused.
    pub(super) fn answered(&mut self, batch: Batch, accepted: u64, refused: Vec<BadRow>) {
        self.summary.accepted += accepted;
        self.summary.not_in_json += batch.not_in_json;
        let mut bad = batch.bad;
        bad.extend(refused);
        bad.sort_by_key(|bad| bad.position);
        for bad in bad {
            self.bad(&bad);
        }
        self.bar.set_position(batch.progress);
        let summary = self.counted();
        self.bar.set_message(format!("{} rows, {:.0} rows/s", HumanCount(summary.read()), summary.rate()));
    }

    /// Whether to stop: a row is bad, and that is not allowed.
    pub(super) fn must_stop(&self) -> bool {
        self.strict && self.summary.bad > 0
    }

    /// Tells something.
    pub(super) fn tell(&mut self, message: &str) {
        let messages = &mut self.messages;
        // Nobody is left to tell when standard error is closed.
        self.bar.suspend(|| drop(writeln!(messages, "{message}")));
    }

    /// The counts at the end.
    pub(super) fn finish(mut self) -> Summary {
        self.bar.finish_and_clear();
        let hidden = self.summary.bad.saturating_sub(self.max_shown);
        if hidden > 0 {
            self.tell(&format!("bad rows that are not shown: {hidden} (--max-errors-shown)"));
        }
        self.counted()
    }

    fn counted(&self) -> Summary {
        Summary { elapsed: self.started.elapsed(), ..self.summary }
    }

    fn bad(&mut self, bad: &BadRow) {
        self.summary.bad += 1;
        if self.summary.bad > self.max_shown {
            return;
        }
        let field = match bad.field.as_str() {
            "" => String::new(),
            ENTITY_ID => format!("{}: ", self.entity_id.escape_debug()),
            EVENT_TIME => format!("{}: ", self.event_time.escape_debug()),
            field => format!("{}: ", field.escape_debug()),
        };
        // What a file holds must not steer a terminal.
        let message = bad.message.replace(|c: char| c.is_control(), "\u{fffd}");
        let (place, position, code) = (self.unit.place(), bad.position, &bad.code);
        self.tell(&format!("bad row: {place} {position}: {field}{message} ({code})"));
    }
}
