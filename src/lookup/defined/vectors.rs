//! The vectors of a service: check the request, read all rows in one round trip, compute.

use std::sync::Arc;
use std::time::Instant;

use bumpalo::Bump;
use unskew_engine::plan::{InputRow, Plan, State};
use unskew_engine::value::Value;

use super::catalog::Catalog;
use super::columns::Column;
use super::rows::{Decoded, EntityKeys, StoredRows, WantedRows};
use crate::clock::Micros;
use crate::error::{Code, Error};
use crate::lookup::{Lookup, Reason, Status, store_budget, time};
use crate::telemetry::metrics::Stage;
use crate::telemetry::trace::{self, Count, Named};

/// What a client asked for, as it was sent.
#[derive(Clone, Debug, Default)]
pub struct VectorsAsked {
    /// The service.
    pub service: String,
    /// The key columns of its entities, all of one length.
    pub entities: Vec<Column>,
    /// Its request columns.
    pub request: Vec<Column>,
    /// The fingerprint of the model; none: the default of the service.
    pub fingerprint: Option<Vec<u8>>,
    /// The time t in microseconds since 1970-01-01 UTC: none, one for all rows, or one for each.
    pub as_of: Vec<Micros>,
    /// Whether to give the names of the columns.
    pub names: bool,
    /// Whether to give the event time of every row that was read.
    pub event_times: bool,
    /// Whether to give the status of every slot.
    pub slot_statuses: bool,
}

/// Vectors, row by row.
#[derive(Clone, Debug)]
pub struct Vectors {
    /// The plan that computed them.
    pub plan: Arc<Plan>,
    /// How many there are.
    pub rows: usize,
    /// rows × width float32, little-endian.
    pub bytes: Vec<u8>,
    /// Rows with a slot that has no finite number.
    pub incomplete: Vec<IncompleteRow>,
    /// The oldest event time of a row that was read.
    pub oldest: Option<Micros>,
    /// If asked for: for each view, the event time of each row.
    pub event_times: Vec<ViewTimes>,
    /// If asked for: rows × slots statuses, as on the wire.
    pub slot_statuses: Vec<u8>,
}

/// A row that is not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IncompleteRow {
    /// Its position.
    pub row: usize,
    /// The first slot without a finite number, by its position.
    pub slot: usize,
    /// The status of that slot.
    pub status: Status,
    /// Why it is ERROR.
    pub reason: Option<Reason>,
    /// The same in words.
    pub why: &'static str,
}

/// Event times of the rows of one view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewTimes {
    /// The view.
    pub view: String,
    /// One a row; none where there is no row.
    pub event_times: Vec<Option<Micros>>,
}

/// A request that was checked, with what it needs to compute.
pub(super) struct Checked<'a> {
    pub(super) plan: &'a Plan,
    pub(super) rows: usize,
    /// For each entity of the service, its key columns in declared order.
    pub(super) keys: Vec<Vec<&'a Column>>,
    /// For each request column of the service.
    pub(super) request: Vec<&'a Column>,
    as_of: &'a [Micros],
    now: Micros,
    /// The request column that is t.
    time: Option<usize>,
}

impl Lookup {
    /// Computes the vectors of a request. `now`: the time of arrival.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a malformed request; FAILED_PRECONDITION for what is not loaded; UNAVAILABLE or DEADLINE_EXCEEDED when the store
    /// answered for no key; REPLY_TOO_LARGE.
    pub async fn vectors(&self, asked: VectorsAsked, now: Micros, deadline: Instant) -> Result<Vectors, Error> {
        let start = Instant::now();
        let catalog = self.catalog();
        let plan = catalog.plan(&asked.service, asked.fingerprint.as_deref())?.clone();
        let checked = Checked::new(&plan, &asked, now, self.limits.request.entity_ids)?;
        self.check_size(&checked, asked.slot_statuses)?;
        let arena = Bump::new();
        let wanted = checked.wanted(&catalog, &arena);
        let planned = Instant::now();
        self.metrics.stage(Stage::Decode, start, planned);
        trace::name(Named::Service, &plan.service().name);
        trace::count(Count::Vectors, checked.rows as u64);
        let budget = store_budget(self.limits.store_timeout, deadline);
        let stored = self.stored_rows(&catalog, wanted, budget, deadline).await?;
        let fetched = Instant::now();
        self.metrics.stage(Stage::Store, planned, fetched);
        let vectors = compute(&checked, &plan, &stored, &arena, &asked)?;
        self.metrics.stage(Stage::Encode, fetched, Instant::now());
        trace::count(Count::IncompleteVectors, vectors.incomplete.len() as u64);
        Ok(vectors)
    }

