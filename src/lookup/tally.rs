//! What a request found, counted once for the metrics.

use super::status::{Reason, RowStatus, Status};

/// Entities and features by status, entities in error by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    entities: [u64; Status::ALL.len()],
    features: [u64; Status::ALL.len()],
    errors: [u64; Reason::ALL.len()],
}

/// Positions in [`Status::ALL`], whose numbers have no gaps.
const fn index(status: Status) -> usize {
    status as usize
}

impl Tally {
    pub(super) fn entity(&mut self, row: &RowStatus) {
        self.entities[index(row.status())] += 1;
        let position = row.reason().and_then(|reason| Reason::ALL.iter().position(|known| *known == reason));
        if let Some(position) = position {
            self.errors[position] += 1;
        }
    }

    pub(super) fn features(&mut self, status: Status, count: usize) {
        self.features[index(status)] += count as u64;
    }

    /// Entities, in the order of [`Status::ALL`].
    #[must_use]
    pub fn entities_by_status(&self) -> [u64; Status::ALL.len()] {
        self.entities
    }

    /// Features, in the order of [`Status::ALL`].
    #[must_use]
    pub fn features_by_status(&self) -> [u64; Status::ALL.len()] {
        self.features
    }

    /// Entities in error, in the order of [`Reason::ALL`].
    #[must_use]
    pub fn errors_by_reason(&self) -> [u64; Reason::ALL.len()] {
        self.errors
    }
}
