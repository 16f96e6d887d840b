//! Sums of many floats, and of events that come and go.

use std::sync::Arc;

use bumpalo::Bump;
use unskew_engine::definitions::{self, View};
use unskew_engine::numbers::Moments;

use crate::cell::Cell;
use crate::engine::Engine;
use crate::exact::Exact;
use crate::function::Answer;
use crate::oracle::{Columns, Event, Id};

/// A generator of numbers that are the same in every run (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

/// 10,000 floats from 1e-300 to 1e290 of both signs: some twice with opposite signs, some all but that, some subnormal.
fn magnitudes() -> Vec<f64> {
    let mut numbers = Numbers(7);
    let mut values = Vec::new();
    while values.len() < 10_000 {
        let exponent = i32::try_from(numbers.below(591)).unwrap() - 300;
        let mantissa = 1.0 + numbers.below(1 << 53) as f64 / (1_u64 << 53) as f64;
        let value = mantissa * 10_f64.powi(exponent) * if numbers.below(2) == 0 { 1.0 } else { -1.0 };
        match numbers.below(6) {
            0 => values.extend([value, -value]),
            1 => values.extend([value, -value.next_up()]),
            2 => values.push(f64::from_bits(numbers.next() >> 12)),
            3 => values.push(-f64::from_bits(numbers.next() >> 12)),
            _ => values.push(value),
        }
    }
    values.truncate(10_000);
    // What is largest cancels, so that the sum shows what is small.
    values.push(-Exact::of_floats(values.iter().copied()).sum());
    values
}

fn define(window: &str, resolution: &str) -> Arc<View> {
    let text = format!(
        "entities: {{customer: {{keys: {{customer_id: int64}}}}}}\nsources:\n  events: {{event_time: at, event_id: id, columns: {{id: int64, customer_id: int64, \
         at: timestamp, f: float64}}}}\nviews:\n  all:\n    entity: customer\n    source: events\n    resolution: {resolution}\n    aggregations:\n      \
         sum: {{function: sum, column: f, windows: [{window}]}}\n      variance: {{function: variance, column: f, windows: [{window}]}}\n      \
         kurtosis: {{function: kurtosis, column: f, windows: [{window}]}}\n      nb: {{function: count, windows: [{window}]}}\n      \
         least: {{function: min, column: f, windows: [{window}]}}\n      median: {{function: approx_quantile, column: f, q: 0.5, windows: [{window}]}}\n      \
         distinct: {{function: count_distinct, column: f, windows: [{window}]}}\n      about: {{function: approx_count_distinct, column: f, windows: [{window}]}}\n      \
         last: {{function: last_n, column: f, n: 3, windows: [{window}]}}\n"
    );
    definitions::parse(&[("sums.yaml".into(), text)]).unwrap().views["all"].clone()
}

fn event(at: usize, time: i64, value: f64) -> Event {
    let columns = [("f".to_owned(), Cell::Float(value))];
    Event { id: Id::Int(i64::try_from(at).unwrap()), version: 0, time, known_at: None, columns: Columns::from(columns) }
}

#[test]
fn a_sum_of_many_magnitudes_is_the_exact_one_in_every_order() {
    let values = magnitudes();
    let exact = Exact::of_floats(values.iter().copied());
    let (sum, variance) = (exact.sum(), exact.second_moment());
    assert!(sum != 0.0 && sum.abs() < 1e274, "{sum:e}");
    let events: Vec<Event> =
        values.iter().enumerate().map(|(at, value)| event(at, 1_000_000 * at as i64, *value)).collect();
    let t = 1_000_000 * events.len() as i64;
    let mut numbers = Numbers(8);
    for (resolution, parts) in [("exact", 1), ("exact", 7), ("1h", 1), ("1h", 7)] {
        let engine = Engine::new(&define("30d", resolution));
        let arena = Bump::new();
        for _ in 0..3 {
            let mut shuffled: Vec<_> = events.iter().map(|event| engine.event(event, &arena)).collect();
            numbers.shuffle(&mut shuffled);
            let mut states: Vec<_> =
                shuffled.chunks(shuffled.len().div_ceil(parts)).map(|part| engine.state(part)).collect();
            let mut state = states.pop().unwrap();
            states.iter().for_each(|other| state.merge(&engine.plan, other).unwrap());
            let found = engine.answers(&state, t, None, None);
            assert_eq!(found[0], Answer::Value(Cell::Float(sum)), "{resolution} in {parts} parts");
            assert_eq!(found[1], Answer::Value(Cell::Float(variance)), "{resolution} in {parts} parts");
        }
    }
}

#[test]
fn a_million_that_came_and_went_leave_nothing() {
    let values = magnitudes();
    let engine = Engine::new(&define("3s", "exact"));
    // One a second, and between every thousand a pause in which the window is empty.
    let events: Vec<Event> = (0..1_000_000)
        .map(|at| event(at, 1_000_000 * (at + 10 * (at / 1000)) as i64, values[at % values.len()]))
        .collect();
    let end = events.last().unwrap().time;
    let pauses = (1..1000).map(|pause| 1_000_000 * (pause * 1010 - 5));
    let times: Vec<i64> = pauses.chain([end, end + 3_000_000]).collect();
    let found = engine.sweep(&events, &times, None, false);
    let empty = engine.sweep(&[], &times[..1], None, false).remove(0);
    let (last, full) = (found.last().unwrap(), &found[found.len() - 2]);
    assert!(found[..found.len() - 2].iter().all(|answers| *answers == empty));
    assert_eq!(*last, empty);
    // Just before the last one the window has the two before it.
    assert_eq!(full[3], Answer::Value(Cell::Int(2)));
    let left = [events.len() - 3, events.len() - 2].map(|at| values[at % values.len()]);
    assert_eq!(full[0], Answer::Value(Cell::Float(Exact::of_floats(left.into_iter()).sum())));
}

#[test]
fn a_sum_that_is_left_by_all_is_an_empty_one() {
    let values = magnitudes();
    let mut sums = Moments::<4>::default();
    let saved = |sums: &Moments<4>| {
        let mut bytes = Vec::new();
        sums.save(&mut bytes);
        bytes
    };
    let empty = saved(&sums);
    sums.add(0.1);
    let one = saved(&sums);
    for at in 0..1_000_000 {
        sums.add(values[at % values.len()]);
        sums.subtract(values[at % values.len()]);
    }
    assert_eq!(saved(&sums), one);
    sums.subtract(0.1);
    assert_eq!(saved(&sums), empty);
}
