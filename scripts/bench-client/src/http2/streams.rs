//! The streams of a connection that wait for their replies. Ids only grow, so a place in a queue tells the stream.

use std::collections::VecDeque;

/// The greatest id.
const LAST: u32 = (1 << 31) - 1;

/// A stream whose reply is not complete.
#[derive(Debug)]
pub(super) struct Stream<T> {
    /// What the caller knows the request by.
    pub(super) tag: T,
    /// Of HTTP; none before the first headers.
    pub(super) status: Option<u16>,
    /// Bytes of DATA so far.
    pub(super) length: usize,
    /// The DATA, if it is kept.
    pub(super) reply: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct Streams<T> {
    /// By half of the id, from `first`; those that ended out of turn are gone.
    slots: VecDeque<Option<Stream<T>>>,
    first: u32,
    open: usize,
}

impl<T> Streams<T> {
    pub(super) fn new() -> Self {
        Self { slots: VecDeque::new(), first: 1, open: 0 }
    }

    /// How many are open.
    pub(super) fn len(&self) -> usize {
        self.open
    }

    /// The id of the next stream, unless all are used up.
    pub(super) fn next(&self) -> Option<u32> {
        let used = u32::try_from(self.slots.len()).ok()?.checked_mul(2)?;
        self.first.checked_add(used).filter(|id| *id <= LAST)
    }

    /// Opens the stream of [`Self::next`].
    pub(super) fn open(&mut self, tag: T) {
        self.slots.push_back(Some(Stream { tag, status: None, length: 0, reply: Vec::new() }));
        self.open += 1;
    }

    /// Whether the id is that of a stream that was opened, if it is open or not.
    pub(super) fn knows(&self, id: u32) -> bool {
        id % 2 == 1 && self.next().is_none_or(|next| id < next)
    }

    pub(super) fn get(&mut self, id: u32) -> Option<&mut Stream<T>> {
        let place = self.place(id)?;
        self.slots.get_mut(place)?.as_mut()
    }

    /// Takes the stream away.
    pub(super) fn close(&mut self, id: u32) -> Option<Stream<T>> {
        let place = self.place(id)?;
        let stream = self.slots.get_mut(place)?.take()?;
        self.open -= 1;
        while let Some(None) = self.slots.front() {
            self.slots.pop_front();
            self.first += 2;
        }
        Some(stream)
    }

    /// Takes away all that are open and have greater ids than `last`.
    pub(super) fn close_after(&mut self, last: u32) -> Vec<Stream<T>> {
        let ids = (self.first..=LAST).step_by(2);
        let gone: Vec<Stream<T>> =
            self.slots.iter_mut().zip(ids).filter(|(_, id)| *id > last).filter_map(|(slot, _)| slot.take()).collect();
        self.open -= gone.len();
        gone
    }

    fn place(&self, id: u32) -> Option<usize> {
        let distance = id.checked_sub(self.first)?;
        if distance % 2 == 0 { usize::try_from(distance / 2).ok() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_end_in_any_order() {
        let mut streams = Streams::new();
        for tag in 0..5 {
            assert_eq!(streams.next(), Some(2 * tag + 1));
            streams.open(tag);
        }
        assert_eq!(streams.close(5).map(|stream| stream.tag), Some(2));
        assert_eq!(streams.close(1).map(|stream| stream.tag), Some(0));
        assert!(streams.close(1).is_none() && streams.close(5).is_none() && streams.close(2).is_none());
        assert!(streams.get(11).is_none() && streams.knows(5) && !streams.knows(11) && !streams.knows(2));
        assert_eq!((streams.len(), streams.next()), (3, Some(11)));
        let tags: Vec<u32> = streams.close_after(3).into_iter().map(|stream| stream.tag).collect();
        assert_eq!((tags, streams.len()), (vec![3, 4], 1));
        assert_eq!(streams.close(3).map(|stream| stream.tag), Some(1));
        assert_eq!((streams.len(), streams.next()), (0, Some(11)));
    }
}