    fn check_size(&self, checked: &Checked<'_>, with_statuses: bool) -> Result<(), Error> {
        let each = checked.plan.width() * 4 + if with_statuses { checked.plan.slot_count() } else { 0 };
        let limit = self.limits.reply_bytes;
        if each * checked.rows > limit {
            let message = format!(
                "{} vectors of {each} bytes are more than {limit} bytes (limits.max_reply_bytes): ask for fewer rows",
                checked.rows
            );
            return Err(Error::new(Code::ReplyTooLarge, message));
        }
        Ok(())
    }
}

impl<'a> Checked<'a> {
    pub(super) fn new(plan: &'a Plan, asked: &'a VectorsAsked, now: Micros, max_rows: usize) -> Result<Self, Error> {
        let service = plan.service();
        let mut rows = None;
        let mut length = |column: &Column, field: &str| {
            let count = column.len();
            if *rows.get_or_insert(count) == count {
                return Ok(());
            }
            let message = format!("has {count} rows where the columns before it have {}", rows.unwrap_or_default());
            Err(Error::invalid(&format!("{field}.{}", column.name), message))
        };
        let mut keys = Vec::with_capacity(service.entities.len());
        for entity in &service.entities {
            let mut of_entity = Vec::with_capacity(entity.keys.len());
            for key in &entity.keys {
                let column = one(&asked.entities, &key.name, "entities")?;
                length(column, "entities")?;
                of_entity.push(column);
            }
            keys.push(of_entity);
        }
        let known = |name: &str| service.entities.iter().any(|entity| entity.keys.iter().any(|key| key.name == name));
        refuse_unknown(&asked.entities, "entities", known)?;
        let mut request = Vec::with_capacity(service.request.len());
        for declared in &service.request {
            let column = one(&asked.request, &declared.name, "request")?;
            length(column, "request")?;
            request.push(column);
        }
        refuse_unknown(&asked.request, "request", |name| service.request.iter().any(|column| column.name == name))?;
        let rows = rows.unwrap_or_default();
        if rows == 0 {
            return Err(Error::invalid("entities", "the columns have no row; at least one is needed"));
        }
        if rows > max_rows {
            let message = format!(
                "the columns have {rows} rows, at most {max_rows} are allowed in one request (limits.max_entity_ids)"
            );
            return Err(Error::invalid("entities", message));
        }
        let time =
            service.time.as_ref().and_then(|time| service.request.iter().position(|column| &column.name == time));
        if let (Some(time), false) = (time, asked.as_of.is_empty()) {
            let name = &service.request[time].name;
            return Err(Error::invalid(
                "as_of",
                format!("the service takes its time from the request column {name:?}"),
            ));
        }
        if asked.as_of.len() > 1 && asked.as_of.len() != rows {
            let message = format!("has {} times for {rows} rows: send none, one, or one for each", asked.as_of.len());
            return Err(Error::invalid("as_of", message));
        }
        if !asked.as_of.iter().all(|&as_of| time::is_writable(as_of)) {
            return Err(Error::invalid(
                "as_of",
                "must lie in the years 1 to 9999, in microseconds since 1970-01-01 UTC",
            ));
        }
        Ok(Self { plan, rows, keys, request, as_of: &asked.as_of, now, time })
    }

