//! Strings without repeats, found by hash: the entity ids and the feature names of a request.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::strings::StringList;

/// So many strings are found faster by looking at each than by a hash.
const FEW: usize = 4;

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
            positions: HashTable::with_capacity(if list.len() > FEW { list.len() } else { 0 }),
            hasher: DefaultHashBuilder::default(),
        };
        list.iter().for_each(|name| {
            names.insert(name);
        });
        names
    }

    /// Adds a string; false if it was there.
    pub fn insert(&mut self, name: &str) -> bool {
        if self.position(name).is_some() {
            return false;
        }
        self.list.push(name);
        let (list, hasher) = (&self.list, &self.hasher);
        let hash = |&at: &u32| hasher.hash_one(list.get(at as usize));
        let first = if list.len() == FEW + 1 { 0 } else { list.len() - 1 };
        if list.len() > FEW {
            for at in (first..list.len()).map(|at| u32::try_from(at).unwrap_or(u32::MAX)) {
                self.positions.insert_unique(hash(&at), at, hash);
            }
        }
        true
    }

    /// The position of a string.
    #[must_use]
    #[inline]
    pub fn position(&self, name: &str) -> Option<usize> {
        if self.list.len() <= FEW {
            return self.list.iter().position(|known| known == name);
        }
        let hash = self.hasher.hash_one(name);
        self.positions.find(hash, |&at| self.list.get(at as usize) == name).map(|&at| at as usize)
    }

    /// Forgets all strings, and keeps the memory.
    pub fn clear(&mut self) {
        self.list.clear();
        self.positions.clear();
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
