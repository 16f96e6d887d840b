//! The row path: every row of a request resolved and computed on its own.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bumpalo::Bump;
use serde_json::Value as Json;
use unskew_engine::definitions::{Column, Definitions, Service, hex};
use unskew_engine::keys::BadKey;
use unskew_engine::plan::{InputRow, Origin, Plan, State};
use unskew_engine::row::{json, time};
use unskew_engine::value::Value;

use crate::batch_path::Columns;
use crate::definitions;
use crate::dump;
use crate::format::{Answer, File, Incomplete, Request};
use crate::store::{NOW, Reader, Store};

/// The definitions of a file, and their services ready to run; or why they are not.
pub struct Services {
    definitions: Definitions,
    plans: HashMap<String, Result<Plan, String>>,
    text: String,
    /// Fitted files by service.
    fitted: HashMap<String, String>,
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

    /// Answers a request; the inputs of every row are there for the batch path.
    pub fn answer(&self, request: &Request, store: &Store) -> Result<(Answer, &Plan, Columns), String> {
        let plan =
            self.plans.get(&request.service).ok_or_else(|| format!("there is no {}", request.service))?.as_ref()?;
        let service = plan.service();
        let documents = Documents::new(request)?;
        let arena = Bump::new();
        let keys = documents.read(&documents.entities, service.entities.iter().flat_map(|it| &it.keys), &arena)?;
        let given = documents.read(&documents.request, &service.request, &arena)?;
        let count = given.values().chain(keys.values()).map(Vec::len).max().unwrap_or_default();
        if given.values().chain(keys.values()).any(|column| column.len() != count) {
            return Err(format!("a column has not {count} rows"));
        }
        let times = times(request, service, &given)?;
        let readers: Vec<Reader> = service.views.iter().map(|view| store.reader(view)).collect();
        let mut columns = Columns::new(plan);
        let mut answer = Answer { names: plan.names(), fingerprint: hex(&plan.fingerprint()), ..Answer::default() };
        for at in 0..count {
            let t = times.get(at).or(times.first()).copied().unwrap_or(NOW);
            let mut row = InputRow::new(plan.layout().inputs().len());
            for (index, input) in plan.layout().inputs().iter().enumerate() {
                if let Origin::Request(_) = input.origin {
                    row.set(index, given[&input.name][at].clone()?);
                }
            }
            for ((view, reader), stored) in service.views.iter().zip(plan.readers()).zip(&readers) {
                let encode = |key: &unskew_engine::keys::EntityKey, out: &mut Vec<u8>| {
                    let parts: Result<Vec<Value<'_>>, String> =
                        view.entity.keys.iter().map(|key| keys[&key.name][at].clone()).collect();
                    let parts = parts.map_err(|message| BadKey { column: None, message })?;
                    key.encode(&parts, out)
                };
                let event_time = reader.read(store.read(stored, encode, &arena), t, &mut row);
                answer.event_times.entry(view.name.clone()).or_default().push(event_time);
            }
            evaluate(plan, &row, at, &mut answer);
            columns.push(&row);
        }
        Ok((answer, plan, columns))
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
struct Documents {
    entities: BTreeMap<String, Vec<Json>>,
    request: BTreeMap<String, Vec<Json>>,
}

impl Documents {
    fn new(request: &Request) -> Result<Self, String> {
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
