//! Random streams: whatever the order of arrival, the repeats, the batches and the merges, the engine gives what the oracle gives, bit for bit.

use std::collections::BTreeSet;
use std::sync::Arc;

use bumpalo::Bump;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use unskew_engine::definitions::View;
use unskew_engine::windows::State;

use crate::definition::{self, Form, Ids};
use crate::engine::{Engine, Projected, difference, expected};
use crate::oracle::{self, Event, History};
use crate::streams::{Stream, Versions, stream};
use crate::translate;

/// The view of a form, for both.
fn both(form: &Form) -> (Arc<View>, Engine, oracle::View) {
    let (view, _, _) = definition::define(form);
    let (engine, oracle) = (Engine::new(&view), translate::view(&view));
    (view, engine, oracle)
}

fn patient(versions: Versions) -> impl Strategy<Value = (Form, Stream)> {
    definition::patient().prop_flat_map(move |form| (Just(form.clone()), stream(form.ids, versions, 24)))
}

fn hasty() -> impl Strategy<Value = (Form, Stream)> {
    definition::hasty().prop_flat_map(|form| (Just(form.clone()), stream(form.ids, Versions::Stay, 30)))
}

/// Cuts a list into batches.
fn cut<T: Clone>(all: &[T], cuts: &[Index]) -> Vec<Vec<T>> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(all.len() + 1)).collect();
    ends.extend([0, all.len()]);
    ends.sort_unstable();
    ends.windows(2).map(|pair| all[pair[0]..pair[1]].to_vec()).collect()
}

/// Merges states in a random tree: again and again two of them become one.
fn merge<'a>(engine: &Engine, mut states: Vec<State<'a>>, picks: &[Index]) -> State<'a> {
    let mut picks = picks.iter().cycle();
    while states.len() > 1 {
        let other = states.swap_remove(picks.next().unwrap().index(states.len()));
        let into = picks.next().unwrap().index(states.len());
        states[into].merge(&engine.plan, &other).unwrap();
    }
    states.pop().unwrap_or_else(|| State::empty(&engine.plan))
}

