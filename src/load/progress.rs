//! The progress bar.

use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// What the file's length is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// A text: bytes; its rows are known by their line.
    Lines,
    /// Rows.
    Rows,
}

impl Unit {
    /// What the place of a row in the file is called.
    pub(super) fn place(self) -> &'static str {
        match self {
            Self::Lines => "line",
            Self::Rows => "row",
        }
    }
}

/// A bar on standard error, hidden when that is no terminal. `total`: bytes or rows of the file, if they are known.
pub(super) fn bar(total: Option<u64>, hidden: bool) -> ProgressBar {
    let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(5) };
    let bar = ProgressBar::with_draw_target(total, target);
    let template = if total.is_some() { "{bar:30} {percent:>3} %  {msg}  {left} left" } else { "{spinner} {msg}" };
    let left = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        // Nothing is lost when a bar can't be drawn.
        let _ = write!(out, "{}", HumanDuration(Duration::from_secs(state.eta().as_secs())));
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.with_key("left", left));
    }
    bar
}
