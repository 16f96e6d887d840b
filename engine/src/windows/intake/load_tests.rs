//! The hand-over from history to live events: what is loaded and what came live give what all events together would have given.

use std::sync::Arc;

use bumpalo::Bump;
use proptest::prelude::*;

use super::*;
use crate::definitions;
use crate::windows::State;

const MINUTE: i64 = 60_000_000;

/// A view over 30 days of events with or without ids, exact or in tiles of an hour.
fn plan(event_id: &str, resolution: &str, windows: &str) -> EventView {
    let text = format!(
        "entities: {{customer: {{keys: {{c: int64}}}}}}\n\
         sources: {{s: {{event_time: at, event_id: {event_id}, columns: {{id: int64, at: timestamp, c: int64, amount: float64}}}}}}\n\
         views: {{w: {{entity: customer, source: s, resolution: {resolution}, aggregations: {{total: {{function: sum, column: amount, windows: [{windows}]}}}}}}}}\n"
    );
    let defined = definitions::parse(&[("d.yaml".into(), text)]).unwrap();
    let view = &defined.views["w"];
    EventView { plan: Arc::new(WindowPlan::new(view).unwrap()), key: EntityKey::new(&view.entity, 100).unwrap() }
}

/// The state that events, numbers of minutes, make of a stored one in this order.
fn apply(view: &EventView, stored: Option<Vec<u8>>, minutes: &[i64]) -> Option<Vec<u8>> {
    let options = Options { ignore_unknown: false, max_key_bytes: 100, max_row_bytes: 1000 };
    let (intake, arena) = (EventIntake::new([view.clone()], options).unwrap(), Bump::new());
    let event = |minute: &i64| {
        let at = time::format(minute * MINUTE).unwrap();
        format!(r#"{{"id":{minute},"at":"{at}","c":1,"amount":{minute}.5}}"#)
    };
    let events: Vec<String> = minutes.iter().map(event).collect();
    let mut taken = intake.room();
    for (row, text) in events.iter().enumerate() {
        intake.json(row, text.as_bytes(), Arrival { now: 0, latest: i64::MAX }, &arena, &mut taken);
    }
    taken.group();
    let Some(entity) = taken.views()[0].entities().next() else { return stored };
    let applied = view.plan.apply(stored.as_deref(), entity, usize::MAX).unwrap();
    assert_eq!(applied.refused, []);
    applied.value.or(stored)
}

fn load(view: &EventView, stored: Option<&[u8]>, loaded: &[u8], cut: i64) -> Result<Option<Vec<u8>>, LoadError> {
    view.plan.load(stored, LoadedState { bytes: Some(loaded), cut, complete_since: i64::MIN }, usize::MAX)
}

proptest! {
    #[test]
    fn loaded_and_live_are_all_events_once(
        minutes in prop::collection::btree_set(0_i64..6000, 1..60), from in 0_i64..3000, hours in 50_i64..70,
    ) {
        let cut = hours * 60;
        let all: Vec<i64> = minutes.into_iter().collect();
        let (history, live): (Vec<i64>, Vec<i64>) =
            (all.iter().copied().filter(|at| *at <= cut).collect(), all.iter().copied().filter(|at| *at > from).collect());
        prop_assume!(!history.is_empty());
        for (event_id, resolution) in [("id", "exact"), ("none", "exact"), ("id", "1h"), ("none", "1h")] {
            let view = plan(event_id, resolution, "30d");
            let stored = live.chunks(7).fold(None, |stored, minutes| apply(&view, stored, minutes));
            let loaded = apply(&view, None, &history).unwrap();
            let found = load(&view, stored.as_deref(), &loaded, cut * MINUTE).unwrap();
            let expected = apply(&view, None, &all).unwrap();
            let mut expected = State::decode(&view.plan, &expected).unwrap();
            expected.set_complete_since(i64::MIN);
            let mut bytes = Vec::new();
            expected.encode(&view.plan, &mut bytes);
            prop_assert_eq!(found.as_ref(), Some(&bytes), "{} {}", event_id, resolution);
            // Once more: nothing is left to do.
            prop_assert_eq!(load(&view, Some(&bytes), &loaded, cut * MINUTE).unwrap(), None);
        }
    }
}

#[test]
fn a_cut_is_an_edge_of_the_tiles() {
    let hour = 60 * MINUTE;
    assert_eq!(plan("id", "1h", "30d").plan.edges_around(hour + 1), Some((hour, 2 * hour)));
    assert_eq!(plan("id", "1h", "30d").plan.edges_around(-1), Some((-hour, 0)));
    assert_eq!(plan("id", "1h", "30d").plan.edges_around(hour), None);
    assert_eq!(plan("id", "exact", "30d").plan.edges_around(hour + 1), None);
}

#[test]
fn what_can_not_be_loaded_says_why() {
    let view = plan("id", "1h", "1d, lifetime");
    let loaded = apply(&view, None, &[30, 90]).unwrap();
    let hour = 60 * MINUTE;
    let why = |stored: Option<&[u8]>, loaded: &[u8], cut: i64| load(&view, stored, loaded, cut).unwrap_err();
    assert_eq!(why(None, &loaded, hour), LoadError::AfterCut("1970-01-01T01:30:00Z".to_owned()));
    assert!(matches!(why(None, b"", 2 * hour), LoadError::Bad(_)));
    assert!(matches!(why(Some(b"junk"), &loaded, 2 * hour), LoadError::Stored(_)));
    // Lifetime windows have made one tile of what is old.
    let stored = apply(&view, None, &[100, 400, 10 * 24 * 60]).unwrap();
    assert_eq!(why(Some(&stored), &loaded, 2 * hour), LoadError::Merged("1970-01-01T07:00:00Z".to_owned()));
    assert!(load(&view, Some(&stored), &loaded, 7 * hour).is_ok());
    let limited = LoadedState { bytes: Some(&loaded), cut: 2 * hour, complete_since: 0 };
    assert!(matches!(view.plan.load(None, limited, 10).unwrap_err(), LoadError::TooLarge(bytes) if bytes > 10));
}

#[test]
fn an_entity_is_forgotten_up_to_the_cut() {
    for (event_id, resolution) in [("id", "exact"), ("none", "exact"), ("id", "1h"), ("none", "1h")] {
        let view = plan(event_id, resolution, "30d");
        let forget = |stored: Option<&[u8]>, cut: i64| {
            let nothing = LoadedState { bytes: None, cut: cut * MINUTE, complete_since: i64::MIN };
            view.plan.load(stored, nothing, usize::MAX).unwrap()
        };
        let stored = apply(&view, None, &[30, 90, 200, 700]).unwrap();
        assert_eq!(forget(Some(&stored), 180), apply(&view, None, &[200, 700]), "{event_id} {resolution}");
        let empty = forget(Some(&stored), 720).unwrap();
        assert!(empty.len() < stored.len());
        assert_eq!((forget(Some(&empty), 720), forget(None, 720)), (None, None));
        // Later events find room.
        assert_eq!(apply(&view, Some(empty), &[800]), apply(&view, None, &[800]), "{event_id} {resolution}");
    }
}

#[test]
fn times_without_room_are_forgotten_up_to_the_cut() {
    let view = plan("id", "exact", "30d");
    let mut live = State::empty(&view.plan);
    live.refuse(30 * MINUTE);
    live.refuse(90 * MINUTE);
    let mut stored = Vec::new();
    live.encode(&view.plan, &mut stored);
    let loaded = apply(&view, None, &[10, 30]).unwrap();
    let after = |cut: i64| {
        let value = load(&view, Some(&stored), &loaded, cut * MINUTE).unwrap().unwrap();
        let state = State::decode(&view.plan, &value).unwrap();
        let at = |minute: i64| crate::windows::At { t: minute * MINUTE, complete_since: i64::MIN, request: None };
        let mut faults = 0;
        let arena = Bump::new();
        view.plan.evaluate(&state, at(200), &arena, |_, value| faults += usize::from(value.is_err())).unwrap();
        faults
    };
    assert_eq!((after(60), after(90)), (1, 0));
}
