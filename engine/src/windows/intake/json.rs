//! An event as a JSON object.

use bumpalo::Bump;

use super::{EventIntake, TakenEvents};
use crate::dtype::DType;
use crate::row::Arrival;
use crate::row::intake::Fault;
use crate::row::intake::members::{Members, read};
use crate::value::Value;

impl EventIntake {
    /// Takes the event at position `row`, one JSON object. What is wrong with it goes to the bad ones.
    pub fn json<'v>(
        &'v self,
        row: usize,
        text: &'v [u8],
        arrival: Arrival,
        arena: &'v Bump,
        taken: &mut TakenEvents<'v>,
    ) {
        self.begin(taken);
        let read = read(text, arena, &mut Reading { intake: self, taken });
        if let Err(fault) = read.and_then(|()| self.finish(row, arrival, arena, taken)) {
            taken.refuse(fault.at(row));
        }
    }
}

struct Reading<'r, 'v> {
    intake: &'v EventIntake,
    taken: &'r mut TakenEvents<'v>,
}

impl<'v> Members<'v> for Reading<'_, 'v> {
    type Column = usize;

    const NOUN: &'static str = "event";

    fn column(&self, name: &str) -> Option<usize> {
        self.intake.column(name)
    }

    fn unknown(&mut self, name: &str) -> Result<(), String> {
        if self.intake.options.ignore_unknown { Ok(()) } else { Err(self.intake.unknown(name)) }
    }

    fn give(&mut self, column: usize) -> bool {
        let given = self.taken.scratch.given.get_mut(column);
        given.is_some_and(|given| !std::mem::replace(given, true))
    }

    fn dtype(&self, column: usize) -> DType {
        self.intake.dtype(column)
    }

    fn set(&mut self, column: usize, value: Value<'v>) {
        if let Some(place) = self.taken.scratch.columns.get_mut(column) {
            *place = value;
        }
    }

    fn fault(&self, column: usize, _: &str, why: String) -> Fault {
        self.intake.unreadable(column, &why)
    }
}
