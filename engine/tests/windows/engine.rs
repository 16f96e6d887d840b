//! The engine's windows, asked as the oracle is.

use std::sync::Arc;

use bumpalo::Bump;
use unskew_engine::definitions::{Source, View};
use unskew_engine::scope::{Fault, Scope};
use unskew_engine::value::Value;
use unskew_engine::windows::{Accepted, Asked, At, Events, Head, Id, State, WindowPlan};

use crate::function::Answer;
use crate::oracle::{self, Columns, Event};
use crate::translate::{cell, value};

/// A view of the engine.
pub struct Engine {
    pub plan: WindowPlan,
    source: Arc<Source>,
}

/// An event as the engine sees it.
#[derive(Clone, Debug)]
pub struct Projected<'a> {
    pub head: Head<'a>,
    pub values: Vec<Value<'a>>,
}

impl Engine {
    pub fn new(view: &Arc<View>) -> Self {
        Self { plan: WindowPlan::new(view).unwrap(), source: view.source.clone().unwrap() }
    }

    fn project<'a>(&'a self, columns: &'a Columns, arena: &'a Bump) -> Vec<Value<'a>> {
        let inputs = self.source.columns.iter().map(|column| columns.get(&column.name).map_or(Value::Null, value));
        let inputs = arena.alloc_slice_fill_iter(inputs.collect::<Vec<_>>());
        let mut values = Vec::new();
        self.plan.project(&Scope { inputs, arena }, &mut values).unwrap();
        values
    }

    /// An event as the view sees it.
    pub fn event<'a>(&'a self, event: &'a Event, arena: &'a Bump) -> Projected<'a> {
        let id = match &event.id {
            oracle::Id::None => Id::None,
            oracle::Id::Int(id) => Id::Int(*id),
            oracle::Id::Text(id) => Id::Text(id),
        };
        let head = Head { time: event.time, id, version: event.version };
        Projected { head, values: self.project(&event.columns, arena) }
    }

    /// Takes a batch in the order of event times; gives the places of those that are late.
    pub fn write<'a>(&self, state: &mut State<'a>, batch: &[Projected<'a>]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..batch.len()).collect();
        order.sort_by_key(|at| batch[*at].head.time);
        order.retain(|at| state.accept(&self.plan, batch[*at].head, &batch[*at].values) == Accepted::Late);
        state.settle(&self.plan).unwrap();
        order.sort_unstable();
        order
    }

    /// A state of one batch.
    pub fn state<'a>(&self, batch: &[Projected<'a>]) -> State<'a> {
        let mut state = State::empty(&self.plan);
        self.write(&mut state, batch);
        state
    }

    pub fn bytes(&self, state: &State<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        state.encode(&self.plan, &mut bytes);
        bytes
    }

    /// Every feature at t, in the order of the definition.
    pub fn answers(
        &self,
        state: &State<'_>,
        t: i64,
        complete_since: Option<i64>,
        request: Option<&Columns>,
    ) -> Vec<Answer> {
        let arena = Bump::new();
        let request = request.map(|columns| self.project(columns, &arena));
        let at = At { t, complete_since: complete_since.unwrap_or(i64::MIN), request: request.as_deref() };
        let mut answers: Vec<Option<Answer>> = vec![None; self.plan.features().len()];
        let give = |feature: usize, found: Result<Value<'_>, Fault>| {
            assert!(answers[feature].is_none(), "feature {feature} is given twice");
            answers[feature] = Some(answer(found));
        };
        self.plan.evaluate(state, at, &arena, give).unwrap();
        answers.into_iter().map(Option::unwrap).collect()
    }

    /// The same without a request of a state that may be damaged: how many features there are, or why it can't be asked.
    pub fn try_answers(&self, state: &State<'_>, t: i64) -> Result<usize, &'static str> {
        let (arena, mut count) = (Bump::new(), 0);
        self.plan.evaluate(state, At { t, complete_since: i64::MIN, request: None }, &arena, |_, _| count += 1)?;
        Ok(count)
    }

    /// Every feature at every time, which ascend, from the whole history. With `known` every version counts from when it is known.
    pub fn sweep(&self, events: &[Event], times: &[i64], request: Option<&Columns>, known: bool) -> Vec<Vec<Answer>> {
        let arena = Bump::new();
        let request = request.map(|columns| self.project(columns, &arena));
        let mut all = Events::new(self.plan.width());
        for event in events {
            let event = self.event(event, &arena);
            all.push(event.head, &event.values);
        }
        let known_at: Vec<i64> = events.iter().map(|event| event.known_at.unwrap_or(i64::MIN)).collect();
        if !known {
            all.settle();
        }
        let request = request.filter(|_| self.plan.include_request());
        let rows: Vec<Asked<'_, '_>> = times.iter().map(|t| Asked { t: *t, request: request.as_deref() }).collect();
        let mut answers = vec![vec![None; self.plan.features().len()]; times.len()];
        let lists = Bump::new();
        self.plan.sweep(
            &all,
            known.then_some(&known_at),
            &rows,
            &lists,
            |row: usize, feature: usize, found: Result<Value<'_>, Fault>| {
                answers[row][feature] = Some(answer(found));
            },
        );
        answers.into_iter().map(|row| row.into_iter().map(Option::unwrap).collect()).collect()
    }
}

fn answer(found: Result<Value<'_>, Fault>) -> Answer {
    match found {
        Ok(Value::Float(value)) if value.is_nan() => panic!("a NaN is no value"),
        Ok(value) => Answer::Value(cell(value)),
        Err(fault) => Answer::Error(fault.reason.name()),
    }
}

/// Every feature of a view by the oracle, in the order of the definition.
pub fn expected(
    view: &oracle::View,
    history: &oracle::History,
    t: i64,
    request: Option<&Columns>,
    training: bool,
) -> Vec<Answer> {
    view.answers(history, &oracle::Question { t, request, training })
}

/// Where two lists of features differ first, by name.
pub fn difference(engine: &Engine, found: &[Answer], expected: &[Answer]) -> Option<String> {
    let names = engine.plan.features().map(|(name, _)| name.to_owned());
    let mut both = names.zip(found.iter().zip(expected));
    assert_eq!(found.len(), expected.len());
    both.find(|(_, (found, expected))| found != expected)
        .map(|(name, (found, expected))| format!("{name}: the engine gives {found:?}, the contract {expected:?}"))
}