    /// The time t of a row.
    pub(super) fn time<'v>(&'v self, row: usize, arena: &'v Bump) -> Result<Micros, Error> {
        if let Some(position) = self.time {
            let column = self.request[position];
            let dtype = self.plan.service().request[position].dtype;
            let value = column.value(row, dtype, arena).map_err(|why| bad_cell(column, row, why))?;
            let Value::Time(time) = value else {
                return Err(bad_cell(column, row, "is null, and it is the time of the service".to_owned()));
            };
            return Ok(time);
        }
        Ok(match self.as_of {
            [] => self.now,
            [one] => *one,
            times => times.get(row).copied().unwrap_or(self.now),
        })
    }

    /// The rows to read: of every view of the service, one for each row of the request.
    pub(super) fn wanted(&self, catalog: &Catalog, arena: &Bump) -> WantedRows {
        let service = self.plan.service();
        let keys: Vec<EntityKeys> = self
            .keys
            .iter()
            .zip(&service.entities)
            .map(|(columns, entity)| {
                let mut keys = EntityKeys::with_capacity(self.rows);
                let mut parts = Vec::with_capacity(columns.len());
                for row in 0..self.rows {
                    keys.push(|out| {
                        parts.clear();
                        for (column, key) in columns.iter().zip(&entity.keys) {
                            let part = column
                                .value(row, key.dtype, arena)
                                .map_err(|why| format!("the key {:?} {why}", key.name))?;
                            parts.push(part);
                        }
                        let encoder =
                            catalog.key(&entity.name).ok_or_else(|| "the entity is not defined any more".to_owned())?;
                        encoder.encode(&parts, out).map_err(|bad| bad.message)
                    });
                }
                keys
            })
            .collect();
        let mut wanted = WantedRows::default();
        for view in &service.views {
            let entity = service.entities.iter().position(|entity| entity.name == view.entity.name);
            if let (Some(served), Some(keys)) = (catalog.served(&view.name), entity.and_then(|at| keys.get(at))) {
                wanted.add(served, keys);
            }
        }
        wanted
    }

    /// The value of a request column, by its position among those of the service.
    fn request_value<'v>(&'v self, row: usize, position: usize, arena: &'v Bump) -> Result<Value<'v>, Error> {
        let dtype = self.plan.service().request[position].dtype;
        let column = self.request[position];
        column.value(row, dtype, arena).map_err(|why| bad_cell(column, row, why))
    }

    /// Sets the inputs that come from the views, and tells the event time of what was read of each, by view.
    pub(super) fn set_views<'v>(
        &'v self,
        row: usize,
        (t, arena): (Micros, &'v Bump),
        (stored, states): (&'v StoredRows, &'v [Vec<Decoded<'v>>]),
        inputs: &mut InputRow<'v>,
        mut read: impl FnMut(usize, Option<Micros>),
    ) -> Result<(), Error> {
        for (view, reader) in self.plan.readers().iter().enumerate() {
            let window = self.plan.windows().get(view).and_then(Option::as_ref);
            let state = states.get(view).and_then(|states| states.get(row));
            let event_time = match (window, state) {
                (Some(window), Some(state)) => {
                    let mut fault = None;
                    let request = |position| {
                        self.request_value(row, position, arena).unwrap_or_else(|error| {
                            fault = Some(error);
                            Value::Null
                        })
                    };
                    let times = (t, stored.complete_since(view));
                    let event_time = window.read(state.stored(), times, request, arena, inputs);
                    if let Some(fault) = fault {
                        return Err(fault);
                    }
                    event_time
                }
                _ => reader.read(stored.get(view, row, arena).0, t, inputs),
            };
            read(view, event_time);
        }
        Ok(())
    }

    /// Sets the inputs that come with the request.
    pub(super) fn set_request<'v>(&'v self, row: usize, out: &mut InputRow<'v>, arena: &'v Bump) -> Result<(), Error> {
        let layout = self.plan.layout();
        for &(index, position) in layout.request() {
            let (column, input) = (self.request[position], &layout.inputs()[index]);
            out.set(index, column.value(row, input.dtype, arena).map_err(|why| bad_cell(column, row, why))?);
        }
        Ok(())
    }
}

