//! How large the states of the fraud example are, by its own definitions.

use unskew_engine::definitions;
use unskew_engine::value::Value;
use unskew_engine::windows::{Head, Id, State, WindowPlan};

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
/// What a state of 60 events in 30 days may have.
const MOST: usize = 1_200;

/// A number below `limit` that follows from a seed as if by chance.
fn chance(seed: i64, limit: i64) -> i64 {
    (seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407) >> 17).rem_euclid(limit)
}

#[test]
fn sixty_events_in_thirty_days_take_little_room() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/fraud/definitions/fraud.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let definitions = definitions::parse(&[(path.into(), text)]).unwrap();
    for (view, labelled) in [("customer_spending", false), ("customer_spending", true), ("terminal_risk", true)] {
        let plan = WindowPlan::new(&definitions.views[view]).unwrap();
        let mut state = State::empty(&plan);
        let start = 1_522_540_800 * SECOND;
        for event in 0..60 {
            let value = match view {
                "customer_spending" => Value::Float(chance(event, 22_000) as f64 / 100.0),
                _ => Value::Int(i64::from(chance(event, 120) == 0)),
            };
            let time = start + (event * 43_200 + chance(event + 99, 43_200)) * SECOND;
            // As many transactions of others lie between them as in the published data.
            let id = Id::Int(event * 4_800 + chance(event + 7, 4_800));
            state.accept(&plan, Head { time, id, version: i64::from(labelled) }, &[value]);
        }
        state.settle(&plan).unwrap();
        let mut bytes = Vec::new();
        state.encode(&plan, &mut bytes);
        assert_eq!(state.events().len(), 60, "{view}");
        assert!(state.newest().unwrap() - start <= 30 * DAY);
        assert!(bytes.len() <= MOST, "{view}, labelled {labelled}: {} bytes", bytes.len());
    }
}
