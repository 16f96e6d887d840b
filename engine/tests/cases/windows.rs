//! Cases of windows: events in the order of their arrival, in every other order, split and merged, and as the history of training.

use std::collections::{BTreeMap, HashMap};

use bumpalo::Bump;
use serde_json::{Value as Json, json};
use unskew_engine::definitions::Definitions;
use unskew_engine::dtype::{DType, Scalar};
use unskew_engine::row::{json, time};
use unskew_engine::value::Value;
use unskew_engine::windows::{State, WindowPlan};

use crate::format::{Case, EventWrite, File, Request};
use crate::row_path::{Answered, Known, Services};
use crate::states::States;
use crate::store::Store;
use crate::{Faults, batch_path, definitions, dump, training};

/// How many orders of more than six events are tried.
const ORDERS: usize = 50;

/// Runs the cases of a file.
pub fn run(file: &File) -> Faults {
    let services = Services::new(file);
    let mut runner = Runner { services, store: Store::default(), owners: HashMap::new() };
    let mut faults = Faults::new();
    for case in &file.cases {
        dump::definitions(case);
        let mut found = definitions::faults(case);
        runner.store.begin_case(&case.name);
        for write in &case.rows {
            found.extend(runner.store.write(runner.services.definitions(), write));
        }
        if let Some(request) = &case.request {
            found.extend(runner.case(case, request));
        }
        faults.extend(found.into_iter().map(|fault| format!("{}: {fault}", case.name)));
    }
    faults
}

struct Runner {
    services: Services,
    store: Store,
    /// Which case has written a state.
    owners: HashMap<Vec<u8>, String>,
}

impl Runner {
    fn case(&mut self, case: &Case, request: &Request) -> Faults {
        let definitions = self.services.definitions();
        let mut faults = Faults::new();
        if case.online {
            let mut states = States::default();
            for write in &case.events {
                faults.extend(states.write(definitions, write, case.limits.state_bytes));
            }
            for key in states.keys() {
                let owner = self.owners.entry(key.clone()).or_insert_with(|| case.name.clone());
                assert_eq!(*owner, case.name, "two cases write the key {}", key.escape_ascii());
            }
            faults.extend(self.online(case, request, &states, ""));
            let single = singles(case);
            if case.shuffle {
                for order in orders(single.len()) {
                    let states = written(definitions, order.iter().map(|at| &single[*at]));
                    faults.extend(self.online(case, request, &states, &format!("in the order {order:?}: ")));
                }
            }
            if case.merge {
                let parts: Vec<(String, States)> = single
                    .iter()
                    .map(|event| (event.source.clone(), written(definitions, std::iter::once(event))))
                    .collect();
                for (how, join) in TREES {
                    let states = States::merged(definitions, &parts, join);
                    faults.extend(self.online(case, request, &states, &format!("merged {how}: ")));
                }
            }
        }
        if case.batch && case.error.is_none() {
            let history = training::history(definitions, &case.events);
            for threads in [1, 2] {
                let plan = self.services.plan(request).unwrap();
                match training::answer(plan, request, &history, threads) {
                    Ok(answered) => {
                        faults.extend(compare(case, &answered, "training: "));
                        if threads == 1 {
                            let spine = training::spine(plan.service(), request).unwrap();
                            let texts = self.services.texts(&request.service);
                            dump::training(&case.name, texts, plan.service(), (&spine, &history), &answered.answer);
                        }
                    }
                    Err(why) => faults.push(format!("training failed: {why}")),
                }
            }
        }
        faults
    }

    /// The row path, and the batch path over its inputs.
    fn online(&self, case: &Case, request: &Request, states: &States, how: &str) -> Faults {
        let complete_since: BTreeMap<String, i64> =
            case.complete_since.iter().map(|(view, since)| (view.clone(), time::parse(since).unwrap())).collect();
        let known = Known { rows: &self.store, states, complete_since: &complete_since };
        let answered = match (self.services.answer(request, known), &case.error) {
            (Ok(answered), None) => answered,
            (Ok(_), Some(_)) => return Faults::new(),
            (Err(why), Some(expected)) if why.contains(&expected.message) => return Faults::new(),
            (Err(why), _) => return vec![format!("{how}failed: {why}")],
        };
        let mut faults = compare(case, &answered, how);
        let Answered { answer, plan, columns, .. } = answered;
        faults.extend(batch_path::faults(plan, columns, &answer).into_iter().map(|fault| format!("{how}{fault}")));
        faults
    }
}

