//! Work on entities, shared out among threads.

use std::ops::Range;

use super::TrainingError;

/// What `work` makes of the entities, in shares that follow each other. `weight`: how much work an entity is.
///
/// # Errors
/// That of the first share that has one.
pub(super) fn in_shares<T: Send>(
    entities: usize,
    threads: usize,
    weight: impl Fn(usize) -> usize,
    work: impl Fn(Range<usize>) -> Result<T, TrainingError> + Sync,
) -> Result<Vec<T>, TrainingError> {
    at_once(shares(entities, threads, weight), work)
}

/// What `work` makes of each job, a thread each.
///
/// # Errors
/// That of the first job that has one.
pub(super) fn at_once<J: Send, T: Send>(
    mut jobs: Vec<J>,
    work: impl Fn(J) -> Result<T, TrainingError> + Sync,
) -> Result<Vec<T>, TrainingError> {
    if jobs.len() == 1 {
        return jobs.pop().into_iter().map(work).collect();
    }
    let work = &work;
    std::thread::scope(|scope| {
        let workers: Vec<_> = jobs.into_iter().map(|job| scope.spawn(move || work(job))).collect();
        let gone = |_| Err(TrainingError::Definition("a thread of the join ended early".to_owned()));
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(gone)).collect()
    })
}

/// The entities, shared out evenly.
pub(super) fn shares(entities: usize, threads: usize, weight: impl Fn(usize) -> usize) -> Vec<Range<usize>> {
    let total: usize = (0..entities).map(&weight).sum();
    let share = total.div_ceil(threads.max(1)).max(1);
    let (mut ranges, mut start, mut taken) = (Vec::new(), 0, 0);
    for entity in 0..entities {
        taken += weight(entity);
        if taken >= share {
            ranges.push(start..entity + 1);
            (start, taken) = (entity + 1, 0);
        }
    }
    ranges.push(start..entities);
    ranges
}
