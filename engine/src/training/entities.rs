//! Which rows belong to which entity: entities are numbered as the spine names them.

use bumpalo::Bump;
use hashbrown::HashMap;

use super::TrainingError;
use super::table::{Place, Table};
use crate::definitions::Entity;
use crate::dtype::{DType, Scalar};
use crate::keys::EntityKey;
use crate::value::Value;

/// Marks a row whose key is null or empty, or whose entity the spine does not name.
pub(super) const NOBODY: u32 = u32::MAX;

/// The numbers of the entities of a spine.
pub(super) struct Entities {
    numbers: Numbers,
    key: EntityKey,
}

/// By key: most keys are one whole number.
enum Numbers {
    Ints(HashMap<i64, u32>),
    Encoded(HashMap<Box<[u8]>, u32>),
}

impl Entities {
    pub(super) fn new(entity: &Entity) -> Result<Self, TrainingError> {
        let key = EntityKey::new(entity, usize::MAX / 2).map_err(TrainingError::Definition)?;
        let is_int = |dtype: DType| matches!(dtype, DType::Scalar(Scalar::Int32 | Scalar::Int64));
        let numbers = match entity.keys.as_slice() {
            [one] if is_int(one.dtype) => Numbers::Ints(HashMap::new()),
            _ => Numbers::Encoded(HashMap::new()),
        };
        Ok(Self { numbers, key })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match &self.numbers {
            Numbers::Ints(numbers) => numbers.len(),
            Numbers::Encoded(numbers) => numbers.len(),
        }
    }

    /// The number of each row's entity. `keys`: its key columns in the table. With `adds` new entities get a number.
    pub(super) fn of_rows(&mut self, table: &Table<'_>, keys: &[usize], adds: bool) -> Result<Vec<u32>, TrainingError> {
        if let (Numbers::Ints(numbers), [key]) = (&mut self.numbers, keys) {
            return of_ints(numbers, table, *key, adds);
        }
        let mut arena = Bump::new();
        let mut rows = Vec::with_capacity(table.len());
        let mut encoded = Vec::new();
        for place in table.places() {
            rows.push(self.of_row(table, keys, place, &arena, (&mut encoded, adds))?);
            arena.reset();
        }
        Ok(rows)
    }

    fn of_row(
        &mut self,
        table: &Table<'_>,
        keys: &[usize],
        place: Place,
        arena: &Bump,
        (encoded, adds): (&mut Vec<u8>, bool),
    ) -> Result<u32, TrainingError> {
        let Numbers::Encoded(numbers) = &mut self.numbers else { return Ok(NOBODY) };
        encoded.clear();
        let values: Vec<Value<'_>> =
            keys.iter().map(|key| table.value(*key, place, arena)).collect::<Result<_, _>>()?;
        if self.key.encode(&values, encoded).is_err() {
            return Ok(NOBODY);
        }
        let next = numbers.len() as u32;
        Ok(match numbers.get(encoded.as_slice()) {
            Some(number) => *number,
            None if adds => {
                numbers.insert(encoded.as_slice().into(), next);
                next
            }
            None => NOBODY,
        })
    }
}

/// Rows that are read at once.
const BLOCK: usize = 4096;

/// The numbers of rows whose key is one whole number.
fn of_ints(
    numbers: &mut HashMap<i64, u32>,
    table: &Table<'_>,
    key: usize,
    adds: bool,
) -> Result<Vec<u32>, TrainingError> {
    let arena = Bump::new();
    let places: Vec<Place> = table.places().collect();
    let mut rows = Vec::with_capacity(places.len());
    let mut values = Vec::with_capacity(BLOCK);
    for block in places.chunks(BLOCK) {
        values.clear();
        table.gather(key, block, &arena, &mut values)?;
        for value in &values {
            let Value::Int(key) = value else {
                rows.push(NOBODY);
                continue;
            };
            let next = numbers.len() as u32;
            rows.push(if adds {
                *numbers.entry(*key).or_insert(next)
            } else {
                numbers.get(key).copied().unwrap_or(NOBODY)
            });
        }
    }
    Ok(rows)
}

/// Rows grouped by entity, in their order within each.
pub(super) struct Groups {
    /// Where the group of each entity begins, and where the last ends.
    starts: Vec<usize>,
    /// Positions of rows.
    rows: Vec<u32>,
}

impl Groups {
    pub(super) fn new(numbers: &[u32], entities: usize) -> Self {
        let mut starts = vec![0; entities + 1];
        let counted = numbers.iter().filter(|number| **number != NOBODY);
        counted.for_each(|number| starts[*number as usize + 1] += 1);
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut next = starts.clone();
        let mut rows = vec![0; starts.last().copied().unwrap_or(0)];
        for (row, number) in numbers.iter().enumerate().filter(|(_, number)| **number != NOBODY) {
            let place = &mut next[*number as usize];
            rows[*place] = row as u32;
            *place += 1;
        }
        Self { starts, rows }
    }

    /// The rows of an entity.
    pub(super) fn of(&self, entity: usize) -> &[u32] {
        let (Some(start), Some(end)) = (self.starts.get(entity), self.starts.get(entity + 1)) else { return &[] };
        self.rows.get(*start..*end).unwrap_or_default()
    }

    /// Sorts each group; rows of equal keys stay in their order.
    pub(super) fn sort_each_by_key<K: Ord>(&mut self, key: impl Fn(&u32) -> K) {
        for entity in 1..self.starts.len() {
            let (start, end) = (self.starts[entity - 1], self.starts[entity]);
            let rows = self.rows.get_mut(start..end).unwrap_or_default();
            if !rows.is_sorted_by_key(&key) {
                rows.sort_by_key(&key);
            }
        }
    }

    /// All rows, entity by entity.
    pub(super) fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// How many entities there are.
    pub(super) fn len(&self) -> usize {
        self.starts.len() - 1
    }
}
