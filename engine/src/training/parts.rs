//! Rows shared out by the keys of their entity, so that each part can be joined on its own: how a history larger than the memory is joined.

use std::hash::{DefaultHasher, Hasher};

use arrow_array::RecordBatch;
use bumpalo::Bump;

use super::TrainingError;
use super::table::Table;
use crate::definitions::Entity;
use crate::keys::EntityKey;
use crate::value::Value;

/// Which of so many parts each row belongs to. All rows of an entity are in one, whatever table they are of; rows without a key are in the
/// first. `table`: what errors call it.
///
/// # Errors
/// A key column that is missing, or can't be read as declared.
pub fn parts(entity: &Entity, table: &str, batch: &RecordBatch, count: u32) -> Result<Vec<u32>, TrainingError> {
    let key = EntityKey::new(entity, usize::MAX / 2).map_err(TrainingError::Definition)?;
    let table = Table::new(table, &entity.keys, std::slice::from_ref(batch), &|_| true)?;
    let mut parts = Vec::with_capacity(table.len());
    let (mut arena, mut encoded) = (Bump::new(), Vec::new());
    for place in table.places() {
        encoded.clear();
        {
            let values = (0..entity.keys.len()).map(|column| table.value(column, place, &arena));
            let values: Vec<Value<'_>> = values.collect::<Result<_, _>>()?;
            parts.push(match key.encode(&values, &mut encoded) {
                Ok(()) => part(&encoded, count),
                Err(_) => 0,
            });
        }
        arena.reset();
    }
    Ok(parts)
}

#[expect(clippy::cast_possible_truncation, reason = "it is smaller than the count")]
fn part(key: &[u8], count: u32) -> u32 {
    let mut hasher = DefaultHasher::new();
    hasher.write(key);
    (hasher.finish() % u64::from(count.max(1))) as u32
}
