//! The row path: every row of a request resolved and computed on its own.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bumpalo::Bump;
use serde_json::{Value as Json, json};
use unskew_engine::definitions::{Column, Definitions, Service, View, hex};
use unskew_engine::keys::{self, BadKey, EntityKey};
use unskew_engine::plan::{InputRow, Origin, Plan, State, StoredState, WindowReader};
use unskew_engine::row::{json, time};
use unskew_engine::status::Reason;
use unskew_engine::value::Value;
use unskew_engine::windows;

use crate::batch_path::Columns;
use crate::definitions;
use crate::dump;
use crate::format::{Answer, File, Incomplete, Request};
use crate::states::States;
use crate::store::{MAX_KEY_BYTES, NOW, Reader, Store};

/// The definitions of a file, and their services ready to run; or why they are not.
pub struct Services {
    definitions: Definitions,
    plans: HashMap<String, Result<Plan, String>>,
    text: String,
    /// Fitted files by service.
    fitted: HashMap<String, String>,
}

/// What requests are answered from.
#[derive(Clone, Copy)]
pub struct Known<'k> {
    pub rows: &'k Store,
    pub states: &'k States,
    /// By window view: the time since which it knows all events.
    pub complete_since: &'k BTreeMap<String, i64>,
}

/// The answer to a request, and what it was made of.
pub struct Answered<'s> {
    pub answer: Answer,
    pub plan: &'s Plan,
    pub columns: Columns,
    /// For each row its inputs, by name: a value, or `{"error": REASON}`.
    pub inputs: Vec<BTreeMap<String, Json>>,
}

/// Columns of a request by name: for each row a value, or why there is none.
type Given<'v> = HashMap<String, Vec<Result<Value<'v>, String>>>;

impl Services {
    pub fn new(file: &File) -> Self {
        let definitions = definitions::parse(&file.definitions)
            .unwrap_or_else(|found| panic!("{}:\n{}", file.name, found.join("\n")));
        let plan = |service: &Arc<Service>| {
            let fitted = file.fitted.get(&service.name).map(|fitted| parameters(service, fitted));
            Plan::new(service.clone(), fitted.as_ref()).map_err(|error| error.to_string())
        };
        let plans =
            definitions.services.iter().map(|(name, service)| (name.clone(), plan(service))).collect::<HashMap<_, _>>();
        let fitted = definitions.services.values().filter_map(|service| {
            let fitted = file.fitted.get(&service.name)?;
            Some((service.name.clone(), dump::fitted_file(service, &parameters(service, fitted))))
        });
        let fitted = fitted.collect();
        Self { definitions, plans, text: file.definitions.clone(), fitted }
    }

    /// The definitions, and the fitted file of a service.
    pub fn texts(&self, service: &str) -> (&str, Option<&str>) {
        (&self.text, self.fitted.get(service).map(String::as_str))
    }

    pub fn definitions(&self) -> &Definitions {
        &self.definitions
    }

    /// The service of a request, ready to run.
    pub fn plan(&self, request: &Request) -> Result<&Plan, String> {
        let plan = self.plans.get(&request.service).ok_or_else(|| format!("there is no {}", request.service))?;
        plan.as_ref().map_err(String::clone)
    }

