//! A JSON object on its way in, member by member: rows and events are read alike.

use std::borrow::Cow;
use std::fmt;

use bumpalo::Bump;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::{Fault, Refusal};
use crate::dtype::DType;
use crate::row::json::{Origin, Typed};
use crate::value::Value;

/// What takes the members of one object.
pub(crate) trait Members<'v> {
    /// A column.
    type Column: Copy;

    /// What the object is, in messages.
    const NOUN: &'static str;

    /// The column of a name.
    fn column(&self, name: &str) -> Option<Self::Column>;

    /// Takes that a name is of no column.
    ///
    /// # Errors
    /// Why it is not passed over, in words.
    fn unknown(&mut self, name: &str) -> Result<(), String>;

    /// Takes that a column is given; false if it was before.
    fn give(&mut self, column: Self::Column) -> bool;

    /// The type of a column.
    fn dtype(&self, column: Self::Column) -> DType;

    /// Takes the value of a column, which is of its type or null.
    fn set(&mut self, column: Self::Column, value: Value<'v>);

    /// What is wrong with a value that the column can't take.
    fn fault(&self, column: Self::Column, name: &str, why: String) -> Fault;
}

/// Reads a text that should be one JSON object.
pub(crate) fn read<'v, M: Members<'v>>(text: &'v [u8], arena: &'v Bump, members: &mut M) -> Result<(), Fault> {
    let noun = M::NOUN;
    let text =
        str::from_utf8(text).map_err(|_| Fault::new(Refusal::InvalidRow, "", format!("the {noun} is not UTF-8")))?;
    let mut progress = Progress::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = (&mut deserializer)
        .deserialize_map(Object { members, arena, progress: &mut progress })
        .and_then(|()| deserializer.end());
    read.map_err(|error| match progress.fault {
        Some(fault) => fault,
        None => Fault::new(Refusal::InvalidRow, &progress.member, format!("the {noun} is no JSON object: {error}")),
    })
}

/// How far the reading of an object got.
#[derive(Default)]
struct Progress<'t> {
    /// The member at hand.
    member: Cow<'t, str>,
    /// What ended it, when that was not the syntax.
    fault: Option<Fault>,
}

impl Progress<'_> {
    fn refuse<E: serde::de::Error>(&mut self, fault: Fault) -> E {
        self.fault = Some(fault);
        E::custom("it is refused")
    }
}

struct Object<'r, 'v, M> {
    members: &'r mut M,
    arena: &'v Bump,
    progress: &'r mut Progress<'v>,
}

impl<'de: 'v, 'v, M: Members<'v>> Visitor<'de> for Object<'_, 'v, M> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { members, arena, progress } = self;
        while let Some(name) = map.next_key_seed(Name)? {
            progress.member = name;
            let name = progress.member.as_ref();
            let Some(column) = members.column(name) else {
                if let Err(why) = members.unknown(name) {
                    let fault = Fault::new(Refusal::InvalidRow, name, why);
                    return Err(progress.refuse(fault));
                }
                map.next_value::<IgnoredAny>()?;
                progress.member = Cow::Borrowed("");
                continue;
            };
            if !members.give(column) {
                let fault = Fault::new(Refusal::InvalidRow, name, format!("`{name}` is given twice"));
                return Err(progress.refuse(fault));
            }
            match map.next_value_seed(Typed { dtype: members.dtype(column), arena, origin: Origin::Client })? {
                Ok(value) => members.set(column, value),
                Err(why) => {
                    let fault = members.fault(column, name, why);
                    return Err(progress.refuse(fault));
                }
            }
            progress.member = Cow::Borrowed("");
        }
        Ok(())
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
