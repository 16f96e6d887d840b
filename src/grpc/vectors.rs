//! `GetFeatureVectors` and `Explain`: their messages to and from what the core takes.

use crate::api;
use crate::api::column::Values;
use crate::error::Error;
use crate::lookup::defined::columns::{Cells, Column};
use crate::lookup::defined::{Explained, SlotTrace, Vectors, VectorsAsked};

/// What a request for vectors asks.
pub(super) fn asked(request: api::FeatureVectorsRequest) -> Result<VectorsAsked, Error> {
    Ok(VectorsAsked {
        service: request.service,
        entities: columns(request.entities, "entities")?,
        request: columns(request.request, "request")?,
        fingerprint: (!request.fingerprint.is_empty()).then_some(request.fingerprint),
        as_of: request.as_of,
        names: request.names,
        event_times: request.event_times,
        slot_statuses: request.slot_statuses,
    })
}

/// What a request to explain asks.
pub(super) fn asked_to_explain(request: api::ExplainRequest) -> Result<VectorsAsked, Error> {
    Ok(VectorsAsked {
        service: request.service,
        entities: columns(request.entities, "entities")?,
        request: columns(request.request, "request")?,
        fingerprint: (!request.fingerprint.is_empty()).then_some(request.fingerprint),
        as_of: request.as_of.into_iter().collect(),
        ..VectorsAsked::default()
    })
}

fn columns(columns: Vec<api::Column>, field: &str) -> Result<Vec<Column>, Error> {
    columns.into_iter().map(|given| column(given, field)).collect()
}

fn column(given: api::Column, field: &str) -> Result<Column, Error> {
    let invalid = |message: &str| Error::invalid(&format!("{field}.{}", given.name), message);
    let cells = match given.values {
        Some(Values::Bools(values)) => Cells::Bools(values.values),
        Some(Values::Ints(values)) => Cells::Ints(values.values),
        Some(Values::Floats(values)) => Cells::Floats(values.values),
        Some(Values::Texts(values)) => Cells::Texts(values.values),
        Some(Values::Blobs(values)) => Cells::Blobs(values.values.into_iter().map(Into::into).collect()),
        Some(Values::Timestamps(values)) => Cells::Times(values.values),
        Some(Values::Json(texts)) => {
            let parse = |(row, text): (usize, &String)| {
                serde_json::from_str(text)
                    .map_err(|error| Error::invalid(&format!("{field}.{}[{row}]", given.name), error.to_string()))
            };
            Cells::Json(texts.values.iter().enumerate().map(parse).collect::<Result<_, _>>()?)
        }
        None => return Err(invalid("has no values: set bools, ints, floats, texts, blobs, timestamps or json")),
    };
    if !given.nulls.is_sorted() {
        return Err(invalid("nulls must be ascending"));
    }
    Ok(Column { name: given.name, cells, nulls: given.nulls })
}

fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The reply with vectors.
pub(super) fn reply(vectors: Vectors, names: bool) -> api::FeatureVectorsResponse {
    let plan = &vectors.plan;
    let slot_names = || (0..plan.slot_count()).map(|slot| plan.slot_name(slot).to_owned()).collect();
    api::FeatureVectorsResponse {
        rows: count(vectors.rows),
        columns: count(plan.width()),
        incomplete: vectors
            .incomplete
            .iter()
            .map(|row| api::IncompleteRow {
                row: count(row.row),
                slot: plan.slot_name(row.slot).to_owned(),
                status: row.status as i32,
                reason: row.reason.map_or(0, |reason| reason as i32),
                message: row.why.to_owned(),
            })
            .collect(),
        fingerprint: plan.fingerprint().to_vec(),
        oldest_event_time: vectors.oldest,
        names: if names { plan.names() } else { Vec::new() },
        slots: if vectors.slot_statuses.is_empty() { Vec::new() } else { slot_names() },
        event_times: vectors
            .event_times
            .into_iter()
            .map(|times| api::ViewTimes {
                view: times.view,
                event_times: times.event_times.into_iter().map(|time| time.unwrap_or(i64::MIN)).collect(),
            })
            .collect(),
        slot_statuses: vectors.slot_statuses,
        vectors: vectors.bytes,
    }
}

/// The reply with an explanation.
pub(super) fn explained(explained: Explained) -> api::ExplainResponse {
    let input = |input: crate::lookup::defined::ExplainedInput| api::ExplainedInput {
        name: input.name,
        dtype: input.dtype.to_string(),
        value: input.value,
        status: input.state.status as i32,
        reason: input.state.reason.map_or(0, |reason| reason as i32),
        message: input.message,
        view: input.view,
        key: input.key,
        event_time: input.event_time,
        age: input.age,
    };
    let names: Vec<String> = explained.inputs.iter().map(|input| input.name.clone()).collect();
    let slot = |slot: SlotTrace| api::ExplainedSlot {
        reads: slot.reads.iter().filter_map(|&read| names.get(read).cloned()).collect(),
        name: slot.name,
        source: slot.source.unwrap_or_else(|why| why),
        steps: slot
            .steps
            .into_iter()
            .map(|step| api::ExplainedStep { name: step.name.to_owned(), value: step.value.unwrap_or_else(|why| why) })
            .collect(),
        positions: slot.positions,
        status: slot.state.status as i32,
        reason: slot.state.reason.map_or(0, |reason| reason as i32),
        message: slot.state.why.to_owned(),
    };
    api::ExplainResponse {
        service: explained.service,
        fingerprint: explained.fingerprint.to_vec(),
        as_of: explained.as_of,
        slots: explained.slots.into_iter().map(slot).collect(),
        inputs: explained.inputs.into_iter().map(input).collect(),
    }
}
