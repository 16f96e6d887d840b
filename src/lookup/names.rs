//! Strings without repeats, found by hash: the entity ids and the feature names of a request.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::strings::StringList;

/// A set of strings that keeps the order of first appearance and gives each its position.
#[derive(Clone, Debug, Default)]
pub struct Names {
    list: StringList,
    positions: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Names {
    /// The strings of a list, repeats left out.
    #[must_use]
    pub fn unique(list: StringList) -> Self {
        let mut names = Self {
            list: StringList::with_capacity(list.len(), list.text_len()),
            positions: HashTable::with_capacity(list.len()),
            hasher: DefaultHashBuilder::default(),
        };
        list.iter().for_each(|name| {
            names.insert(name);
        });
        names
    }

    /// Adds a string; false if it was there.
    pub fn insert(&mut self, name: &str) -> bool {
        let hash = self.hasher.hash_one(name);
        if self.positions.find(hash, |&at| self.list.get(at as usize) == name).is_some() {
            return false;
        }
        let at = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        self.list.push(name);
        let (list, hasher) = (&self.list, &self.hasher);
        self.positions.insert_unique(hash, at, |&at| hasher.hash_one(list.get(at as usize)));
        true
    }

    /// The position of a string.
    #[must_use]
    #[inline]
    pub fn position(&self, name: &str) -> Option<usize> {
        let hash = self.hasher.hash_one(name);
        self.positions.find(hash, |&at| self.list.get(at as usize) == name).map(|&at| at as usize)
    }

    /// The strings, in order of first appearance.
    #[must_use]
    pub fn list(&self) -> &StringList {
        &self.list
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}
