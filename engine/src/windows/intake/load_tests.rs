//! The hand-over from history to live events: what is loaded and what came live give what all events together would have given.

use std::sync::Arc;

use bumpalo::Bump;
use proptest::prelude::*;

use super::*;
use crate::definitions;
use crate::scope::Fault;
use crate::status::Reason;
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
    let loaded = LoadedState { bytes: Some(loaded), cut, complete_since: i64::MIN };
    view.plan.load(stored, loaded, usize::MAX).map(|loaded| loaded.value)
}

/// How many of the view's features are errors of this reason at a minute.
fn faults(view: &EventView, value: &[u8], minute: i64, reason: Reason) -> usize {
    let (state, arena) = (State::decode(&view.plan, value).unwrap(), Bump::new());
    let at = crate::windows::At { t: minute * MINUTE, complete_since: i64::MIN, request: None };
    let mut faults = 0;
    let give = |_, value: Result<_, Fault>| faults += usize::from(value.is_err_and(|fault| fault.reason == reason));
    view.plan.evaluate(&state, at, &arena, give).unwrap();
    faults
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
}

#[test]
fn the_load_says_from_when_on_all_events_are_known() {
    const DAY: i64 = 24 * 60;
    for (event_id, resolution) in [("id", "exact"), ("none", "exact"), ("id", "1h"), ("none", "1h")] {
        let view = plan(event_id, resolution, "30d");
        let load = |stored: Option<&[u8]>, minutes: &[i64], cut: i64, since: i64| {
            let bytes = apply(&view, None, minutes).unwrap();
            let loaded = LoadedState { bytes: Some(&bytes), cut: cut * MINUTE, complete_since: since };
            view.plan.load(stored, loaded, usize::MAX).unwrap().value.unwrap()
        };
        let all = load(None, &[DAY, 2 * DAY], 3 * DAY, i64::MIN);
        assert_eq!(faults(&view, &all, 4 * DAY, Reason::Incomplete), 0, "{event_id} {resolution}");
        // A later history that does not go back so far takes the place of what was known up to its cut.
        let since = 2 * DAY * MINUTE;
        let part = load(Some(&all), &[5 * DAY], 6 * DAY, since);
        assert_eq!(State::decode(&view.plan, &part).unwrap().complete_since(), Some(since));
        assert_eq!(faults(&view, &part, 7 * DAY, Reason::Incomplete), 1, "{event_id} {resolution}");
        let all = load(Some(&part), &[DAY, 2 * DAY, 5 * DAY], 6 * DAY, i64::MIN);
        assert_eq!(faults(&view, &all, 7 * DAY, Reason::Incomplete), 0, "{event_id} {resolution}");
    }
}

#[test]
fn a_load_brings_what_was_let_go_of_while_windows_were_shorter() {
    const DAY: i64 = 24 * 60;
    let (short, long) = (plan("id", "exact", "7d"), plan("id", "exact", "30d"));
    let history = [DAY, 10 * DAY, 20 * DAY];
    let stored = apply(&short, None, &history).unwrap();
    assert_eq!(faults(&long, &stored, 21 * DAY, Reason::Incomplete), 1);
    let loaded = apply(&long, None, &history).unwrap();
    let value = load(&long, Some(&stored), &loaded, 20 * DAY * MINUTE).unwrap().unwrap();
    assert_eq!(faults(&long, &value, 21 * DAY, Reason::Incomplete), 0);
    // Of events after the cut the load knows nothing.
    let loaded = apply(&long, None, &history[..1]).unwrap();
    let value = load(&long, Some(&stored), &loaded, 2 * DAY * MINUTE).unwrap().unwrap();
    assert_eq!(faults(&long, &value, 21 * DAY, Reason::Incomplete), 1);
}

#[test]
fn a_state_that_is_too_large_leaves_a_mark() {
    for (event_id, resolution) in [("id", "exact"), ("none", "1h")] {
        let view = plan(event_id, resolution, "30d");
        let loaded = apply(&view, None, &[30, 90]).unwrap();
        let limited = |stored: Option<&[u8]>, max_bytes: usize| {
            let loaded = LoadedState { bytes: Some(&loaded), cut: 120 * MINUTE, complete_since: i64::MIN };
            view.plan.load(stored, loaded, max_bytes).unwrap()
        };
        for stored in [None, apply(&view, None, &[180])] {
            let Loaded { value, too_large } = limited(stored.as_deref(), 10);
            let marked = value.unwrap();
            assert!(too_large.is_some_and(|bytes| bytes > 10));
            assert_eq!(faults(&view, &marked, 200, Reason::StateLimit), 1, "{event_id} {resolution}");
            let again = limited(Some(&marked), 10);
            assert_eq!((again.value, again.too_large), (None, too_large));
            // Once there is room for it all is well.
            assert_eq!(faults(&view, &limited(Some(&marked), 10_000).value.unwrap(), 200, Reason::StateLimit), 0);
        }
    }
}

#[test]
fn an_entity_is_forgotten_up_to_the_cut() {
    for (event_id, resolution) in [("id", "exact"), ("none", "exact"), ("id", "1h"), ("none", "1h")] {
        let view = plan(event_id, resolution, "30d");
        let forget = |stored: Option<&[u8]>, cut: i64| {
            let nothing = LoadedState { bytes: None, cut: cut * MINUTE, complete_since: i64::MIN };
            view.plan.load(stored, nothing, usize::MAX).unwrap().value
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
        faults(&view, &value, 200, Reason::StateLimit)
    };
    assert_eq!((after(60), after(90)), (1, 0));
}