/// How many cases: a fourth of what is asked for, for each has dozens of questions about hundreds of features.
fn config() -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse::<u32>().ok());
    ProptestConfig { cases: asked.map_or(200, |asked| asked.div_ceil(4)), ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn order_repeats_batches_and_merges_change_nothing(
        (form, stream) in patient(Versions::Move),
        order in vec(any::<Index>(), 1..40),
        cuts in vec(any::<Index>(), 0..5),
        picks in vec(any::<Index>(), 2..20),
    ) {
        let (_, engine, oracle) = both(&form);
        let arena = Bump::new();
        let mut history = History { complete_since: stream.complete_since, ..History::default() };
        prop_assert!(history.write(&oracle, &stream.events).is_empty());
        let events: Vec<Projected<'_>> = stream.events.iter().map(|event| engine.event(event, &arena)).collect();
        let whole = engine.state(&events);
        // Shuffled, and with ids some of them twice.
        let mut shuffled = events.clone();
        for pair in order.chunks(2) {
            if let ([a, b], false) = (pair, shuffled.is_empty()) {
                let (a, b) = (a.index(shuffled.len()), b.index(shuffled.len()));
                shuffled.swap(a, b);
                if form.ids != Ids::None {
                    shuffled.push(events[a % events.len()].clone());
                }
            }
        }
        let batches = cut(&shuffled, &cuts);
        let mut streamed = State::empty(&engine.plan);
        for batch in &batches {
            prop_assert_eq!(engine.write(&mut streamed, batch), Vec::<usize>::new());
        }
        let parts = batches.iter().map(|batch| engine.state(batch)).collect();
        let merged = merge(&engine, parts, &picks);
        let single = merge(&engine, events.iter().map(|event| engine.state(std::slice::from_ref(event))).collect(), &picks);
        let bytes = engine.bytes(&whole);
        for (how, state) in [("batches", &streamed), ("merged batches", &merged), ("merged events", &single)] {
            prop_assert!(engine.bytes(state) == bytes, "the bytes of {} differ", how);
        }
        let decoded = State::decode(&engine.plan, &bytes).unwrap();
        prop_assert!(engine.bytes(&decoded) == bytes);
        for t in &stream.times {
            let expected = expected(&oracle, &history, *t, Some(&stream.request), false);
            for (how, state) in [("whole", &whole), ("merged", &merged), ("decoded", &decoded)] {
                let found = engine.answers(state, *t, stream.complete_since, Some(&stream.request));
                prop_assert_eq!(difference(&engine, &found, &expected), None, "{} at {}", how, t);
            }
        }
    }

    #[test]
    fn what_is_late_sealed_or_let_go_of_is_as_the_contract_says(
        (form, stream) in hasty(),
        cuts in vec(any::<Index>(), 0..8),
        refused in vec(any::<Index>(), 0..2),
        looked_at: Index,
    ) {
        let (_, engine, oracle) = both(&form);
        let arena = Bump::new();
        let mut history = History { complete_since: stream.complete_since, ..History::default() };
        let mut bytes = engine.bytes(&State::empty(&engine.plan));
        let batches = cut(&stream.events, &cuts);
        for (at, batch) in batches.iter().enumerate() {
            // As a gateway does: read, change, write.
            let stored = bytes.clone();
            let mut state = State::decode(&engine.plan, &stored).unwrap();
            let projected: Vec<Projected<'_>> = batch.iter().map(|event| engine.event(event, &arena)).collect();
            prop_assert_eq!(engine.write(&mut state, &projected), history.write(&oracle, batch));
            if refused.iter().any(|refused| refused.index(batches.len()) == at) && let Some(event) = batch.first() {
                state.refuse(event.time);
                state.settle(&engine.plan).unwrap();
                history.refused.push(event.time);
            }
            bytes = engine.bytes(&state);
            if looked_at.index(batches.len()) != at && at + 1 < batches.len() {
                continue;
            }
            let stored = bytes.clone();
            let state = State::decode(&engine.plan, &stored).unwrap();
            for t in &stream.times {
                let expected = expected(&oracle, &history, *t, Some(&stream.request), false);
                let found = engine.answers(&state, *t, stream.complete_since, Some(&stream.request));
                prop_assert_eq!(difference(&engine, &found, &expected), None, "after batch {} at {}", at, t);
            }
        }
    }

    #[test]
    fn states_with_sealed_tiles_merge(
        (form, stream) in hasty(), cuts in vec(any::<Index>(), 0..5), picks in vec(any::<Index>(), 2..20),
    ) {
        let (_, engine, oracle) = both(&form);
        let arena = Bump::new();
        // No event in two states: the ids of sealed ones are not known any more.
        let mut seen = BTreeSet::new();
        let once = |event: &&Event| form.ids == Ids::None || seen.insert(event.id.clone());
        let events: Vec<Event> = stream.events.iter().filter(once).cloned().collect();
        let mut history = History::default();
        prop_assert!(history.write(&oracle, &events).is_empty());
        let parts = cut(&events, &cuts).into_iter();
        let parts: Vec<Vec<Event>> = parts.collect();
        let states = parts.iter().map(|part| {
            let part: Vec<Projected<'_>> = part.iter().map(|event| engine.event(event, &arena)).collect();
            engine.state(&part)
        });
        let merged = merge(&engine, states.collect(), &picks);
        for t in &stream.times {
            let expected = expected(&oracle, &history, *t, Some(&stream.request), false);
            let found = engine.answers(&merged, *t, None, Some(&stream.request));
            prop_assert_eq!(difference(&engine, &found, &expected), None, "at {}", t);
        }
    }

    #[test]
    fn training_gives_what_the_oracle_gives((form, stream) in patient(Versions::Move), known: bool) {
        let (_, engine, oracle) = both(&form);
        let mut events = stream.events.clone();
        if !known {
            events.iter_mut().for_each(|event| event.known_at = None);
        }
        let history = History { accepted: events.clone(), ..History::default() };
        let mut times = stream.times.clone();
        times.sort_unstable();
        let found = engine.sweep(&events, &times, Some(&stream.request), known);
        for (t, found) in times.iter().zip(&found) {
            let expected = expected(&oracle, &history, *t, Some(&stream.request), true);
            prop_assert_eq!(difference(&engine, found, &expected), None, "at {}", t);
        }
    }
}
