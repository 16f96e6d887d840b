//! The states of window views in memory, changed by events as the gateway changes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bumpalo::Bump;
use unskew_engine::definitions::{Definitions, View, ViewKind};
use unskew_engine::keys::EntityKey;
use unskew_engine::row::{Arrival, Options, time};
use unskew_engine::windows::{EventIntake, EventView, Refused as RefusedEvent, State, WindowPlan};

use crate::Faults;
use crate::format::{EventWrite, Refused};
use crate::store::{MAX_KEY_BYTES, NOW, bad_faults};

/// Five minutes: how much later than their arrival events may be.
const MAX_FUTURE: i64 = 300_000_000;

/// The bytes of states by their keys.
#[derive(Clone, Debug, Default)]
pub struct States {
    values: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// A window view over a source.
pub struct Views(Vec<EventView>);

impl Views {
    /// Those that read a source, by name.
    pub fn over(definitions: &Definitions, source: &str) -> Self {
        let reads = |view: &&Arc<View>| {
            matches!(view.kind, ViewKind::Window(_)) && view.source.as_ref().is_some_and(|of| of.name == source)
        };
        let view = |view: &Arc<View>| EventView {
            plan: Arc::new(WindowPlan::new(view).unwrap()),
            key: EntityKey::new(&view.entity, MAX_KEY_BYTES).unwrap(),
        };
        Self(definitions.views.values().filter(reads).map(view).collect())
    }

    fn intake(&self) -> EventIntake {
        let options = Options { ignore_unknown: false, max_key_bytes: MAX_KEY_BYTES, max_row_bytes: 1 << 20 };
        EventIntake::new(self.0.iter().cloned(), options).unwrap()
    }
}

impl States {
    /// The state under a key.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.values.get(key).map(Vec::as_slice)
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.values.keys()
    }

    /// Writes events; tells what differs from the refusals that are expected.
    pub fn write(&mut self, definitions: &Definitions, write: &EventWrite, state_bytes: Option<usize>) -> Faults {
        let views = Views::over(definitions, &write.source);
        let now = write.now.as_ref().map(|text| time::parse(text).unwrap());
        let arrival = Arrival { now: now.unwrap_or(NOW), latest: now.map_or(NOW, |now| now + MAX_FUTURE) };
        let (arena, intake, lines) = (Bump::new(), views.intake(), write.lines());
        let mut taken = intake.room();
        for (row, line) in lines.iter().enumerate() {
            intake.json(row, line.as_bytes(), arrival, &arena, &mut taken);
        }
        taken.group();
        let (mut late, mut limited) = (Vec::new(), Vec::new());
        for (view, events) in views.0.iter().zip(taken.views()) {
            for entity in events.entities() {
                let stored = self.values.get(entity.key()).map(Vec::as_slice);
                let applied = view.plan.apply(stored, entity, state_bytes.unwrap_or(1 << 20)).unwrap();
                for (at, why) in applied.refused {
                    let refused = Refused { row: entity.row(at).unwrap(), view: view.plan.view().name.clone() };
                    match why {
                        RefusedEvent::Late(_) => late.push(refused),
                        RefusedEvent::TooLarge(_) => limited.push(refused),
                    }
                }
                if let Some(value) = applied.value {
                    self.values.insert(entity.key().to_vec(), value);
                }
            }
        }
        let mut faults = bad_faults(taken.bad(), &write.bad);
        for (what, mut found, expected) in [("late", late, &write.late), ("limited", limited, &write.limited)] {
            let mut expected = expected.clone();
            found.sort();
            expected.sort();
            if found != expected {
                faults.push(format!("{what}: expected {expected:?}\n    found {found:?}"));
            }
        }
        faults
    }

    /// What several states of the views over one source give when `join` makes one of all those of an entity.
    pub fn merged(
        definitions: &Definitions,
        parts: &[(String, Self)],
        join: impl Fn(&WindowPlan, Vec<State<'_>>) -> Vec<u8>,
    ) -> Self {
        let mut merged = Self::default();
        for view in definitions.views.values().filter(|view| matches!(view.kind, ViewKind::Window(_))) {
            let plan = WindowPlan::new(view).unwrap();
            let source = &plan.source().name;
            let is_of_view = |key: &&Vec<u8>| key.ends_with(format!(":{}:{}", view.name, view.version).as_bytes());
            let of_source: Vec<&Self> = parts.iter().filter(|(of, _)| of == source).map(|(_, states)| states).collect();
            let mut keys: Vec<&Vec<u8>> = of_source.iter().flat_map(|it| it.keys()).filter(is_of_view).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let states = of_source.iter().filter_map(|states| states.get(key));
                let states = states.map(|bytes| State::decode(&plan, bytes).unwrap()).collect();
                merged.values.insert(key.clone(), join(&plan, states));
            }
        }
        merged
    }
}
