//! A JSON array of strings, read into one allocation.

use std::fmt;

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};

use crate::lookup::StringList;

/// A [`StringList`] in JSON.
#[derive(Clone, Debug, Default)]
pub(super) struct JsonStrings(pub(super) StringList);

struct Strings;

/// One string, appended to the list without one of its own.
struct Append<'a>(&'a mut StringList);

impl<'de> Visitor<'de> for Strings {
    type Value = JsonStrings;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of strings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<JsonStrings, A::Error> {
        let mut list = StringList::default();
        while items.next_element_seed(Append(&mut list))?.is_some() {}
        Ok(JsonStrings(list))
    }
}

impl<'de> serde::de::DeserializeSeed<'de> for Append<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Append<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, string: &str) -> Result<(), E> {
        self.0.push(string);
        Ok(())
    }
}

impl<'de> Deserialize<'de> for JsonStrings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Strings)
    }
}
