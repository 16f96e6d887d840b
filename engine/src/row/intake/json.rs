//! A row as a JSON object.

use std::borrow::Cow;
use std::fmt;

use bumpalo::Bump;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use super::{Arrival, Draft, Fault, Intake, Refusal, WrittenRows};
use crate::row::json::{Origin, Typed};

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
        let text = str::from_utf8(text).map_err(|_| Fault::new(Refusal::InvalidRow, "", "the row is not UTF-8"))?;
        let mut progress = Progress::default();
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let read = (&mut deserializer)
            .deserialize_map(Members { intake: self, arena, progress: &mut progress })
            .and_then(|draft| deserializer.end().map(|()| draft));
        read.map_err(|error| match progress.fault {
            Some(fault) => fault,
            None => Fault::new(Refusal::InvalidRow, &progress.member, format!("the row is no JSON object: {error}")),
        })
    }
}

/// How far the reading of a row got.
#[derive(Default)]
struct Progress<'t> {
    /// The member at hand.
    member: Cow<'t, str>,
    /// What ended it, when that was not the syntax.
    fault: Option<Fault>,
}

struct Members<'r, 'v> {
    intake: &'r Intake,
    arena: &'v Bump,
    progress: &'r mut Progress<'v>,
}

impl<'de: 'v, 'v> Visitor<'de> for Members<'_, 'v> {
    type Value = Draft<'v>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Draft<'v>, A::Error> {
        let Self { intake, arena, progress } = self;
        let mut draft = Draft::new(intake);
        let mut ignored = false;
        let refuse = |progress: &mut Progress<'_>, fault| {
            progress.fault = Some(fault);
            A::Error::custom("the row is refused")
        };
        while let Some(name) = map.next_key_seed(Name)? {
            progress.member = name;
            let name = progress.member.as_ref();
            let Some(member) = intake.member(name) else {
                if !intake.options.ignore_unknown {
                    let fault = Fault::new(Refusal::InvalidRow, name, intake.unknown(name));
                    return Err(refuse(progress, fault));
                }
                map.next_value::<IgnoredAny>()?;
                ignored = true;
                progress.member = Cow::Borrowed("");
                continue;
            };
            if !draft.give(member) {
                let fault = Fault::new(Refusal::InvalidRow, name, format!("`{name}` is given twice"));
                return Err(refuse(progress, fault));
            }
            match map.next_value_seed(Typed { dtype: intake.dtype(member), arena, origin: Origin::Client })? {
                Ok(value) => draft.set(member, value),
                Err(why) => {
                    let fault = Fault::of_member(member, name, why);
                    return Err(refuse(progress, fault));
                }
            }
            progress.member = Cow::Borrowed("");
        }
        if ignored && !draft.has_features {
            let why = "the row has none of the features, but columns that are ignored; a delete has keys and event_time alone";
            return Err(refuse(progress, Fault::new(Refusal::InvalidRow, "", why)));
        }
        Ok(draft)
    }
}

/// The name of a member, borrowed where it stands without escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}
