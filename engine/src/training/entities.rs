//! Which rows belong to which entity: entities are numbered in the order in which a table names them.

use bumpalo::Bump;
use hashbrown::HashMap;

use super::TrainingError;
use super::table::{Place, Table};
use crate::definitions::Entity;
use crate::dtype::{DType, Scalar};
use crate::keys::EntityKey;
use crate::value::Value;

/// Marks a row whose key is null or empty, or whose entity has no number.
pub(super) const NOBODY: u32 = u32::MAX;

/// Whole numbers that lie at most so many times as far apart as there are rows are looked up in a list.
const NEAR: u64 = 4;

/// The numbers of the entities of a table.
pub(super) struct Entities {
    numbers: Numbers,
    len: usize,
}

/// By key: most keys are one whole number, and most of those lie near each other.
enum Numbers {
    /// Keys from the first on; those without a number are nobody.
    Near(i64, Vec<u32>),
    Ints(HashMap<i64, u32>),
    Encoded(EntityKey, HashMap<Vec<u8>, u32>),
}

impl Entities {
    /// Numbers the entities of a table, and gives the number of each row's entity. `keys`: the key columns in the table.
    pub(super) fn of(entity: &Entity, table: &Table<'_>, keys: &[usize]) -> Result<(Self, Vec<u32>), TrainingError> {
        let is_int = |dtype: DType| matches!(dtype, DType::Scalar(Scalar::Int32 | Scalar::Int64));
        let (numbers, column) = match (entity.keys.as_slice(), keys) {
            ([one], [column]) if is_int(one.dtype) => (near(table, *column)?, *column),
            _ => {
                let key = EntityKey::new(entity, usize::MAX / 2).map_err(TrainingError::Definition)?;
                (Numbers::Encoded(key, HashMap::new()), 0)
            }
        };
        let mut entities = Self { numbers, len: 0 };
        let (len, mut rows) = (&mut entities.len, Vec::with_capacity(table.len()));
        let mut next = || {
            *len += 1;
            *len as u32 - 1
        };
        match &mut entities.numbers {
            Numbers::Near(first, numbers) => table.each_int(column, |key| {
                rows.push(match key.and_then(|key| numbers.get_mut(offset(key, *first))) {
                    None => NOBODY,
                    Some(number) => {
                        if *number == NOBODY {
                            *number = next();
                        }
                        *number
                    }
                });
            })?,
            Numbers::Ints(numbers) => table.each_int(column, |key| {
                rows.push(key.map_or(NOBODY, |key| *numbers.entry(key).or_insert_with(&mut next)));
            })?,
            Numbers::Encoded(key, numbers) => each_encoded((key, keys), table, |key| {
                rows.push(key.map_or(NOBODY, |key| *numbers.entry_ref(key).or_insert_with(&mut next)));
            })?,
        }
        Ok((entities, rows))
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The number of each row's entity in another table. `keys`: the key columns there.
    pub(super) fn find(&self, table: &Table<'_>, keys: &[usize]) -> Result<Vec<u32>, TrainingError> {
        let mut rows = Vec::with_capacity(table.len());
        let column = keys.first().copied().unwrap_or(0);
        match &self.numbers {
            Numbers::Near(first, numbers) => table.each_int(column, |key| {
                rows.push(key.and_then(|key| numbers.get(offset(key, *first)).copied()).unwrap_or(NOBODY));
            })?,
            Numbers::Ints(numbers) => table.each_int(column, |key| {
                rows.push(key.and_then(|key| numbers.get(&key).copied()).unwrap_or(NOBODY));
            })?,
            Numbers::Encoded(key, numbers) => each_encoded((key, keys), table, |key| {
                rows.push(key.and_then(|key| numbers.get(key).copied()).unwrap_or(NOBODY));
            })?,
        }
        Ok(rows)
    }
}

/// Where a key stands in a list that begins with another; far behind its end if it comes before.
const fn offset(key: i64, first: i64) -> usize {
    key.wrapping_sub(first).cast_unsigned() as usize
}

/// A place for the numbers of keys that are one whole number.
fn near(table: &Table<'_>, column: usize) -> Result<Numbers, TrainingError> {
    let (mut least, mut greatest) = (i64::MAX, i64::MIN);
    table.each_int(column, |key| {
        least = least.min(key.unwrap_or(least));
        greatest = greatest.max(key.unwrap_or(greatest));
    })?;
    if least > greatest {
        return Ok(Numbers::Ints(HashMap::new()));
    }
    let range = greatest.abs_diff(least);
    Ok(if range <= table.len() as u64 * NEAR {
        Numbers::Near(least, vec![NOBODY; range as usize + 1])
    } else {
        Numbers::Ints(HashMap::new())
    })
}

/// Gives the encoded key of every row, in order; none where it is no key.
fn each_encoded(
    (key, columns): (&EntityKey, &[usize]),
    table: &Table<'_>,
    mut give: impl FnMut(Option<&[u8]>),
) -> Result<(), TrainingError> {
    let mut arena = Bump::new();
    let mut encoded = Vec::new();
    for place in table.places() {
        encoded.clear();
        let is_key = is_encoded((key, columns), table, place, &arena, &mut encoded)?;
        give(is_key.then_some(encoded.as_slice()));
        arena.reset();
    }
    Ok(())
}

fn is_encoded(
    (key, columns): (&EntityKey, &[usize]),
    table: &Table<'_>,
    place: Place,
    arena: &Bump,
    out: &mut Vec<u8>,
) -> Result<bool, TrainingError> {
    let values: Vec<Value<'_>> =
        columns.iter().map(|column| table.value(*column, place, arena)).collect::<Result<_, _>>()?;
    Ok(key.encode(&values, out).is_ok())
}
