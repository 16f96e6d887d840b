//! Which rows of a feature have a value, and which have a status of their own.

use arrow_buffer::NullBuffer;

use crate::plan::{RowState, RowStates, State};
use crate::status::{Reason, Status};

/// Notes on the values of one feature, in the order in which they come.
#[derive(Default)]
pub(super) struct Marks {
    len: usize,
    /// Which have a value; none: all.
    present: Option<Vec<bool>>,
    /// The positions whose status is not that of their value, PRESENT or NULL.
    odd: Vec<(u32, RowState)>,
}

impl Marks {
    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Notes one more with its status; a default may fill what is MISSING.
    #[inline]
    pub(super) fn push(&mut self, is_present: bool, state: RowState) {
        if state.status != if is_present { Status::Present } else { Status::Null } {
            self.odd.push((self.len as u32, state));
        }
        if is_present && self.present.is_none() {
            self.len += 1;
        } else {
            self.extend(1, Some(&[is_present]));
        }
    }

    /// Notes so many more. `present`: which have a value; none: all.
    pub(super) fn extend(&mut self, more: usize, present: Option<&[bool]>) {
        if self.present.is_some() || present.is_some() {
            let all = self.present.get_or_insert_with(|| vec![true; self.len]);
            all.extend_from_slice(present.unwrap_or_default());
            all.resize(self.len + more, true);
        }
        self.len += more;
    }

    /// Of so many rows whose key is no key.
    pub(super) fn of_bad_keys(rows: usize) -> Self {
        let mut marks = Self::default();
        (0..rows).for_each(|_| marks.push(false, RowState::from(State::error(Reason::BadKey, ""))));
        marks
    }

    pub(super) fn is_present(&self, position: usize) -> bool {
        self.present.as_ref().is_none_or(|present| present.get(position).copied().unwrap_or(false))
    }

    /// The nulls and the statuses of all parts in the order of the rows: `places` tells where each stands among those of all parts.
    pub(super) fn finish<'m>(
        parts: impl Iterator<Item = &'m Self> + Clone,
        places: &[u32],
    ) -> (Option<NullBuffer>, RowStates) {
        if parts.clone().all(|part| part.odd.is_empty() && part.present.is_none()) {
            return (None, RowStates::Present(places.len()));
        }
        let (mut present, mut states) = (Vec::new(), Vec::new());
        for part in parts {
            let start = states.len();
            present.extend((0..part.len).map(|position| part.is_present(position)));
            let state = |is_present: &bool| RowState::from(if *is_present { State::PRESENT } else { State::NULL });
            states.extend(present.iter().skip(start).map(state));
            // What is not there is not PRESENT, whatever it is.
            let odd = part.odd.iter().filter(|(_, state)| state.status != Status::Present);
            odd.for_each(|(position, state)| states[start + *position as usize] = *state);
        }
        let nulls: Vec<bool> =
            places.iter().map(|place| present.get(*place as usize).copied().unwrap_or_default()).collect();
        let states = RowStates::Each(places.iter().map(|place| states[*place as usize]).collect());
        (Some(nulls.into()), states)
    }
}