    /// Answers a request; the inputs of every row are there for the batch path.
    pub fn answer(&self, request: &Request, known: Known<'_>) -> Result<Answered<'_>, String> {
        let plan = self.plan(request)?;
        let service = plan.service();
        let arena = Bump::new();
        let documents = Documents::new(request)?;
        let rows = Rows::read((request, &documents), service, &arena)?;
        let readers: Vec<Option<Reader>> = service.views.iter().map(|view| known.rows.reader(view)).collect();
        let mut answered = Answered {
            answer: Answer { names: plan.names(), fingerprint: hex(&plan.fingerprint()), ..Answer::default() },
            plan,
            columns: Columns::new(plan),
            inputs: Vec::new(),
        };
        for at in 0..rows.count {
            let mut row = rows.begin(plan, at)?;
            for (position, (view, stored)) in service.views.iter().zip(&readers).enumerate() {
                let encode = |key: &EntityKey, out: &mut Vec<u8>| {
                    let parts: Result<Vec<Value<'_>>, String> =
                        view.entity.keys.iter().map(|key| rows.keys[&key.name][at].clone()).collect();
                    let parts = parts.map_err(|message| BadKey { column: None, message })?;
                    key.encode(&parts, out)
                };
                let event_time = match (&plan.windows()[position], stored) {
                    (Some(reader), _) => {
                        let since = known.complete_since.get(&view.name).copied().unwrap_or(i64::MIN);
                        let request = |column: usize| rows.value(&service.request[column].name, at);
                        let stored = state(known.states, view, reader, encode, &arena);
                        reader.read(stored, (rows.time(at), since), request, &arena, &mut row)
                    }
                    (None, Some(stored)) => {
                        plan.readers()[position].read(known.rows.read(stored, encode, &arena), rows.time(at), &mut row)
                    }
                    (None, None) => panic!("nothing reads {}", view.name),
                };
                answered.answer.event_times.entry(view.name.clone()).or_default().push(event_time);
            }
            answered.evaluate(&row, at);
            answered.columns.push(&row);
        }
        Ok(answered)
    }
}

/// The state of an entity in a window view; one that nobody wrote is empty.
fn state<'v>(
    states: &'v States,
    view: &View,
    reader: &'v WindowReader,
    encode: impl FnOnce(&EntityKey, &mut Vec<u8>) -> Result<(), BadKey>,
    arena: &'v Bump,
) -> StoredState<'v> {
    let (mut encoded, mut key) = (Vec::new(), Vec::new());
    if encode(&EntityKey::new(&view.entity, MAX_KEY_BYTES).unwrap(), &mut encoded).is_err() {
        return StoredState::Error(Reason::BadKey, "the key is bad");
    }
    keys::append_store_key(&encoded, &view.name, view.version, &mut key);
    let state = states.get(&key).map_or_else(
        || windows::State::empty(reader.plan()),
        |bytes| windows::State::decode(reader.plan(), bytes).unwrap(),
    );
    StoredState::State(arena.alloc(state))
}

impl Answered<'_> {
    /// Computes the vector of a row, and remembers its inputs.
    pub fn evaluate(&mut self, row: &InputRow<'_>, at: usize) {
        evaluate(self.plan, row, at, &mut self.answer);
        let inputs = self.plan.layout().inputs().iter().zip(row.values()).enumerate();
        let shown = inputs.map(|(index, (input, value))| {
            let found = match row.state(index).reason {
                Some(reason) => json!({"error": reason.name()}),
                None => dump::value(*value),
            };
            (input.name.clone(), found)
        });
        self.inputs.push(shown.collect());
    }
}

/// The rows of a request.
pub struct Rows<'v> {
    pub count: usize,
    pub keys: Given<'v>,
    given: Given<'v>,
    times: Vec<i64>,
}

impl<'v> Rows<'v> {
    /// Reads the rows of a request.
    pub fn read(
        (request, documents): (&Request, &'v Documents),
        service: &Service,
        arena: &'v Bump,
    ) -> Result<Self, String> {
        let keys = documents.read(&documents.entities, service.entities.iter().flat_map(|it| &it.keys), arena)?;
        let given = documents.read(&documents.request, &service.request, arena)?;
        let count = given.values().chain(keys.values()).map(Vec::len).max().unwrap_or_default();
        if given.values().chain(keys.values()).any(|column| column.len() != count) {
            return Err(format!("a column has not {count} rows"));
        }
        let times = times(request, service, &given)?;
        Ok(Self { count, keys, given, times })
    }

    /// The time of a row.
    pub fn time(&self, at: usize) -> i64 {
        self.times.get(at).or(self.times.first()).copied().unwrap_or(NOW)
    }

    /// The value of a column of the request; null where it is bad.
    pub fn value(&self, name: &str, at: usize) -> Value<'v> {
        self.given[name][at].clone().unwrap_or(Value::Null)
    }

