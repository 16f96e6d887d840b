//! Rows grouped by entity.

use std::ops::Range;
use std::sync::OnceLock;

use super::entities::NOBODY;

/// Rows grouped by entity, in their order within each.
pub(super) struct Groups {
    /// Where the group of each entity begins, and where the last ends.
    starts: Vec<usize>,
    /// The rows, group by group; found when they are asked for.
    rows: OnceLock<Vec<u32>>,
    /// Where each row stands among those; nobody's rows stand nowhere.
    places: Vec<u32>,
}

impl Groups {
    pub(super) fn new(mut numbers: Vec<u32>, entities: usize) -> Self {
        let mut starts = vec![0; entities + 1];
        for number in numbers.iter().filter(|number| **number != NOBODY) {
            starts[*number as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut next = starts.clone();
        // The number of a row's entity gives way to its place.
        for number in numbers.iter_mut().filter(|number| **number != NOBODY) {
            let place = &mut next[*number as usize];
            *number = *place as u32;
            *place += 1;
        }
        Self { starts, rows: OnceLock::new(), places: numbers }
    }

    /// The rows of an entity.
    pub(super) fn of(&self, entity: usize) -> &[u32] {
        self.all().get(self.range(entity)).unwrap_or_default()
    }

    /// The rows of all.
    fn all(&self) -> &Vec<u32> {
        self.rows.get_or_init(|| {
            let mut rows = vec![0; self.rows()];
            for (row, place) in self.places.iter().enumerate().filter(|(_, place)| **place != NOBODY) {
                rows[*place as usize] = row as u32;
            }
            rows
        })
    }

    /// Where they stand among all.
    pub(super) fn range(&self, entity: usize) -> Range<usize> {
        if let Some([start, end]) = self.starts.get(entity..entity + 2) { *start..*end } else { 0..0 }
    }

    /// Sorts each group by the keys of its rows, which stand as the rows do and are sorted too; rows of equal keys stay in their order.
    pub(super) fn sort_each_by<K: Copy + Ord>(&mut self, keys: &mut [K]) {
        for entity in 0..self.len() {
            let range = self.range(entity);
            let Some(keys) = keys.get_mut(range.clone()).filter(|keys| !keys.is_sorted()) else { continue };
            self.all();
            let Some(rows) = self.rows.get_mut().and_then(|rows| rows.get_mut(range.clone())) else { continue };
            let mut both: Vec<(K, u32)> = keys.iter().copied().zip(rows.iter().copied()).collect();
            both.sort_by_key(|(key, _)| *key);
            for (at, (key, row)) in both.into_iter().enumerate() {
                (keys[at], rows[at]) = (key, row);
                self.places[row as usize] = (range.start + at) as u32;
            }
        }
    }

    /// For each row where it stands, and behind all those of entities the rows of nobody, whose number is given too.
    pub(super) fn all_places(&self) -> (Vec<u32>, usize) {
        let (mut places, mut next) = (self.places.clone(), self.rows());
        for place in places.iter_mut().filter(|place| **place == NOBODY) {
            *place = next as u32;
            next += 1;
        }
        (places, next - self.rows())
    }

    /// Where each row stands; nobody's rows stand nowhere.
    pub(super) fn places(&self) -> &[u32] {
        &self.places
    }

    /// How many rows stand in groups.
    pub(super) fn rows(&self) -> usize {
        self.starts.last().copied().unwrap_or(0)
    }

    /// How many entities there are.
    pub(super) const fn len(&self) -> usize {
        self.starts.len() - 1
    }
}
