//! A row on its way in: its typed values, not yet checked as a whole.

use super::{Intake, Member};
use crate::value::Value;

/// The values of one row.
#[derive(Clone, Debug)]
pub(crate) struct Draft<'v> {
    pub(super) keys: Vec<Value<'v>>,
    pub(super) event_time: Option<i64>,
    pub(super) created: Option<i64>,
    /// In the order of the schema.
    pub(super) features: Vec<Value<'v>>,
    /// Whether the row names any feature: one that names none is a delete.
    pub(super) has_features: bool,
    /// Which columns were given: the two times, the keys, the features.
    given: Vec<bool>,
}

impl<'v> Draft<'v> {
    pub(crate) fn new(intake: &Intake) -> Self {
        let (keys, features) = (intake.key.columns().len(), intake.schema.columns().len());
        Self {
            keys: vec![Value::Null; keys],
            event_time: None,
            created: None,
            features: vec![Value::Null; features],
            has_features: false,
            given: vec![false; 2 + keys + features],
        }
    }

    /// Notes that a column is given; false if it was before.
    pub(crate) fn give(&mut self, member: Member) -> bool {
        let index = match member {
            Member::EventTime => 0,
            Member::Created => 1,
            Member::Key(index) => 2 + index,
            Member::Feature(index) => 2 + self.keys.len() + index,
        };
        self.given.get_mut(index).is_some_and(|given| !std::mem::replace(given, true))
    }

    /// Sets the value of a column, which is of the column's type or null.
    pub(crate) fn set(&mut self, member: Member, value: Value<'v>) {
        match member {
            Member::Key(index) => put(&mut self.keys, index, value),
            Member::Feature(index) => {
                put(&mut self.features, index, value);
                self.has_features = true;
            }
            Member::EventTime => self.event_time = time(value),
            Member::Created => self.created = time(value),
        }
    }

    /// The time that a feature holds.
    pub(super) fn time_of(&self, feature: Option<usize>) -> Option<i64> {
        feature.and_then(|index| self.features.get(index)).and_then(|value| time(*value))
    }
}

fn put<'v>(values: &mut [Value<'v>], index: usize, value: Value<'v>) {
    if let Some(place) = values.get_mut(index) {
        *place = value;
    }
}

const fn time(value: Value<'_>) -> Option<i64> {
    match value {
        Value::Time(time) => Some(time),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Str(_)
        | Value::Bytes(_)
        | Value::List(_) => None,
    }
}