    /// A row with the inputs that come with the request.
    pub fn begin(&self, plan: &Plan, at: usize) -> Result<InputRow<'v>, String> {
        let mut row = InputRow::new(plan.layout().inputs().len());
        for (index, input) in plan.layout().inputs().iter().enumerate() {
            if let Origin::Request(_) = input.origin {
                row.set(index, self.given[&input.name][at].clone()?);
            }
        }
        Ok(row)
    }
}

fn evaluate(plan: &Plan, row: &InputRow<'_>, at: usize, answer: &mut Answer) {
    let arena = Bump::new();
    let mut vector = vec![0.0; plan.width()];
    let mut states = vec![State::PRESENT; plan.slot_count()];
    if let Err(incomplete) = plan.evaluate(row, &arena, &mut vector, Some(&mut states)) {
        answer.incomplete.push(Incomplete {
            row: at,
            slot: plan.slot_name(incomplete.slot).to_owned(),
            status: incomplete.state.status.name().to_owned(),
            reason: incomplete.state.reason.map(|reason| reason.name().to_owned()),
            message: incomplete.state.why.to_owned(),
        });
    }
    answer.vectors.push(vector.iter().map(|number| number.to_bits()).collect());
    for (slot, state) in states.iter().enumerate() {
        let statuses = answer.statuses.entry(plan.slot_name(slot).to_owned()).or_default();
        statuses.push(state.status.name().to_owned());
    }
}

/// The columns of a request, parsed.
pub struct Documents {
    entities: BTreeMap<String, Vec<Json>>,
    request: BTreeMap<String, Vec<Json>>,
}

impl Documents {
    /// Parses them.
    pub fn new(request: &Request) -> Result<Self, String> {
        let parse = |columns: &BTreeMap<String, Json>| {
            let parse = |(name, column): (&String, &Json)| {
                let column = serde_json::from_str(&Request::column(column)).map_err(|error| error.to_string())?;
                Ok((name.clone(), column))
            };
            columns.iter().map(parse).collect::<Result<_, String>>()
        };
        Ok(Self { entities: parse(&request.entities)?, request: parse(&request.request)? })
    }

    fn read<'v, 'd>(
        &self,
        from: &'v BTreeMap<String, Vec<Json>>,
        declared: impl IntoIterator<Item = &'d Column>,
        arena: &'v Bump,
    ) -> Result<Given<'v>, String> {
        let read = |column: &Column| {
            let values = from.get(&column.name).ok_or_else(|| format!("`{}` is missing", column.name))?;
            let values = values.iter().map(|value| json::value(value, column.dtype, arena)).collect();
            Ok((column.name.clone(), values))
        };
        declared.into_iter().map(read).collect()
    }
}

fn times(request: &Request, service: &Service, given: &Given<'_>) -> Result<Vec<i64>, String> {
    let Some(column) = &service.time else {
        return request.times().iter().map(|text| time::parse(text)).collect();
    };
    let time = |value: &Result<Value<'_>, String>| match value {
        Ok(Value::Time(time)) => Ok(*time),
        Ok(_) => Err("is null, and it is the time of the service".to_owned()),
        Err(why) => Err(why.clone()),
    };
    given[column].iter().map(time).collect()
}

/// For each slot a list with what was fitted for each step; null for a slot that is not named.
fn parameters(service: &Service, fitted: &BTreeMap<String, Vec<Json>>) -> Json {
    let slot = |slot: &unskew_engine::definitions::SlotDefinition| match fitted.get(&slot.name) {
        Some(steps) => Json::Array(steps.clone()),
        None => Json::Array(vec![Json::Null; slot.steps.len()]),
    };
    Json::Array(service.slots.iter().map(slot).collect())
}