/// The events of a case, each as a write of its own.
fn singles(case: &Case) -> Vec<EventWrite> {
    let single = |write: &EventWrite| {
        let (source, now) = (write.source.clone(), write.now.clone());
        let good = write.events.iter().enumerate().filter(|(row, _)| write.bad.iter().all(|bad| bad.row != *row));
        let events: Vec<Json> = good.map(|(_, event)| event.clone()).collect();
        events.into_iter().map(move |event| EventWrite::of(source.clone(), event, now.clone())).collect::<Vec<_>>()
    };
    case.events.iter().flat_map(single).collect()
}

/// The states after these writes, none of which has anything that is refused.
fn written<'w>(definitions: &Definitions, writes: impl Iterator<Item = &'w EventWrite>) -> States {
    let mut states = States::default();
    for write in writes {
        let faults = states.write(definitions, write, None);
        assert!(faults.is_empty(), "{faults:?}");
    }
    states
}

/// Orders of so many events: all of them for up to six, else as many as [`ORDERS`], the same in every run.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![Vec::new()];
    if count <= 6 {
        for _ in 0..count {
            let longer = |order: Vec<usize>| {
                let rest: Vec<usize> = (0..count).filter(|at| !order.contains(at)).collect();
                rest.into_iter().map(move |at| order.iter().copied().chain([at]).collect())
            };
            orders = orders.into_iter().flat_map(longer).collect();
        }
        return orders;
    }
    let mut state = 1_u64;
    let mut below = |end: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % end
    };
    let mut order = || {
        let mut order: Vec<usize> = (0..count).collect();
        (1..count).rev().for_each(|at| order.swap(at, below(at + 1)));
        order
    };
    (0..ORDERS).map(|_| order()).collect()
}

/// Makes one state of several.
type Join = fn(&WindowPlan, Vec<State<'_>>) -> Vec<u8>;

/// In what trees states are merged.
const TREES: [(&str, Join); 4] = [
    ("from the left", |plan, states| encoded(plan, states.into_iter())),
    ("from the right", |plan, states| encoded(plan, states.into_iter().rev())),
    ("in pairs", |plan, mut states| {
        while states.len() > 1 {
            let mut next = Vec::new();
            let mut rest = states.into_iter();
            while let Some(mut state) = rest.next() {
                if let Some(other) = rest.next() {
                    state.merge(plan, &other).unwrap();
                }
                next.push(state);
            }
            states = next;
        }
        encoded(plan, states.into_iter())
    }),
    ("into an empty one", |plan, states| encoded(plan, std::iter::once(State::empty(plan)).chain(states))),
];

fn encoded<'a>(plan: &WindowPlan, mut states: impl Iterator<Item = State<'a>>) -> Vec<u8> {
    let mut merged = states.next().unwrap();
    states.for_each(|state| merged.merge(plan, &state).unwrap());
    let mut bytes = Vec::new();
    merged.encode(plan, &mut bytes);
    bytes
}

/// What differs between an answer and what the case expects.
fn compare(case: &Case, answered: &Answered<'_>, how: &str) -> Faults {
    let mut faults = case.faults(&answered.answer, |text| time::parse(text).unwrap());
    for (name, expected) in &case.values {
        let Some(input) = answered.plan.layout().inputs().iter().find(|input| input.name == *name) else {
            faults.push(format!("values: {name} is not read"));
            continue;
        };
        if expected.len() != answered.inputs.len() {
            faults.push(format!("values: {name} has {} rows, not {}", expected.len(), answered.inputs.len()));
        }
        for (row, (expected, inputs)) in expected.iter().zip(&answered.inputs).enumerate() {
            let (wanted, found) = (value(expected, input.dtype), &inputs[name]);
            if wanted != *found {
                faults.push(format!("{name}, row {row}: expected {expected} ({wanted})\n    found {found}"));
            }
        }
    }
    faults.into_iter().map(|fault| format!("{how}{fault}")).collect()
}

/// An expected value, as [`dump::value`] shows values.
fn value(expected: &Json, dtype: DType) -> Json {
    if expected.is_object() {
        return expected.clone();
    }
    let is_float = matches!(dtype, DType::Scalar(Scalar::Float32 | Scalar::Float64));
    match expected.as_str().filter(|_| is_float) {
        Some("inf") => dump::value(Value::Float(f64::INFINITY)),
        Some("-inf") => dump::value(Value::Float(f64::NEG_INFINITY)),
        Some(_) | None => {
            let arena = Bump::new();
            json::value(expected, dtype, &arena).map_or_else(|why| json!({ "bad": why }), dump::value)
        }
    }
}