fn bad_cell(column: &Column, row: usize, why: String) -> Error {
    Error::invalid(&format!("request.{}[{row}]", column.name), why)
}

/// The one column of a name.
fn one<'a>(columns: &'a [Column], name: &str, field: &str) -> Result<&'a Column, Error> {
    let mut found = columns.iter().filter(|column| column.name == name);
    match (found.next(), found.next()) {
        (Some(column), None) => Ok(column),
        (Some(_), Some(_)) => Err(Error::invalid(&format!("{field}.{name}"), "is there twice")),
        (None, _) => Err(Error::invalid(&format!("{field}.{name}"), "is missing; the service reads it")),
    }
}

fn refuse_unknown(columns: &[Column], field: &str, known: impl Fn(&str) -> bool) -> Result<(), Error> {
    match columns.iter().find(|column| !known(&column.name)) {
        None => Ok(()),
        Some(column) => Err(Error::invalid(&format!("{field}.{}", column.name), "is no column of the service")),
    }
}

fn compute(
    checked: &Checked<'_>,
    plan: &Arc<Plan>,
    stored: &StoredRows,
    arena: &Bump,
    asked: &VectorsAsked,
) -> Result<Vectors, Error> {
    let (rows, width, slots) = (checked.rows, plan.width(), plan.slot_count());
    let views = &plan.service().views;
    let mut vectors = Vectors {
        plan: plan.clone(),
        rows,
        bytes: Vec::new(),
        incomplete: Vec::new(),
        oldest: None,
        event_times: Vec::new(),
        slot_statuses: Vec::new(),
    };
    if asked.event_times {
        let times = |view: &str| ViewTimes { view: view.to_owned(), event_times: Vec::with_capacity(rows) };
        vectors.event_times = views.iter().map(|view| times(&view.name)).collect();
    }
    let entities: Vec<_> = (0..views.len()).map(|view| stored.states(view)).collect();
    let mut inputs = InputRow::new(plan.layout().inputs().len());
    let mut vector = vec![0.0; width];
    let mut states = vec![State::PRESENT; if asked.slot_statuses { slots } else { 0 }];
    let mut of_row = Bump::new();
    let mut bytes = vec![0; rows * width * 4];
    for (row, place) in bytes.chunks_exact_mut(width * 4).enumerate() {
        inputs.begin();
        let t = checked.time(row, arena)?;
        checked.set_request(row, &mut inputs, arena)?;
        checked.set_views(row, (t, arena), (stored, &entities), &mut inputs, |view, event_time| {
            vectors.oldest = match (vectors.oldest, event_time) {
                (Some(oldest), Some(time)) => Some(oldest.min(time)),
                (oldest, time) => oldest.or(time),
            };
            if let Some(times) = vectors.event_times.get_mut(view) {
                times.event_times.push(event_time);
            }
        })?;
        let wanted = asked.slot_statuses.then_some(&mut states[..]);
        if let Err(incomplete) = plan.evaluate(&inputs, &of_row, &mut vector, wanted) {
            let state = incomplete.state;
            let (status, reason, why) = (state.status, state.reason, state.why);
            vectors.incomplete.push(IncompleteRow { row, slot: incomplete.slot, status, reason, why });
        }
        for (place, number) in place.as_chunks_mut().0.iter_mut().zip(&vector) {
            *place = number.to_le_bytes();
        }
        vectors.slot_statuses.extend(states.iter().map(|state| state.status as u8));
        of_row.reset();
    }
    vectors.bytes = bytes;
    Ok(vectors)
}
