//! What the writes of one commit make of one key, one write after the other.

use bytes::Bytes;

use crate::store::order::{self, Times};
use crate::store::{Fetched, PutRow, SwapRow, Written};

/// One row of a call that writes.
pub(super) enum Write {
    /// Kept if it is the greatest of its key.
    Keep(PutRow),
    /// Written if the key has what is expected of it.
    Swap(SwapRow),
}

impl Write {
    /// The whole key.
    pub(super) fn key(&self) -> &Bytes {
        match self {
            Self::Keep(row) => &row.key,
            Self::Swap(row) => &row.key,
        }
    }

    /// Bytes of the key and the new value.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Keep(row) => row.key.len() + row.value.len(),
            Self::Swap(row) => row.key.len() + row.value.len(),
        }
    }
}

/// The value of one key: as it is stored, and as the writes so far leave it.
pub(super) struct Slot<'a> {
    stored: Fetched,
    new: Option<&'a Bytes>,
}

impl<'a> Slot<'a> {
    /// A key with what is stored under it.
    pub(super) fn new(stored: Fetched) -> Self {
        Self { stored, new: None }
    }

    /// What the store has to write; none when the key keeps what it has.
    pub(super) fn written(self) -> Option<&'a Bytes> {
        self.new
    }

    /// Makes one write, if it is to be made.
    pub(super) fn apply(&mut self, write: &'a Write) -> Written {
        let (value, made) = match write {
            Write::Keep(row) => (&row.value, self.is_less_than(row)?),
            Write::Swap(row) => (&row.value, self.is_as_expected(row)?),
        };
        if made {
            self.new = Some(value);
        }
        Ok(made)
    }

    /// Whether the row is greater than what is there.
    fn is_less_than(&self, row: &PutRow) -> Written {
        let replaces = |old: &Bytes| order::replaces(Times::of(row), &row.value, old);
        match (self.new, &self.stored) {
            (Some(new), _) => Ok(replaces(new)),
            (None, Fetched::Value(stored)) => Ok(replaces(stored)),
            (None, Fetched::Missing) => Ok(true),
            (None, Fetched::Damaged(why)) => {
                // Its times are lost with it, so it is older than any row: a new row repairs the key.
                tracing::warn!(key = %row.key.escape_ascii(), why, "damaged row is replaced");
                Ok(true)
            }
            (None, Fetched::Failed(why)) => Err(format!("the stored row could not be compared: {why}")),
        }
    }

    /// Whether what is there is what the writer read.
    fn is_as_expected(&self, row: &SwapRow) -> Written {
        let expected = row.expected.as_ref();
        match (self.new, &self.stored) {
            (Some(new), _) => Ok(expected == Some(new)),
            (None, Fetched::Value(stored)) => Ok(expected == Some(stored)),
            (None, Fetched::Missing) => Ok(expected.is_none()),
            // What it was can't be known, so nothing may be derived from it.
            (None, Fetched::Damaged(why)) => Err(format!("the stored value is damaged: {why}")),
            (None, Fetched::Failed(why)) => Err(format!("the stored value could not be compared: {why}")),
        }
    }
}
