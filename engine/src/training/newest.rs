//! The newest row of each entity: what an online store needs of a history.

use arrow_array::RecordBatch;

use super::TrainingError;
use super::entities::{Entities, NOBODY};
use super::table::{Table, key_columns};
use crate::definitions::View;

/// The rows of a history that are the greatest of their entity by (event time, created), in their order, but those of an entity side by
/// side: of rows that are equal in both all are given, as their bytes decide. Rows with an empty key are given too, last. A time that is null
/// counts as the least of training: 0.
///
/// # Errors
/// A view without a source, or a column that is missing, or can't be read as declared.
pub fn newest(view: &View, batches: &[RecordBatch]) -> Result<Vec<u32>, TrainingError> {
    let Some(source) = &view.source else {
        return Err(TrainingError::Definition(format!("the view {:?} has no source, and so no history", view.name)));
    };
    let keys = key_columns(source, &view.entity)?;
    let times: Vec<usize> = [Some(&source.event_time), source.created.as_ref()]
        .into_iter()
        .flatten()
        .filter_map(|name| source.position(name))
        .collect();
    let table = Table::of_source(source, batches, &|column| keys.contains(&column) || times.contains(&column))?;
    let (entities, numbers) = Entities::of(&view.entity, &table, &keys)?;
    let mut of_rows = vec![[0; 2]; table.len()];
    for (at, column) in times.iter().enumerate() {
        let mut rows = of_rows.iter_mut();
        table.each_int(*column, |time| {
            if let Some(times) = rows.next().and_then(|times| times.get_mut(at)) {
                *times = time.unwrap_or_default();
            }
        })?;
    }
    Ok(greatest(&numbers, entities.len(), &of_rows))
}

/// The greatest rows of each entity. `numbers`: the entity of each row.
fn greatest(numbers: &[u32], entities: usize, times: &[[i64; 2]]) -> Vec<u32> {
    let mut most = vec![[i64::MIN; 2]; entities];
    for (number, times) in numbers.iter().zip(times) {
        if let Some(most) = most.get_mut(*number as usize) {
            *most = (*most).max(*times);
        }
    }
    let mut first = vec![NOBODY; entities];
    let mut has_equal = false;
    let mut kept = Vec::with_capacity(entities);
    for (row, (number, times)) in numbers.iter().zip(times).enumerate() {
        if most.get(*number as usize) == Some(times) {
            kept.push(row as u32);
            match first.get_mut(*number as usize) {
                Some(first) if *first == NOBODY => *first = row as u32,
                Some(_) => has_equal = true,
                None => {}
            }
        }
    }
    if has_equal {
        let first_of = |row: &u32| numbers.get(*row as usize).and_then(|number| first.get(*number as usize));
        kept.sort_by_key(|row| first_of(row).copied());
    }
    kept.extend(numbers.iter().enumerate().filter(|(_, number)| **number == NOBODY).map(|(row, _)| row as u32));
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_greatest_and_its_equals_side_by_side() {
        let times = [[5, 0], [1, 9], [5, 0], [1, 8], [7, 7], [5, -1], [1, 9], [0, 0]];
        let numbers = [0, 1, 0, 1, NOBODY, 0, 1, 2];
        assert_eq!(greatest(&numbers, 3, &times), [0, 2, 1, 6, 7, 4]);
        assert_eq!(greatest(&[0, 1, 0], 2, &[[1, 0], [1, 0], [0, 0]]), [0, 1]);
        assert_eq!(greatest(&[0], 1, &[[i64::MIN; 2]]), [0]);
        assert!(greatest(&[], 0, &[]).is_empty());
    }
}
