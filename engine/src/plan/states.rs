//! The statuses of a column of inputs, two bytes a row, and their form in Arrow: a dictionary of texts such as `PRESENT` and `ERROR OVERFLOW`.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int8Type;
use arrow_array::{Array, DictionaryArray, StringArray};

use super::input::State;
use crate::status::{Reason, Status};

/// The status of one value, and the reason of an ERROR, in two bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowState {
    /// The status.
    pub status: Status,
    /// Why it is ERROR.
    pub reason: Option<Reason>,
}

/// What a status that is null stands for.
const NO_STATUS: &str = "a status is null, and every value has one";

impl From<State> for RowState {
    fn from(state: State) -> Self {
        Self { status: state.status, reason: state.reason }
    }
}

impl From<RowState> for State {
    fn from(state: RowState) -> Self {
        match (state.reason, state.status) {
            (Some(reason), _) => Self::error(reason, ""),
            (None, Status::Null) => Self::NULL,
            (None, Status::Missing) => Self::MISSING,
            (None, Status::Expired) => Self::EXPIRED,
            (None, Status::Present | Status::Error) => Self::PRESENT,
        }
    }
}

impl RowState {
    /// Every state, in the order of the dictionary.
    fn all() -> impl Iterator<Item = Self> {
        let whole = Status::ALL.into_iter().filter(|status| *status != Status::Error);
        let errors = Reason::ALL.into_iter().map(|reason| Self { status: Status::Error, reason: Some(reason) });
        whole.map(|status| Self { status, reason: None }).chain(errors)
    }

    /// The status, and after it the reason of an ERROR.
    fn text(self) -> String {
        match self.reason {
            Some(reason) => format!("{} {}", self.status.name(), reason.name()),
            None => self.status.name().to_owned(),
        }
    }
}

/// The statuses of the rows of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowStates {
    /// So many rows, all of them PRESENT.
    Present(usize),
    /// One for each row.
    Each(Vec<RowState>),
}

const PRESENT: RowState = RowState { status: Status::Present, reason: None };

impl RowStates {
    /// How many rows there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Present(rows) => *rows,
            Self::Each(states) => states.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The status of a row.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<RowState> {
        match self {
            Self::Present(rows) => (row < *rows).then_some(PRESENT),
            Self::Each(states) => states.get(row).copied(),
        }
    }

    /// States as a dictionary array, whose values are all that there can be.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "there are fewer than 128 states")]
    pub fn to_arrow(&self) -> DictionaryArray<Int8Type> {
        let all: Vec<RowState> = RowState::all().collect();
        let place = |state: &RowState| all.iter().position(|other| other == state).unwrap_or_default() as i8;
        let keys: Vec<i8> = match self {
            Self::Present(rows) => vec![place(&PRESENT); *rows],
            Self::Each(states) => {
                // Runs of one state are what there is.
                let mut last = (PRESENT, place(&PRESENT));
                let key = |state: &RowState| {
                    if *state != last.0 {
                        last = (*state, place(state));
                    }
                    last.1
                };
                states.iter().map(key).collect()
            }
        };
        let texts: StringArray = all.iter().map(|state| Some(state.text())).collect();
        DictionaryArray::new(keys.into(), Arc::new(texts))
    }

    /// Reads an array as [`RowStates::to_arrow`] makes it; its dictionary may be another one.
    ///
    /// # Errors
    /// An array of another type, a null, and a text that is no status, in words.
    pub fn of_arrow(array: &dyn Array) -> Result<Self, String> {
        let typed = || format!("has the type {}, and statuses are a dictionary of texts", array.data_type());
        let dictionary = array.as_any_dictionary_opt().ok_or_else(typed)?;
        let values = dictionary.values();
        let texts: Vec<Option<&str>> = if let Some(texts) = values.as_string_opt::<i32>() {
            texts.iter().collect()
        } else if let Some(texts) = values.as_string_opt::<i64>() {
            texts.iter().collect()
        } else {
            values.as_string_view_opt().ok_or_else(typed)?.iter().collect()
        };
        if texts.is_empty() && !array.is_empty() || dictionary.nulls().is_some_and(|nulls| nulls.null_count() > 0) {
            return Err(NO_STATUS.to_owned());
        }
        let states = texts.into_iter().map(|text| {
            let text = text.ok_or_else(|| NO_STATUS.to_owned())?;
            RowState::all()
                .find(|state| state.text() == text)
                .ok_or_else(|| format!("has {text:?}, which is no status"))
        });
        let states: Vec<RowState> = states.collect::<Result<_, _>>()?;
        if array.is_empty() {
            return Ok(Self::Present(0));
        }
        if let Some(keys) = dictionary.keys().as_primitive_opt::<Int8Type>()
            && let Some(first) = keys.values().first()
            && usize::try_from(*first).ok().and_then(|key| states.get(key)) == Some(&PRESENT)
            && keys.values().iter().all(|key| key == first)
        {
            return Ok(Self::Present(array.len()));
        }
        let of_key = |key| states.get(key).copied();
        Ok(Self::Each(dictionary.normalized_keys().into_iter().filter_map(of_key).collect()))
    }
}
