//! A row as a JSON object.

use bumpalo::Bump;

use super::members::{Members, read};
use super::{Arrival, Draft, Fault, Intake, Member, Refusal, WrittenRows};
use crate::dtype::DType;
use crate::value::Value;

impl Intake {
    /// Takes the row at position `row`, one JSON object. What is wrong with it goes to the bad rows.
    pub fn json(&self, row: usize, text: &[u8], arrival: Arrival, written: &mut WrittenRows) {
        let arena = Bump::new();
        let done = self.draft(text, &arena).and_then(|draft| self.finish(row, &draft, arrival, written));
        if let Err(fault) = done {
            written.bad.push(fault.at(row));
        }
    }

    fn draft<'v>(&self, text: &'v [u8], arena: &'v Bump) -> Result<Draft<'v>, Fault> {
        let mut reading = Reading { intake: self, draft: Draft::new(self), ignored: false };
        read(text, arena, &mut reading)?;
        let Reading { draft, ignored, .. } = reading;
        if ignored && !draft.has_features {
            let why = "the row has none of the features, but columns that are ignored; a delete has keys and event_time alone";
            return Err(Fault::new(Refusal::InvalidRow, "", why));
        }
        Ok(draft)
    }
}

struct Reading<'r, 'v> {
    intake: &'r Intake,
    draft: Draft<'v>,
    ignored: bool,
}

impl<'v> Members<'v> for Reading<'_, 'v> {
    type Column = Member;

    const NOUN: &'static str = "row";

    fn column(&self, name: &str) -> Option<Member> {
        self.intake.member(name)
    }

    fn unknown(&mut self, name: &str) -> Result<(), String> {
        if !self.intake.options.ignore_unknown {
            return Err(self.intake.unknown(name));
        }
        self.ignored = true;
        Ok(())
    }

    fn give(&mut self, column: Member) -> bool {
        self.draft.give(column)
    }

    fn dtype(&self, column: Member) -> DType {
        self.intake.dtype(column)
    }

    fn set(&mut self, column: Member, value: Value<'v>) {
        self.draft.set(column, value);
    }

    fn fault(&self, column: Member, name: &str, why: String) -> Fault {
        Fault::of_member(column, name, why)
    }
}
