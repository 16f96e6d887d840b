//! When a request must be answered; set by a layer, read by the handlers of both protocols.

use std::time::{Duration, Instant};

use http::Extensions;

/// What a request gets that did not pass the layer.
const FALLBACK: Duration = Duration::from_secs(1);

/// When a request must be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    at: Instant,
    asked: bool,
}

impl Deadline {
    /// A deadline so long from now. `asked`: whether the client named it.
    #[must_use]
    pub fn new(time: Duration, asked: bool) -> Self {
        Self { at: Instant::now() + time, asked }
    }

    /// The deadline that the layer set.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get().copied().unwrap_or_else(|| Self::new(FALLBACK, false))
    }

    /// The deadline, if the client asked for one.
    #[must_use]
    pub fn asked(extensions: &Extensions) -> Option<Self> {
        extensions.get().copied().filter(|deadline: &Self| deadline.asked)
    }

    /// The point in time.
    #[must_use]
    pub fn at(&self) -> Instant {
        self.at
    }
}
