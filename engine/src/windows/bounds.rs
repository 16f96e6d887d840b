//! Which times a window has: the one place that says when an event enters and leaves.

/// The shape of the windows of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Microseconds by which windows end before t.
    pub(super) offset: i64,
    /// Microseconds of a tile; none: exact.
    pub(super) hop: Option<i64>,
}

/// The times of a window at some t: an event at e is in it when start < e ≤ end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// The greatest time before the window.
    pub(super) start: i64,
    /// The last time of the window.
    pub(super) end: i64,
}

/// The last edge of a tile at or before a time. Tiles are (k·hop, (k+1)·hop].
pub(super) const fn floor(time: i64, hop: i64) -> i64 {
    time.saturating_sub(time.rem_euclid(hop))
}

/// The first edge of a tile at or after a time: the last time of the tile that has it.
pub(super) const fn ceil(time: i64, hop: i64) -> i64 {
    let past = time.rem_euclid(hop);
    if past == 0 { time } else { time.saturating_add(hop - past) }
}

impl Bounds {
    /// The last time that a window has at t, the same for windows of every length.
    pub(super) const fn end(self, t: i64) -> i64 {
        match (self.offset, self.hop) {
            // e < t, whatever the resolution.
            (0, _) | (_, None) => t.saturating_sub(self.before_end()),
            (offset, Some(hop)) => floor(t.saturating_sub(offset), hop),
        }
    }

    /// The greatest time before a window of this length at t; lifetime has none.
    pub(super) const fn start(self, t: i64, length: Option<i64>) -> i64 {
        let Some(length) = length else { return i64::MIN };
        let start = t.saturating_sub(self.offset).saturating_sub(length);
        match self.hop {
            None => start,
            Some(hop) => floor(start, hop),
        }
    }

    /// By how much windows without tiles end before t.
    pub(super) const fn before_end(self) -> i64 {
        if self.offset == 0 { 1 } else { self.offset }
    }

    /// By how much those of this length start before t; lifetime does not start.
    pub(super) const fn before_start(self, length: Option<i64>) -> Option<i64> {
        match length {
            Some(length) => Some(self.offset.saturating_add(length)),
            None => None,
        }
    }

    /// The times of a window of this length at t.
    pub(super) const fn span(self, t: i64, length: Option<i64>) -> Span {
        Span { start: self.start(t, length), end: self.end(t) }
    }

    /// The first t at which an event is in the windows.
    pub(super) const fn enters(self, event: i64) -> i64 {
        match (self.offset, self.hop) {
            (0, _) => event.saturating_add(1),
            (offset, None) => event.saturating_add(offset),
            (offset, Some(hop)) => ceil(event, hop).saturating_add(offset),
        }
    }

    /// The first t at which an event is no longer in a window of this length.
    pub(super) const fn leaves(self, event: i64, length: Option<i64>) -> i64 {
        let Some(length) = length else { return i64::MAX };
        let edge = match self.hop {
            None => event,
            Some(hop) => ceil(event, hop),
        };
        edge.saturating_add(self.offset).saturating_add(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn entering_and_leaving_are_the_ends_of_the_span(
            event in -5000_i64..5000, t in -5000_i64..5000, offset in 0_i64..300, length in 1_i64..500, hop in prop::option::of(1_i64..100),
        ) {
            let bounds = Bounds { offset, hop };
            let span = bounds.span(t, Some(length));
            let is_in = span.start < event && event <= span.end;
            prop_assert_eq!(is_in, bounds.enters(event) <= t && t < bounds.leaves(event, Some(length)));
        }
    }

    #[test]
    fn tiles_end_with_their_edge() {
        assert_eq!((floor(10, 10), floor(9, 10), floor(-1, 10), floor(-10, 10)), (10, 0, -10, -10));
        assert_eq!((ceil(10, 10), ceil(11, 10), ceil(-9, 10), ceil(0, 10)), (10, 20, 0, 0));
    }
}
