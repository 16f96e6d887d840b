//! States as earlier versions stored them: they are read for ever. `stored/` has one file for each form and format, in hexadecimal; a new
//! format adds files and leaves these.

use std::sync::Arc;

use bumpalo::Bump;
use unskew_engine::definitions::{self, View};
use unskew_engine::windows::State;

use crate::cell::Cell;
use crate::engine::{Engine, Projected, difference, expected};
use crate::oracle::{Columns, Event, History, Id};
use crate::translate;

const SECOND: i64 = 1_000_000;
const START: i64 = 1_767_225_600 * SECOND;

/// Every type of column and every kind of memory that a view can have.
fn view(form: &str) -> Arc<View> {
    let windows = if form.contains("resolution") { "[60s, lifetime]" } else { "[60s, 120s]" };
    let mut text = format!(
        "entities: {{customer: {{keys: {{customer_id: int64}}}}}}\nsources:\n  events: {{event_time: at, event_id: id, version: v, columns: {{id: string, \
         customer_id: int64, at: timestamp, v: int64, b: bool, i: int32, n: int64, g: float32, f: float64, s: string, raw: bytes, t: timestamp}}}}\nviews:\n  \
         all:\n    entity: customer\n    source: events\n    {form}\n    aggregations:\n"
    );
    let aggregations = [
        "count",
        "count, column: s",
        "sum, column: n",
        "sum, column: f",
        "mean, column: g",
        "variance, column: i",
        "stddev, column: f",
        "skew, column: f",
        "kurtosis, column: n",
        "min, column: g",
        "max, column: t",
        "min, column: s",
        "first, column: raw",
        "last, column: b",
        "first_n, column: s, n: 2",
        "last_n, column: f, n: 3",
        "count_distinct, column: s",
        "approx_count_distinct, column: n",
        "approx_quantile, column: f, q: 0.5",
        "mode, column: i",
        "top_k, column: t, k: 2",
        "ratio, column: f, denominator: n",
        "time_since_last",
        "sum, column: f, where: i > 0",
    ];
    for (at, aggregation) in aggregations.iter().enumerate() {
        text.push_str(&format!("      a{at}: {{function: {aggregation}, windows: {windows}}}\n"));
    }
    definitions::parse(&[("stored.yaml".into(), text)]).unwrap().views["all"].clone()
}

/// Twenty events, six seconds apart: nulls, versions and hard numbers among them.
fn events() -> Vec<Event> {
    let floats = [0.1, -2.5, 1e300, 5e-324, 57.16, f64::INFINITY, -1e16];
    (0..20_i64)
        .map(|at| {
            let place = usize::try_from(at).unwrap();
            let some = |every: i64, cell: Cell| if at % every == every - 1 { Cell::Null } else { cell };
            let columns = [
                ("b", some(4, Cell::Bool(at % 3 == 0))),
                ("i", some(5, Cell::Int(at % 4 - 1))),
                ("n", some(7, Cell::Int(if at == 3 { i64::MIN } else { at * 1_000_003 }))),
                ("g", Cell::Float(f64::from(0.25_f32 * at as f32))),
                ("f", some(6, Cell::Float(floats[place % floats.len()]))),
                ("s", some(3, Cell::Text(["", "ü", "north"][place % 3].repeat(1 + place % 2)))),
                ("raw", some(2, Cell::Bytes(vec![0, 255, at as u8]))),
                ("t", some(9, Cell::Time(START - at * at))),
            ];
            let columns: Columns = columns.into_iter().map(|(name, cell)| (name.to_owned(), cell)).collect();
            let id = Id::Text(format!("{}-{at}", ["a", "é"][place % 2]));
            Event { id, version: at % 2, time: START + 6 * SECOND * at + at % 3, known_at: None, columns }
        })
        .collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: String = hex.split_whitespace().collect();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn check(form: &str, stored: &str) {
    let view = view(form);
    let (engine, oracle) = (Engine::new(&view), translate::view(&view));
    let (arena, events) = (Bump::new(), events());
    let mut history = History { complete_since: Some(START), ..History::default() };
    assert!(history.write(&oracle, &events).is_empty());
    let projected: Vec<Projected<'_>> = events.iter().map(|event| engine.event(event, &arena)).collect();
    let mut state = engine.state(&projected);
    state.set_complete_since(START);
    let written: String = engine.bytes(&state).iter().map(|byte| format!("{byte:02x}")).collect();
    let stored = bytes(stored);
    let state = State::decode(&engine.plan, &stored)
        .unwrap_or_else(|why| panic!("{form}: {why}; a state is written as\n{written}"));
    for t in [60, 90, 114, 115, 150, 170, 300].map(|second| START + second * SECOND) {
        let found = engine.answers(&state, t, None, None);
        let expected = expected(&oracle, &history, t, None, false);
        assert_eq!(difference(&engine, &found, &expected), None, "{form} at {t}");
    }
    assert_eq!(
        engine.bytes(&state),
        stored,
        "{form}: what was read is written otherwise; a state is written as\n{written}"
    );
}

#[test]
fn states_of_format_1_are_read() {
    check("lateness: 60s", include_str!("stored/exact.1.hex"));
    check("resolution: 30s\n    lateness: 60s", include_str!("stored/tiled.1.hex"));
}
