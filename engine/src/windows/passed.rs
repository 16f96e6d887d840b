//! How many events have entered the windows of rows, and how many have left them: all edges of a view are walked at once.

use super::plan::WindowPlan;

/// For each row how many events have passed the edges of its windows.
pub(super) struct Passed {
    /// How many have entered the windows, of every length.
    pub(super) entered: Vec<u32>,
    /// For each length how many have left; none: it is not wanted.
    pub(super) left: Vec<Option<Vec<u32>>>,
}

impl WindowPlan {
    /// For rows at these times and events at those, both in the order of time. `is_wanted`: of which lengths, by position.
    pub(super) fn passed(&self, times: &[i64], asked: &[i64], is_wanted: impl Fn(usize) -> bool) -> Passed {
        let bounds = self.bounds;
        let wanted = || self.lengths.iter().enumerate().filter(|(position, _)| is_wanted(*position));
        let mut left = vec![None; self.lengths.len()];
        if bounds.hop.is_some() {
            for (position, length) in wanted() {
                left[position] = Some(until(times, asked, |t| bounds.start(t, *length)));
            }
            return Passed { entered: until(times, asked, |t| bounds.end(t)), left };
        }
        let mut positions = Vec::with_capacity(self.lengths.len());
        let mut shifts = Vec::with_capacity(self.lengths.len() + 1);
        shifts.push(bounds.before_end());
        for (position, length) in wanted() {
            match bounds.before_start(*length) {
                Some(shift) => {
                    positions.push(position);
                    shifts.push(shift);
                }
                None => left[position] = Some(until(times, asked, |t| bounds.start(t, None))),
            }
        }
        let mut counts = Vec::with_capacity(shifts.len());
        for shifts in shifts.chunks(4) {
            match *shifts {
                [a, b, c, d] => counts.extend(shifted(times, asked, [a, b, c, d])),
                [a, b, c] => counts.extend(shifted(times, asked, [a, b, c])),
                [a, b] => counts.extend(shifted(times, asked, [a, b])),
                _ => shifts.iter().for_each(|a| counts.extend(shifted(times, asked, [*a]))),
            }
        }
        let mut counts = counts.into_iter();
        let entered = counts.next().unwrap_or_default();
        for (position, counts) in positions.into_iter().zip(counts) {
            left[position] = Some(counts);
        }
        Passed { entered, left }
    }
}

/// For each row how many events there are up to what `edge` makes of its time.
fn until(times: &[i64], asked: &[i64], edge: impl Fn(i64) -> i64) -> Vec<u32> {
    let mut count = 0;
    let of_row = |t: &i64| {
        let edge = edge(*t);
        while is_past(times, count, edge) {
            count += 1;
        }
        count as u32
    };
    asked.iter().map(of_row).collect()
}

/// For each of some edges, which lie so far before the rows, and each row how many events there are up to it. The walks don't wait for each other, and a
/// processor foresees most of what they do: how many events pass from one row to the next, it could not.
fn shifted<const EDGES: usize>(times: &[i64], asked: &[i64], shifts: [i64; EDGES]) -> [Vec<u32>; EDGES] {
    let mut counts = [0; EDGES];
    let mut passed = std::array::from_fn(|_| vec![0; asked.len()]);
    for (row, t) in asked.iter().enumerate() {
        for ((count, shift), passed) in counts.iter_mut().zip(shifts).zip(&mut passed) {
            let edge = t.saturating_sub(shift);
            for _ in 0..STEPS {
                *count += usize::from(is_past(times, *count, edge));
            }
            while is_past(times, *count, edge) {
                *count += 1;
            }
            passed[row] = *count as u32;
        }
    }
    passed
}

/// So many events, which most rows don't exceed, are walked without a jump.
const STEPS: usize = 2;

#[inline]
fn is_past(times: &[i64], count: usize, edge: i64) -> bool {
    times.get(count).is_some_and(|time| *time <= edge)
}
