//! Stored states that something has damaged: they are refused or read, and nothing panics.

use bumpalo::Bump;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use unskew_engine::windows::State;

use crate::definition;
use crate::engine::{Engine, Projected};
use crate::oracle::Event;
use crate::streams::{Versions, stream};

/// Reads bytes as a state; if they are one, asks it and adds to it.
fn use_state(engine: &Engine, bytes: &[u8], event: Option<&Event>, t: i64) {
    let arena = Bump::new();
    let Ok(mut state) = State::decode(&engine.plan, bytes) else { return };
    let _ = engine.try_answers(&state, t);
    if let Some(event) = event {
        let event = engine.event(event, &arena);
        state.accept(&engine.plan, event.head, &event.values);
        let _ = state.settle(&engine.plan).map(|()| engine.try_answers(&state, t));
        let _ = engine.bytes(&state);
    }
}

/// The bytes with the checksum that they should have, so that damage gets past it.
fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(body) = bytes.len().checked_sub(4) {
        let checksum = crc32c::crc32c(&bytes[..body]);
        bytes[body..].copy_from_slice(&checksum.to_le_bytes());
    }
    bytes
}

proptest! {
    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..200), form in definition::hasty(), t: i64) {
        let engine = Engine::new(&definition::define(&form).0);
        use_state(&engine, &bytes, None, t);
        // The same behind a sound head.
        let mut head = engine.bytes(&State::empty(&engine.plan));
        head.truncate(5);
        head.extend(bytes);
        head.extend([0; 4]);
        use_state(&engine, &resealed(head), None, t);
    }

    #[test]
    fn states_cut_and_changed(
        (form, stream) in definition::hasty().prop_flat_map(|form| (Just(form.clone()), stream(form.ids, Versions::Stay, 20))),
        end: Index,
        changes in vec((any::<Index>(), any::<u8>()), 0..4),
    ) {
        let engine = Engine::new(&definition::define(&form).0);
        let arena = Bump::new();
        let events: Vec<Projected<'_>> = stream.events.iter().map(|event| engine.event(event, &arena)).collect();
        let whole = engine.bytes(&engine.state(&events));
        let cut = whole[..end.index(whole.len())].to_vec();
        prop_assert!(State::decode(&engine.plan, &cut).is_err(), "a state cut short is read");
        let mut changed = whole.clone();
        for (at, byte) in &changes {
            changed[at.index(whole.len())] = *byte;
        }
        prop_assert!(changed == whole || State::decode(&engine.plan, &changed).is_err(), "a damaged state is read");
        let mut longer = whole;
        longer.push(0);
        prop_assert!(State::decode(&engine.plan, &longer).is_err(), "a state with something behind it is read");
        for bytes in [cut, changed, longer] {
            for t in &stream.times {
                use_state(&engine, &resealed(bytes.clone()), stream.events.first(), *t);
            }
        }
    }
}
